"""A trained model as a parcel: the folder that `train` wrote, with its evaluation and its data linked.

model_parcel(Path("runs/prefer"), [Path("runs/prefer-eval")], ["org/safety@2026.11.21.1"])

What one machine knows alone, the paths in run.json, is not published: a release that was read from a
folder is named, or linked where `--data` says that the same rows are published.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from counterfactory.cards import model as card
from counterfactory.errors import UserError
from counterfactory.factory.release import manifest
from counterfactory.factory.release.publish.parcel import (
    RUN,
    Edition,
    entry,
    files_below,
    plain_manifest,
    with_earlier,
)
from counterfactory.fingerprint import digest, digest_weights

WRITTEN = ("README.md", "CHANGELOG.md", RUN, manifest.NAME)
_WANTED = ("method", "model", "data", "replay", "steps", "settings", "facts", "final", "versions")


@dataclass(frozen=True)
class ModelParcel:
    """The folder of a trained model."""

    folder: Path
    run: Mapping[str, Any]
    evaluations: Sequence[Mapping[str, Any]] = ()
    releases: Mapping[str, str] = field(default_factory=dict)  # name in run.json -> org/name@tag
    kind = "model"
    repo_type = "model"

    @property
    def name(self) -> str:
        """Return the folder's name."""
        return self.folder.name

    @cached_property
    def kept(self) -> Mapping[str, Path]:
        """Return weights, settings and curves."""
        return {p: f for p, f in files_below(self.folder).items() if p not in WRITTEN}

    @cached_property
    def content(self) -> str:
        """Return the digest of the weights, of what made them, and of what the card tells."""
        files = {path: entry(path, file)["sha256"] for path, file in self.kept.items()}
        told = [
            {"suite": e["suite"], "split": e["split"], "axes": e["axes"]} for e in self.evaluations
        ]
        return digest(
            {
                "files": files,
                "run": _plain(self.run),
                "eval": _plain(told),
                "data": dict(self.releases),
            }
        )

    @property
    def _local(self) -> frozenset[str]:
        """Return the releases of the run that were read from folders."""
        held = (*self.run["data"], *self.run["replay"])
        return frozenset(one["release"] for one in held if card.is_local(one))

    @property
    def configs(self) -> dict[str, dict[str, list[str]]]:
        """Return nothing: a model has no rows."""
        return {}

    def written(self, edition: Edition) -> dict[str, bytes]:
        """Return card, run, changelog and manifest of this version."""
        address = card.Address(
            repo=edition.repo, version=edition.version, changes=edition.changes, releases=self.releases
        )  # fmt: skip
        run = json.dumps(without_paths(self.run, self._local), indent=2, ensure_ascii=False) + "\n"
        settings = without_paths(self.run["settings"], self._local)
        told_run = {**self.run, "settings": settings, "facts": without_paths(self.run["facts"])}
        told = f"{edition.changes}\n" if edition.changes else ""
        changelog = (
            f"## {edition.version}\n\n{told}- {self.run['method']}, {self.run['steps']} steps, weights "
            f"`{self.run['weights_hash'][:12]}`"
        )
        files: dict[str, bytes] = {
            "README.md": card.render(told_run, self.folder, self.evaluations, address).encode(),
            "CHANGELOG.md": with_earlier(changelog, edition.changelog).encode(),
            RUN: run.encode(),
        }
        whole = plain_manifest(
            self, edition, {**self.kept, **files}, weights_hash=self.run["weights_hash"],
            data=sorted(self.releases.values()),
        )  # fmt: skip
        return files | {manifest.NAME: whole}

    def owns(self, path: str) -> bool:
        """Say whether a file is weights that a loader may pick up, or one this parcel writes."""
        weights = path.endswith((".safetensors", ".bin", ".safetensors.index.json"))
        return weights or path in WRITTEN or path in self.kept

    def wanted(self, manifest: Mapping[str, Any]) -> Sequence[str]:
        """Return nothing: the digests tell."""
        return ()

    def changes(self, before: Path, manifest: Mapping[str, Any]) -> str:
        """Return whether the weights are others, and which files came or went."""
        old = {one["path"] for one in manifest["files"]} - {*WRITTEN}
        same = manifest.get("weights_hash") == self.run["weights_hash"]
        lines = [
            f"- since `{manifest.get('version', '')}`",
            "- the same weights" if same else f"- other weights: `{self.run['weights_hash'][:12]}`",
        ]
        for word, names in (("new", set(self.kept) - old), ("gone", old - set(self.kept))):
            if names:
                lines.append(f"- {word}: {', '.join(f'`{name}`' for name in sorted(names))}")
        return "\n".join(lines)


