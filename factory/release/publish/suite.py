"""An evaluation suite as a parcel: the folder that `eval export` wrote, a dataset with a config a task.

suite_parcel(Path("pocket-suite")).configs     ->  {"count_balanced": {"gate": ["data/count_balanced/..."]}}
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from counterfactory.errors import UserError
from counterfactory.factory.release import manifest
from counterfactory.factory.release.publish.parcel import (
    SUITE,
    Edition,
    entry,
    files_below,
    plain_manifest,
    with_earlier,
)
from counterfactory.fingerprint import digest

WRITTEN = ("README.md", "CHANGELOG.md", manifest.NAME)


@dataclass(frozen=True)
class SuiteParcel:
    """The folder of a suite."""

    folder: Path
    held: Mapping[str, Any]  # its suite.json
    kind = "suite"
    repo_type = "dataset"

    @property
    def name(self) -> str:
        """Return the suite's name."""
        return str(self.held["name"])

    @cached_property
    def kept(self) -> Mapping[str, Path]:
        """Return all files but those that tell the version."""
        return {p: f for p, f in files_below(self.folder).items() if p not in WRITTEN}

    @cached_property
    def content(self) -> str:
        """Return the digest of items, card and description."""
        files = {path: entry(path, data)["sha256"] for path, data in self.kept.items()}
        return digest({"files": files, "card": entry("", self.folder / "README.md")["sha256"]})

    @cached_property
    def configs(self) -> dict[str, dict[str, list[str]]]:
        """Return the files of every task and split."""
        return {
            config: {split: [about["path"]] for split, about in splits.items()}
            for config, splits in self.held["configs"].items()
        }

    def written(self, edition: Edition) -> dict[str, bytes]:
        """Return card, changelog and manifest of this version."""
        rows = {
            config: {split: about["rows"] for split, about in splits.items()}
            for config, splits in self.held["configs"].items()
        }
        total = sum(sum(splits.values()) for splits in rows.values())
        told = f"{edition.changes}\n" if edition.changes else ""
        changelog = f"## {edition.version}\n\n{told}- {total:,} items in {len(rows)} tasks"
        card = (self.folder / "README.md").read_text(encoding="utf-8").rstrip()
        where = f'load_dataset("{edition.repo}", TASK, split=SPLIT, revision="{edition.version}")'
        files: dict[str, bytes] = {
            "README.md": f"{card}\n\n## Version\n\n`{edition.version}`: `{where}`\n".encode(),
            "CHANGELOG.md": with_earlier(changelog, edition.changelog).encode(),
        }
        whole = plain_manifest(self, edition, {**self.kept, **files}, rows=rows)
        return files | {manifest.NAME: whole}

    def owns(self, path: str) -> bool:
        """Say whether a file is matched by the card's configs, or is one this parcel writes."""
        return path.startswith("data/") or path in WRITTEN or path in self.kept

    def wanted(self, manifest: Mapping[str, Any]) -> Sequence[str]:
        """Return nothing: the counts tell."""
        return ()

    def changes(self, before: Path, manifest: Mapping[str, Any]) -> str:
        """Return which tasks came, went or have other items."""
        old = {one["path"]: one["sha256"] for one in manifest["files"]}
        new = {path: entry(path, data)["sha256"] for path, data in self.kept.items()}
        lines = [f"- since `{manifest.get('version', '')}`"]
        for word, names in (
            ("new", sorted(_tasks(new) - _tasks(old))),
            ("gone", sorted(_tasks(old) - _tasks(new))),
            ("other items", sorted(_tasks(p for p in new if p in old and new[p] != old[p]))),
        ):
            if names:
                lines.append(f"- {word}: {', '.join(names)}")
        return "\n".join(lines)


def _tasks(paths: Any) -> set[str]:
    return {path.split("/")[1] for path in paths if path.startswith("data/")}


def suite_parcel(folder: Path) -> SuiteParcel:
    """Return a suite whose files are what `suite.json` says. Raises `UserError`."""
    path = folder / SUITE
    try:
        held = json.loads(path.read_bytes())
        promised = {
            about["path"]: about["sha256"]
            for splits in held["configs"].values()
            for about in splits.values()
        }
        rows = [about["rows"] for splits in held["configs"].values() for about in splits.values()]
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise UserError(f"{path}: cannot be read, expected what `eval export` wrote") from error
    parcel = SuiteParcel(folder, held)
    data = {p: f for p, f in parcel.kept.items() if p.startswith("data/")}
    if not promised or not all(rows):
        raise UserError(f"{path}: found no items, expected at least one in every split it names")
    for name in sorted(set(promised) ^ set(data)):
        where = SUITE if name in promised else "the folder"
        raise UserError(f"{folder}: {name} is in {where} only; run `eval export` again")
    for name, file in data.items():
        if entry(name, file)["sha256"] != promised[name]:
            raise UserError(f"{folder}: {name} was changed; run `eval export` again")
    if not (folder / "README.md").is_file():
        raise UserError(f"{folder}: found no README.md; run `eval export` again")
    return parcel
