"""What a build tells: to the caller (`BuildResult`, the answer of `build --json`) and to the
release (`Facts`).

{"release": "out/region-diff", "name": "region-diff", "version": "dev", "rows": {"pairs": 812, ...},
 "candidates": 2000, "resumed": 640, "rejects": {"outside_changed": 41}, "seconds": 93.1, ...}
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from counterfactory.factory.release.facts import Facts
    from counterfactory.factory.run.site import Site


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildResult:
    """A finished build, or one that its budget stopped."""

    release: Path | str  # its folder, or its URL; not there yet when `finished` is false
    name: str
    fingerprint: str  # of the recipe
    finished: bool  # false: stopped by its budget; the same command goes on
    candidates: int  # that have an end, as row or reject
    resumed: int  # of those, finished by earlier runs
    kept: int
    rows: Mapping[str, int] = field(default_factory=dict)  # view -> rows
    rejects: Mapping[str, int] = field(default_factory=dict)  # reason -> candidates
    seconds: float = 0.0  # of this run
    version: str = "dev"
    oracle: Mapping[str, Any] | None = None

    @property
    def rows_per_second(self) -> float:
        """Candidates that this run brought to an end, per second."""
        return (self.candidates - self.resumed) / self.seconds if self.seconds else 0.0

    def to_json(self) -> dict[str, Any]:
        """Return the answer of `--json`."""
        fields = {**asdict(self), "release": str(self.release)}
        fields["seconds"] = round(self.seconds, 3)
        fields["rows_per_second"] = round(self.rows_per_second, 2)
        return {name: value for name, value in fields.items() if name != "oracle" or value}


def result_of(
    manifest: Mapping[str, Any],
    out: Path | str,
    *,
    seconds: float,
    oracle: Mapping[str, Any] | None,
) -> BuildResult:
    """Return the result of a release that is there already: all of it is resumed."""
    stages = {
        (stage["stage"], reason): number
        for stage in manifest["funnel"]
        for reason, number in stage["reasons"].items()
    }
    return BuildResult(
        release=out, name=manifest["name"], fingerprint=manifest["fingerprint"], finished=True,
        candidates=manifest["candidates"], resumed=manifest["candidates"], kept=manifest["kept"],
        rows={view: about["rows"] for view, about in manifest["views"].items()}, rejects=by_reason(stages),
        seconds=seconds, version=manifest["version"], oracle=oracle,
    )  # fmt: skip


def standing_of(site: "Site", out: Path, *, resumed: int) -> BuildResult:
    """Return where a build stands by its ledger."""
    candidates, rejects = site.ledger.count(), by_reason(site.ledger.stages())
    return BuildResult(
        release=out, name=site.recipe.name, fingerprint=site.recipe.fingerprint,
        finished=not site.missing(), candidates=candidates, resumed=resumed,
        kept=candidates - sum(rejects.values()), rejects=rejects,
    )  # fmt: skip


def by_reason(stages: Mapping[tuple[str, str], int]) -> dict[str, int]:
    """Return rejects by reason alone.

    >>> by_reason({("mask", "no_space"): 2, ("propose", "no_space"): 1})
    {'no_space': 3}
    """
    found: dict[str, int] = {}
    for (_, reason), number in stages.items():
        found[reason] = found.get(reason, 0) + number
    return found


def facts_of(site: "Site", result: BuildResult, measures: Mapping[str, Any]) -> "Facts":
    """Return all that the release says of itself, besides its data."""
    from counterfactory.factory.release.facts import Facts, funnel_of, library_versions

    recipe = site.recipe
    names = [*(op.name for op in recipe.ops), *(check.name for check in recipe.checks)]
    return Facts(
        name=recipe.name,
        fingerprint=recipe.fingerprint,
        recipe=recipe.values(),
        recipe_yaml=recipe.yaml(),
        candidates=result.candidates,
        kept=result.kept,
        funnel=funnel_of(result.candidates, names, site.ledger.stages()),
        created=datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        title=recipe.release.title,
        description=recipe.description,
        tags=recipe.release.tags,
        harmful_text=recipe.release.harmful_text,
        license=recipe.release.license,
        languages=recipe.release.languages,
        sources=(site.source.describe(),),
        models=site.provenance.models,
        checks=tuple(check.model_dump(mode="json") for check in recipe.checks),
        measures=measures,
        oracle=result.oracle,
        uses_oracle=any(getattr(part, "oracle", False) for part in (recipe.source, *recipe.ops)),
        versions=library_versions(),
    )