def model_parcel(folder: Path, evaluations: Sequence[Path], releases: Sequence[str]) -> ModelParcel:
    """Return a model whose weights are those of its run. Raises `UserError`."""
    path = folder / RUN
    try:
        run = json.loads(path.read_bytes())
        wanted, _ = run["weights_hash"], [run[name] for name in _WANTED]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(f"{path}: cannot be read, expected what `train` wrote") from error
    try:
        found = digest_weights(folder)
    except FileNotFoundError:
        found = ""
    if found != wanted:
        raise UserError(
            f"{folder}: found weights {found[:12] or 'missing'}, expected {str(wanted)[:12]} ({RUN}); "
            "train again, or publish the folder that `train` wrote"
        )
    results = [_evaluation(one, wanted) for one in evaluations]
    return ModelParcel(folder, run, results, dict(_links(run, releases)))


def _evaluation(folder: Path, weights: str) -> dict[str, Any]:
    path = folder.expanduser() / "summary.json"
    try:
        found = json.loads(path.read_bytes())
        axes = {
            axis: {k: one[k] for k in ("value", "low", "high", "n")}
            for axis, one in found["axes"].items()
        }
        suite, split, of = found["suite"], found["split"], found["weights_hash"]
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        raise UserError(
            f"--eval: found no results in {path}, expected a folder of `eval run`"
        ) from None
    if of != weights:
        raise UserError(
            f"--eval: {path} is of weights {str(of)[:12]}, expected those of this model, {weights[:12]}"
        )
    return {"suite": suite, "split": split, "axes": axes}


def _links(run: Mapping[str, Any], releases: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Yield the releases of the run that are published where `--data` says, by the digests of rows."""
    for release in releases:
        repo, _, tag = release.partition("@")
        if repo.count("/") != 1 or not tag:
            raise UserError(f"--data: found {release!r}, expected org/name@tag")
        held = _remote_manifest(release, repo, tag)
        matching = [
            one for one in (*run["data"], *run["replay"]) if _rows(held, one) == one["data"]
        ]
        if not matching:
            names = ", ".join(sorted({one["name"] for one in (*run["data"], *run["replay"])}))
            raise UserError(
                f"--data: {release} holds other rows than this model was trained on ({names})"
            )
        for one in matching:
            yield one["release"], release


def _rows(held: Mapping[str, Any], used: Mapping[str, Any]) -> str:
    """Return the digest of the data that a run used, as run.json has it, of another manifest."""
    views = [view for view in used["views"] if view in held["views"]]
    return digest({view: [f["sha256"] for f in held["views"][view]["files"]] for view in views})


def _remote_manifest(release: str, repo: str, tag: str) -> dict[str, Any]:
    import tempfile

    from counterfactory.factory.release.publish.remote import Remote

    with tempfile.TemporaryDirectory(prefix="counterfactory-publish-") as place:
        path = Remote(repo, "dataset").fetch(manifest.NAME, tag, Path(place))
        try:
            held = json.loads(path.read_bytes())
            _ = held["views"].values()
        except (ValueError, KeyError, TypeError, AttributeError):
            raise UserError(f"--data: {release} is no release") from None
    return dict(held)


def without_paths(value: Any, local: frozenset[str] = frozenset()) -> Any:
    """Return a run without the paths of this machine: of each, the last part is left.

    `local` holds names that are relative paths, though they read like org/name.
    """
    if isinstance(value, Mapping):
        return {name: without_paths(one, local) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [without_paths(one, local) for one in value]
    if not isinstance(value, str):
        return value
    return Path(value).name if value in local or _looks_local(value) else value


def _looks_local(text: str) -> bool:
    return "\n" not in text and len(text) < 500 and "/" in text and card.is_path(text)


def _plain(value: Any) -> Any:
    """Return JSON types for a digest: numbers that are none become text."""
    return json.loads(json.dumps(value, default=str), parse_constant=str)
