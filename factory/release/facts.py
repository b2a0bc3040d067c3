"""What is known of a finished build: handed over by the engine, written into card and manifest.

    facts = Facts(name="region-diff", fingerprint="5f0c...", candidates=2000, kept=901,
                  funnel=funnel_of(2000, ["propose", "edit", "locality"], rejects), ...)
    write_release(folder, facts)

Row counts, features, file sizes and digests are not in here: they are read from the data files, so
that what is promised is what is there.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from counterfactory.records import ModelRef


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """One op or check in the funnel: how many candidates came, how many went on, and why not."""

    name: str
    entered: int
    left: int
    reasons: Mapping[str, int]  # reason -> rejects; the sum is entered - left


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """All that a release says of itself, besides its data."""

    name: str  # of the recipe
    fingerprint: str  # of the resolved recipe
    recipe: Mapping[str, Any]  # resolved: what was really run
    recipe_yaml: str  # the same as YAML
    candidates: int
    kept: int
    funnel: tuple[Stage, ...]
    created: str  # "2026-11-21T11:09:30Z"; stands in manifest and card only
    version: str = "dev"
    title: str = ""  # empty: made from the name
    description: str = ""  # of the recipe: what the data is for
    tags: tuple[str, ...] = ()  # more tags for the card
    harmful_text: bool = False  # the card warns and names the columns
    license: str = "other"  # of the release as a whole, an id that the Hub knows
    languages: tuple[str, ...] = ("en",)
    sources: tuple[Mapping[str, Any], ...] = ()  # each source's `describe()`
    models: tuple[ModelRef, ...] = ()
    checks: tuple[Mapping[str, Any], ...] = ()  # as in the recipe, defaults filled in
    measures: Mapping[str, Any] = field(default_factory=dict)  # `measures.Measures.result()`
    oracle: Mapping[str, Any] | None = None  # the oracle's report, where the world knows the truth
    uses_oracle: bool = False  # made by the oracle: an upper bound, not factory output
    versions: Mapping[str, str] = field(default_factory=dict)  # library -> version
    changes: str = ""  # markdown for card and CHANGELOG.md; empty: first release
    address: str = ""  # org/name where it is published; empty: a folder

    @property
    def made_for(self) -> Mapping[str, Any] | None:
        """What a loop made it for, as the recipe says (`factory.made_for`)."""
        found: Mapping[str, Any] | None = (self.recipe.get("release") or {}).get("made_for")
        return found


def funnel_of(
    candidates: int, stages: Sequence[str], rejects: Mapping[tuple[str, str], int]
) -> tuple[Stage, ...]:
    """Return the funnel, given how many rejects each (stage, reason) has.

    Stages come in the order of the chain; one that only rejects know of ("source") comes first.

    >>> funnel_of(10, ["mask"], {("source", "image_unreadable"): 1, ("mask", "no_target"): 2})[1]
    Stage(name='mask', entered=9, left=7, reasons={'no_target': 2})
    """
    unknown = sorted({stage for stage, _ in rejects} - set(stages))
    funnel, entered = [], candidates
    for name in [*unknown, *dict.fromkeys(stages)]:
        reasons = {reason: n for (stage, reason), n in sorted(rejects.items()) if stage == name}
        left = entered - sum(reasons.values())
        funnel.append(Stage(name=name, entered=entered, left=left, reasons=reasons))
        entered = left
    return tuple(funnel)


def library_versions() -> dict[str, str]:
    """Return the versions of the libraries that decide what a build gives."""
    import platform
    from importlib.metadata import PackageNotFoundError, version

    names = ("counterfactory", "numpy", "pillow", "pyarrow", "datasets", "torch", "diffusers")
    versions = {"python": platform.python_version()}
    for name in names:
        try:
            versions[name] = version(name)
        except PackageNotFoundError:
            continue
    return versions
