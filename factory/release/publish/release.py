"""A release as a parcel: data, pictures and recipe as they are; card, changelog and manifest anew.

release_parcel(Path("runs/region-diff")).content     ->  "5f0c..."   the same for the same data
"""

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from counterfactory.errors import UserError
from counterfactory.factory.release import llamafactory, manifest, write
from counterfactory.factory.release.contents import FILE, contents
from counterfactory.factory.release.known import facts_from
from counterfactory.factory.release.publish.changes import summary
from counterfactory.factory.release.publish.parcel import (
    Edition,
    entry,
    files_below,
    told_history,
)
from counterfactory.factory.release.validate import sealed_problems
from counterfactory.fingerprint import digest

WRITTEN = ("README.md", "CHANGELOG.md", "dataset_info.json", manifest.NAME)
_PASSING = (
    "version", "created", "versions", "seal", "files",
    "kind", "repo", "content", "published", "history",
)  # fmt: skip
"""Fields of a manifest that may differ between two builds of the same data."""


@dataclass(frozen=True)
class ReleaseParcel:
    """A release folder."""

    folder: Path
    held: Mapping[str, Any]  # its manifest
    kind = "release"
    repo_type = "dataset"

    @property
    def name(self) -> str:
        """Return the name of the recipe."""
        return str(self.held["name"])

    @cached_property
    def kept(self) -> Mapping[str, Path]:
        """Return all files but those that tell the version."""
        return {p: f for p, f in files_below(self.folder).items() if p not in WRITTEN}

    @cached_property
    def content(self) -> str:
        """Return the digest of all that two builds of the same data share."""
        known = manifest.listed(self.held)
        files = {path: known[path]["sha256"] for path in self.kept}
        facts = {name: value for name, value in self.held.items() if name not in _PASSING}
        return digest({"files": files, "facts": facts})

    @cached_property
    def configs(self) -> dict[str, dict[str, list[str]]]:
        """Return the files of every view and split."""
        found: dict[str, dict[str, list[str]]] = {}
        for view, content in contents(self.folder).items():
            splits = found.setdefault(view, {})
            for path in content.paths:
                match = FILE.match(Path(path).name)
                splits.setdefault(match["split"] if match else "train", []).append(path)
        return found

    def written(self, edition: Edition) -> dict[str, bytes]:
        """Return card, changelog, LLaMA-Factory's file and manifest of this version."""
        facts = replace(
            facts_from(self.folder),
            version=edition.version,
            address=edition.repo,
            changes=edition.changes,
        )
        found = contents(self.folder)
        card = write.readme(facts, found, has_examples=write.EXAMPLES in self.kept)
        files = {
            "README.md": card.encode(),
            "CHANGELOG.md": write.changelog(facts, found, edition.changelog).encode(),
            "dataset_info.json": llamafactory.dump(facts.name, found, hub=edition.repo).encode(),
        }
        known = manifest.listed(self.held)
        others = sorted(path for path in {**self.kept, **files} if not path.startswith("data/"))
        body = {
            **self.held,
            "version": edition.version,
            "kind": self.kind,
            "repo": edition.repo,
            "published": edition.published,
            "content": self.content,
            "history": told_history(edition, self.content),
            "files": [
                entry(path, files[path]) if path in files else {"path": path, **known[path]}
                for path in others
            ],
        }
        return files | {manifest.NAME: manifest.dump(manifest.sealed(body)).encode()}

    def owns(self, path: str) -> bool:
        """Say whether a file is matched by the card's configs, or is one this parcel writes."""
        return path.startswith(("data/", "assets/")) or path in WRITTEN or path in self.kept

    def wanted(self, manifest: Mapping[str, Any]) -> Sequence[str]:
        """Return the data files of the version before that are not the same here."""
        here = {one["sha256"] for view in self.held["views"].values() for one in view["files"]}
        return [
            one["path"]
            for view in manifest.get("views", {}).values()
            if any(file["sha256"] not in here for file in view["files"])
            for one in view["files"]
        ]

    def changes(self, before: Path, manifest: Mapping[str, Any]) -> str:
        """Return the rows and facts that differ."""
        with tempfile.TemporaryDirectory(prefix="counterfactory-publish-") as place:
            return summary(before, manifest, self.folder, self.held, Path(place))


def release_parcel(folder: Path) -> ReleaseParcel:
    """Return a release that keeps its promises. Raises `UserError` with the first it does not."""
    if problems := sealed_problems(folder):
        first = problems[0]
        raise UserError(
            f"{folder}: {first.row}: {first.problem}; expected a release as it was built "
            f"(`counterfactory release validate` tells all {len(problems)} problems)"
        )
    held = manifest.read(folder)
    if not held["views"]:
        raise UserError(f"{folder}: found no rows, expected at least one view")
    return ReleaseParcel(folder, held)
