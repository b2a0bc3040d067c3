"""What `datasets` makes of a release: every config loads, with the rows and types it promises.

    list(loading_problems(folder, {"pairs": {"rows": 901}}))  -> [] or ("pairs", "does not load")
    read_header(folder / "README.md")["configs"]              -> the YAML on top of the card

A release is loaded as a user would load it, into a cache that is thrown away.
"""

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from counterfactory.factory.release.contents import contents
from counterfactory.factory.release.views import VIEWS

LARGE = 2 * 2**30  # bytes; a larger view is streamed, not copied into the cache


def loading_problems(folder: Path, views: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield what keeps a view from loading."""
    found = contents(folder)
    with _quiet(), tempfile.TemporaryDirectory(prefix="counterfactory-validate-") as cache:
        for view, entry in views.items():
            if view not in VIEWS:
                yield view, f"is no view; views are {', '.join(VIEWS)}"
                continue
            streamed = view in found and found[view].memory > LARGE
            try:
                yield from _load(folder, view, entry["rows"], cache, streamed=streamed)
            except Exception as error:
                yield view, f"does not load: {' '.join(str(error).split())[:300]}"


def read_header(path: Path) -> dict[str, Any]:
    """Return the YAML on top of a card."""
    import yaml

    parts = path.read_text(encoding="utf-8").split("---\n", 2)
    header = yaml.safe_load(parts[1]) if len(parts) == 3 and not parts[0] else None
    if not isinstance(header, dict):
        raise ValueError("found no YAML between two lines of ---")
    return header


def _load(
    folder: Path, view: str, rows: int, cache: str, *, streamed: bool
) -> Iterator[tuple[str, str]]:
    from datasets import load_dataset

    loaded = load_dataset(str(folder), view, cache_dir=cache, streaming=streamed)
    wanted = VIEWS[view].features()
    for split, part in loaded.items():
        if part.features != wanted:
            yield view, f"split {split} loads with columns or types that are not those of the view"
        next(iter(part))
    if not streamed and (found := sum(len(part) for part in loaded.values())) != rows:
        yield view, f"loads {found} rows, the manifest says {rows}"


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep `datasets` from drawing progress bars."""
    import datasets

    were_off = datasets.are_progress_bars_disabled()
    datasets.disable_progress_bars()
    try:
        yield
    finally:
        if not were_off:
            datasets.enable_progress_bars()
