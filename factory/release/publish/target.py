"""What the target holds already: its last version, read from manifest and changelog at its head.

    past = look_back(remote, standing, folder)
    past.of("2026.11.20.1")      ->  the content of that version, "5f0c..."

A repository that holds something else than versions of ours is refused before anything is sent.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from counterfactory.errors import UserError
from counterfactory.factory.release import manifest
from counterfactory.factory.release.publish.parcel import Parcel
from counterfactory.factory.release.publish.remote import Remote, Standing

HARMLESS = {".gitattributes", ".gitignore", "README.md", "LICENSE", "LICENSE.md", "LICENSE.txt"}
"""What a repository that was made by hand may hold and still be free to publish to."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Past:
    """The version at the head of the target; empty where there is none."""

    manifest: Mapping[str, Any]
    changelog: str

    @property
    def history(self) -> list[Mapping[str, str]]:
        """Return what the manifest tells of the versions so far, newest first."""
        found = self.manifest.get("history")
        return [one for one in found if isinstance(one, Mapping)] if isinstance(found, list) else []

    @property
    def listed(self) -> set[str]:
        """Return the files of that version."""
        return set(manifest.listed(self.manifest)) if self.manifest else set()

    @property
    def sizes(self) -> dict[str, int]:
        """Return the files of that version with their bytes."""
        return (
            {p: f["bytes"] for p, f in manifest.listed(self.manifest).items()}
            if self.manifest
            else {}
        )

    def of(self, version: str) -> str | None:
        """Return the content of a version; None when it is not known."""
        return next((o.get("content") for o in self.history if o.get("version") == version), None)


def look_back(remote: Remote, standing: Standing, parcel: Parcel, folder: Path) -> Past:
    """Read the head of the target. Raises `UserError` when it holds something else."""
    if manifest.NAME not in standing.tree:
        if others := sorted(path for path in standing.tree if path not in HARMLESS):
            raise UserError(
                f"{remote.repo}: found {len(others)} files ({others[0]} ...) and no {manifest.NAME}, "
                "expected an empty repository or one that `release publish` made; give another --to"
            )
        return Past(manifest={}, changelog="")
    held = _manifest(remote, standing, folder)
    kind = held.get("kind", "release")
    if kind != parcel.kind:
        raise UserError(
            f"{remote.repo}: found a {kind}, expected a {parcel.kind}; give another --to"
        )
    changelog = ""
    if "CHANGELOG.md" in standing.tree:
        path = remote.fetch("CHANGELOG.md", standing.head, folder)
        changelog = path.read_text(encoding="utf-8", errors="replace")
    return Past(manifest=held, changelog=changelog)


def _manifest(remote: Remote, standing: Standing, folder: Path) -> dict[str, Any]:
    path = remote.fetch(manifest.NAME, standing.head, folder)
    try:
        held = json.loads(path.read_bytes())
        manifest.listed(held)
        _ = [view["files"] for view in (held.get("views") or {}).values()]
    except (ValueError, KeyError, TypeError, AttributeError):
        raise UserError(
            f"{remote.repo}: its {manifest.NAME} cannot be read, expected that of an earlier version; "
            "give another --to, or remove that file"
        ) from None
    return dict(held)
