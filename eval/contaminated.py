"""Was the data that a model was trained on checked against the suite that it is tested with?

    trained_on(Path("runs/model"), "pocket")
        ->  {"acme/region-diff@2025.01.02.1": "checked", "runs/mine": "not checked: ..."}

A model's card names its datasets (`datasets:` in the header of README.md: Hub ids or folders). A
release of this project says in its manifest which contamination index it was checked with, and the
index says which suites it holds. A dataset of another make has no manifest: "unknown".
"""

import gzip
import json
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from counterfactory.errors import UserError
from counterfactory.factory.checks.contamination import SHIPPED

CHECKED, UNKNOWN, NOT = "checked", "unknown", "not checked"
PART_OF = {"pocket-quick": "pocket"}  # a suite whose pictures are all in another


def trained_on(model: Path, suite: str) -> dict[str, str]:
    """Return what is known of each dataset that the model's card names."""
    return {name: _state(name, model, suite) for name in datasets_of(model)}


def datasets_of(model: Path) -> list[str]:
    """Return the datasets named in the header of a model's card; none where there is no card."""
    import yaml

    try:
        text = (model / "README.md").read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return []
    parts = text.split("---\n", 2)
    if not text.startswith("---\n") or len(parts) < 3:
        return []
    try:
        header = yaml.safe_load(parts[1])
    except yaml.YAMLError:
        return []
    named = header.get("datasets") if isinstance(header, Mapping) else None
    some = named if isinstance(named, list) else [named]
    return [str(one) for one in some if one]


def _state(name: str, model: Path, suite: str) -> str:
    manifest = _manifest(name, model)
    if manifest is None:
        return UNKNOWN
    why = why_unchecked(manifest, suite)
    return f"{NOT}: {why}" if why else CHECKED


def why_unchecked(manifest: Mapping[str, Any], suite: str) -> str:
    """Return why a release was not checked against a suite; empty where its manifest says it was."""
    checks = [one for one in manifest.get("checks") or () if isinstance(one, Mapping)]
    used = [
        str(one.get("index", "shipped")) for one in checks if one.get("check") == "contamination"
    ]
    if not used:
        return "the release made no contamination check"
    held = {known for index in used for known in _suites(index)}
    if suite in held or PART_OF.get(suite) in held:
        return ""
    return f"its index ({', '.join(used)}) does not hold suite {suite!r}"


def _manifest(name: str, model: Path) -> dict[str, Any] | None:
    """Return a release's manifest, from a folder or the Hub; nothing where there is none."""
    for folder in (Path(name).expanduser(), model / name):
        if (folder / "manifest.json").is_file():
            return _json(folder / "manifest.json")
    repo, _, tag = name.partition("@")
    if name.startswith(("/", ".", "~")) or repo.count("/") != 1:
        return None
    try:
        from huggingface_hub import hf_hub_download

        found = hf_hub_download(repo, "manifest.json", repo_type="dataset", revision=tag or None)
    except Exception:  # no such repository, no network, offline: nothing is known
        return None
    return _json(Path(found))


def _json(path: Path) -> dict[str, Any] | None:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) else None


@lru_cache(maxsize=8)
def _suites(index: str) -> frozenset[str]:
    """Return the suites that an index holds; none where it cannot be read here."""
    path = SHIPPED if index == "shipped" else Path(index).expanduser()
    opened: Any = gzip.open if path.suffix == ".gz" else open
    try:
        with opened(path, "rt", encoding="utf-8") as stream:
            stream.readline()
            return frozenset(json.loads(line).get("suite", "") for line in stream) - {""}
    except (OSError, ValueError, UserError):
        return frozenset()


def warnings(model: Path, suite: str) -> tuple[dict[str, str], list[str]]:
    """Return what is known of the model's datasets, and what must be said loudly."""
    found = trained_on(model, suite)
    return found, [
        f"WARNING: {name}, which this model was trained on, was {state}. It may hold scenes of the "
        "suite; these numbers may be too good."
        for name, state in found.items()
        if state.startswith(NOT)
    ]
