"""Rows to train on: a view of one or several releases, pictures decoded.

    rows = load_view(["runs/world-qa", "acme/region-diff@2026.11.02.1"], "sft")
    rows[0]["images"], rows[0]["prompt"], rows["release"][0]

A release is a folder, `org/name@tag` or `s3://bucket/folder`. Releases follow each other in the order given.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from counterfactory.buckets import is_url
from counterfactory.cache import cache_folder
from counterfactory.errors import UserError
from counterfactory.factory.release import manifest
from counterfactory.fingerprint import digest
from counterfactory.mirror import folder_of

if TYPE_CHECKING:
    from datasets import Dataset


def load_view(releases: Sequence[str], view: str) -> "Dataset":
    """Return the rows of one view; the column `release` says where each comes from."""
    from datasets import concatenate_datasets

    if not releases:
        raise UserError("--data: found no release, expected a folder or org/name@tag")
    parts = []
    for release in releases:
        rows = _load(release, view)
        parts.append(rows.add_column("release", [release] * len(rows)))
    return concatenate_datasets(parts)


def views_of(release: str) -> dict[str, int]:
    """Return the views of a release with their number of rows."""
    views = manifest_of(release)["views"]
    return {view: int(about["rows"]) for view, about in views.items()}


def manifest_of(release: str) -> dict[str, Any]:
    """Return the manifest of a folder or of a release on the Hub."""
    if is_folder(release):
        return manifest.read(folder_of(release))
    repo, _, tag = release.partition("@")
    try:
        from huggingface_hub import hf_hub_download

        found = hf_hub_download(repo, manifest.NAME, repo_type="dataset", revision=tag or None)
    except Exception as error:  # no such repository or tag, no network: one line says it
        raise UserError(f"release {release!r}: cannot be had: {_first_line(error)}") from None
    return manifest.read(Path(found).parent)


def describe(release: str, views: Sequence[str]) -> dict[str, Any]:
    """Return what a card and a run's identity need of a release."""
    about = manifest_of(release)
    used = [view for view in views if view in about["views"]]
    files = {view: [f["sha256"] for f in about["views"][view]["files"]] for view in used}
    checks = [one for one in about.get("checks") or () if one.get("check") == "contamination"]
    return {
        "release": release, "name": about.get("name", ""), "version": about.get("version", ""),
        "recipe_fingerprint": about.get("fingerprint", ""), "license": about.get("license", ""),
        "views": {view: int(about["views"][view]["rows"]) for view in used},
        "data": digest(files),
        "contamination": [str(one.get("index", "shipped")) for one in checks],
    }  # fmt: skip


def mixed(rows: "Dataset", replay: "Dataset", share: float, seed: int) -> "Dataset":
    """Return `rows` with so many of `replay` behind them that these are `share` of the whole.

    Each release of `replay` gives as many, so that none is lost in a larger one.
    """
    import numpy as np
    from datasets import concatenate_datasets

    wanted = round(len(rows) * share / (1 - share))
    chance = np.random.default_rng(seed)
    chosen: list[int] = []
    for number, places in enumerate(held := by_release(replay)):
        own = wanted // len(held) + (number < wanted % len(held))
        rounds = -(-own // len(places))
        chosen += [int(n) for _ in range(rounds) for n in chance.permutation(places)][:own]
    columns = [name for name in rows.column_names if name in replay.column_names]
    again = replay.select(chosen)
    return concatenate_datasets([rows.select_columns(columns), again.select_columns(columns)])


def by_release(rows: "Dataset") -> list[list[int]]:
    """Return the places of each release's rows."""
    found: dict[str, list[int]] = {}
    for at, name in enumerate(rows["release"]):
        found.setdefault(name, []).append(at)
    return list(found.values())


def check_rows(
    rows: "Dataset", image_token: str = "", talks: Sequence[str] = ("prompt", "completion")
) -> None:
    """Refuse what a trainer would stumble over: no rows, a wrong image count, a token in the text.

    A text alone takes all images of its row in front; typed blocks must have one place for each.
    """
    import pyarrow.compute as pc

    if not len(rows):
        raise UserError("no rows to train on: every release and filter left an empty set")
    named = [name for name in ("release", "id") if name in rows.column_names]
    for batch in rows.with_format("arrow").iter(1000):
        images = pc.fill_null(pc.list_value_length(batch["images"]), 0).to_pylist()
        talk = batch.select([*talks, *named]).to_pylist()
        for row, count in zip(talk, images, strict=True):
            if trouble := _trouble(row, talks, count, image_token):
                where = f"release {row.get('release', '')!r}, row {row.get('id', '')}"
                raise UserError(f"{where}: {trouble}")


def _trouble(row: Mapping[str, Any], talks: Sequence[str], images: int, token: str) -> str:
    places, blocks = 0, False
    for message in (message for talk in talks for message in row[talk]):
        said = message["content"]
        if isinstance(said, str):
            if token and token in said:
                return f"its text holds {token!r}, the model's own image token; expected text alone"
            continue
        blocks = True
        places += sum(block["type"] == "image" for block in said)
    if blocks and places != images:
        return f"found {places} image blocks for {images} images, expected as many"
    return ""


def _load(release: str, view: str) -> "Dataset":
    from datasets import disable_progress_bars, load_dataset

    found = views_of(release)
    if not found.get(view):
        there = ", ".join(f"{name} ({n} rows)" for name, n in found.items()) or "none"
        raise UserError(f"release {release!r}: found no view {view!r}, it has {there}")
    disable_progress_bars()
    repo, _, tag = release.partition("@")
    source = str(folder_of(release)) if is_folder(release) else repo
    revision = {} if is_folder(release) or not tag else {"revision": tag}
    try:
        return load_dataset(
            source, view, split="train", cache_dir=str(cache_folder() / "datasets"), **revision
        )
    except Exception as error:
        raise UserError(
            f"release {release!r}: view {view!r} does not load: {_first_line(error)}"
        ) from None


def is_folder(release: str) -> bool:
    """Say whether a release is a folder, here or in object storage, and not one on the Hub."""
    path = Path(release).expanduser()
    return (
        is_url(release)
        or path.is_dir()
        or release.startswith(("/", ".", "~"))
        or release.count("/") != 1
    )


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return lines[0][:300]
