"""What is published: a release, a trained model or an evaluation suite, in one shape.

    parcel = open_parcel(Path("runs/region-diff"))
    parcel.repo_type, parcel.name         ("dataset", "region-diff")
    parcel.kept                           files that are sent as they are: path -> file
    parcel.written(edition)               files that tell the version: card, changelog, manifest

The folder itself is never changed: what tells the version is written anew, beside it, in memory.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from counterfactory.errors import UserError
from counterfactory.factory.release import manifest
from counterfactory.factory.release.publish.loaded_back import Configs

RUN, SUITE = "run.json", "suite.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Edition:
    """One version of a parcel at its target."""

    repo: str  # org/name
    version: str
    published: str  # "2026-11-21T20:40:00Z"
    history: Sequence[
        Mapping[str, str]
    ]  # earlier versions, newest first: version, content, published
    changes: str  # markdown: what differs from the version before; "" for the first
    changelog: str  # CHANGELOG.md of the version before, or ""


class Parcel(Protocol):
    """Something that can be published."""

    @property
    def kind(self) -> str:
        """Return release, model or suite."""

    @property
    def repo_type(self) -> str:
        """Return dataset or model."""

    @property
    def name(self) -> str:
        """Return the name of the recipe, the model or the suite."""

    @property
    def folder(self) -> Path:
        """Return where it lies."""

    @property
    def content(self) -> str:
        """Return the identity of what is published, whatever its version."""

    @property
    def kept(self) -> Mapping[str, Path]:
        """Return the files that are sent as they are."""

    @property
    def configs(self) -> Configs:
        """Return the files of every config and split; empty for a model."""

    def written(self, edition: Edition) -> dict[str, bytes]:
        """Return the files that tell the version, the manifest among them."""

    def owns(self, path: str) -> bool:
        """Say whether a file at the target is this parcel's own, whoever put it there."""

    def changes(self, before: Path, manifest: Mapping[str, Any]) -> str:
        """Return what differs from the version that lies in `before`, as Markdown."""

    def wanted(self, manifest: Mapping[str, Any]) -> Sequence[str]:
        """Return the files of the version before that `changes` looks at."""


def open_parcel(
    folder: Path, *, evaluations: Sequence[Path] = (), releases: Sequence[str] = ()
) -> Parcel:
    """Return what a folder holds. Raises `UserError` for a folder that cannot be published."""
    from counterfactory.factory.release.publish.model import model_parcel
    from counterfactory.factory.release.publish.release import release_parcel
    from counterfactory.factory.release.publish.suite import suite_parcel

    folder = folder.expanduser()
    if not folder.is_dir():
        raise UserError(f"{folder}: no such folder, expected that of a release, a model or a suite")
    folder = folder.absolute()
    if (folder / RUN).is_file():
        return model_parcel(folder, evaluations, releases)
    if evaluations or releases:
        option = "--eval" if evaluations else "--data"
        raise UserError(f"{option}: found {folder}, which is no trained model (it holds no {RUN})")
    if (folder / SUITE).is_file():
        return suite_parcel(folder)
    if (folder / manifest.NAME).is_file():
        return release_parcel(folder)
    raise UserError(
        f"{folder}: found neither {manifest.NAME}, {RUN} nor {SUITE}, expected the folder of a release, "
        "of a model that `train` wrote, or of a suite that `eval export` wrote"
    )


def files_below(folder: Path) -> dict[str, Path]:
    """Return every file of a folder by its path; hidden ones are left out, links refused."""
    found = {path: folder / path for path in manifest.paths_of(folder)}
    for path, file in found.items():
        if not file.resolve().is_relative_to(folder.resolve()):
            raise UserError(f"{folder}: {path} is a link that leads out of the folder")
        if not file.is_file():
            raise UserError(f"{folder}: {path} is no file that can be read")
    return found


def entry(path: str, data: Path | bytes) -> dict[str, Any]:
    """Return what a manifest says of a file."""
    from counterfactory.fingerprint import digest_bytes, digest_file

    if isinstance(data, bytes):
        return {"path": path, "sha256": digest_bytes(data), "bytes": len(data)}
    return {"path": path, "sha256": digest_file(data), "bytes": data.stat().st_size}


def plain_manifest(
    parcel: Parcel, edition: Edition, files: Mapping[str, Path | bytes], **more: Any
) -> bytes:
    """Return the manifest of what has none of its own: every file with its digest."""
    body = {
        "format": manifest.FORMAT,
        "kind": parcel.kind,
        "name": parcel.name,
        "version": edition.version,
        "repo": edition.repo,
        "published": edition.published,
        "content": parcel.content,
        "history": told_history(edition, parcel.content),
        **more,
        "files": [entry(path, files[path]) for path in sorted(files)],
    }
    return manifest.dump(manifest.sealed(body)).encode()


def told_history(edition: Edition, content: str) -> list[dict[str, str]]:
    """Return the history as the manifest keeps it, this edition first."""
    this = {"version": edition.version, "content": content, "published": edition.published}
    return [this, *(dict(one) for one in edition.history)]


def with_earlier(entry_text: str, earlier: str) -> str:
    """Return CHANGELOG.md: this version's entry before the earlier ones."""
    before = earlier.removeprefix("# Changes").strip()
    return f"# Changes\n\n{entry_text.strip()}\n" + (f"\n{before}\n" if before else "")
