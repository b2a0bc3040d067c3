"""manifest.json: what a release promises, with the sha256 of every file but itself.

    write(folder, build(facts, views, files))
    read(folder)["views"]["pairs"]      -> {"rows": 901, "files": [{"path": ..., "sha256": ...}]}
    broken_seal(folder)                 -> None, or what is wrong with the manifest's own bytes

The manifest guards itself too: its text has one form only, and `seal` is the digest of the rest. So
no byte of a release can change unseen.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from counterfactory.errors import UserError
from counterfactory.factory.release.facts import Facts
from counterfactory.fingerprint import digest, digest_file

NAME = "manifest.json"
FORMAT = 1

Files = dict[str, dict[str, Any]]  # path below the folder -> sha256, bytes


def build(facts: Facts, views: Mapping[str, Mapping[str, Any]], files: Files) -> dict[str, Any]:
    """Return the manifest. `views` gives rows, splits and columns; `files` is the whole folder."""
    data = {path for path in files if path.startswith("data/")}
    body = {
        "format": FORMAT,
        "name": facts.name,
        "version": facts.version,
        "created": facts.created,
        "fingerprint": facts.fingerprint,
        "license": facts.license,
        "card": {
            "title": facts.title,
            "description": facts.description,
            "tags": list(facts.tags),
            "languages": list(facts.languages),
            "harmful_text": facts.harmful_text,
        },
        **({"made_for": facts.made_for} if facts.made_for else {}),
        "views": {
            view: {
                **about,
                "files": [_entry(path, files) for path in sorted(data) if _view(path) == view],
            }
            for view, about in views.items()
        },
        "candidates": facts.candidates,
        "kept": facts.kept,
        "funnel": [
            {"stage": s.name, "in": s.entered, "out": s.left, "reasons": dict(s.reasons)}
            for s in facts.funnel
        ],
        "sources": [dict(source) for source in facts.sources],
        "licences": sorted({str(s["license"]) for s in facts.sources if s.get("license")}),
        "models": [{"role": m.role, "id": m.id, "revision": m.revision} for m in facts.models],
        "checks": [dict(check) for check in facts.checks],
        "measures": dict(facts.measures),
        "oracle": None if facts.oracle is None else dict(facts.oracle),
        "uses_oracle": facts.uses_oracle,
        "versions": dict(facts.versions),
        "files": [_entry(path, files) for path in sorted(set(files) - data)],
    }
    return sealed(body)


def sealed(body: Mapping[str, Any]) -> dict[str, Any]:
    """Return a manifest with its seal, given all the rest."""
    rest = {key: value for key, value in body.items() if key != "seal"}
    return rest | {"seal": digest(rest)}


def listed(manifest: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Return every file that a manifest promises: path -> sha256, bytes."""
    views = manifest.get("views") or {}
    entries = [*manifest["files"], *(e for view in views.values() for e in view["files"])]
    return {e["path"]: {"sha256": e["sha256"], "bytes": e["bytes"]} for e in entries}


def files_of(folder: Path) -> Files:
    """Return digest and size of every file of a release, but for the manifest and hidden files."""
    return {
        path: {"sha256": digest_file(folder / path), "bytes": (folder / path).stat().st_size}
        for path in paths_of(folder)
        if path != NAME
    }


def paths_of(folder: Path) -> list[str]:
    """Return every file below the folder, by path; hidden ones belong to git or to a cache."""
    found = (path for path in folder.rglob("*") if path.is_file() or path.is_symlink())
    names = (path.relative_to(folder) for path in found)
    return sorted(n.as_posix() for n in names if not any(p.startswith(".") for p in n.parts))


def dump(manifest: Mapping[str, Any]) -> str:
    """Return the one text of a manifest."""
    return json.dumps(manifest, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def write(folder: Path, manifest: Mapping[str, Any]) -> None:
    """Write the manifest: the last file of a release."""
    (folder / NAME).write_text(dump(manifest), encoding="utf-8", newline="\n")


def read(folder: Path) -> dict[str, Any]:
    """Return the manifest of a release. Raises `UserError` when the folder is none."""
    path = folder / NAME
    if not path.is_file():
        raise UserError(f"{folder}: found no {NAME}, expected the folder of a release")
    try:
        manifest = json.loads(path.read_bytes())
    except ValueError as error:
        raise UserError(f"{path}: found no JSON ({error}), expected a manifest") from error
    if not isinstance(manifest, dict) or not isinstance(manifest.get("views"), dict):
        raise UserError(f"{path}: found no `views`, expected a manifest")
    return manifest


def broken_seal(folder: Path) -> str | None:
    """Return what is wrong with the manifest's own bytes, or None."""
    manifest = read(folder)
    if (folder / NAME).read_bytes() != dump(manifest).encode():
        return "its text is not the one that was written"
    rest = {key: value for key, value in manifest.items() if key != "seal"}
    try:
        found = digest(rest)
    except (TypeError, ValueError) as error:
        return str(error)
    if manifest.get("seal") != found:
        return f"found seal {str(manifest.get('seal'))[:12]}, expected {found[:12]}"
    return None


def _view(path: str) -> str:
    return path.split("/")[1]


def _entry(path: str, files: Files) -> dict[str, Any]:
    return {"path": path, **files[path]}
