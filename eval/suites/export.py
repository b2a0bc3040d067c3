"""A suite as parquet files in Hub layout, pictures inside: for `lm_eval`, for other harnesses, to push.

    export(suite_named("pocket"), Path("pocket-suite"))     ->  {"count_balanced": {"gate": 250, ...}, ...}
    counterfactory eval export --suite pocket --out pocket-suite, then `release publish pocket-suite --to org/name`
    datasets.load_dataset("pocket-suite", "existence_balanced", split="gate")
    task_file(suite, "count/balanced", "gate")              ->  the one file, made once and kept in the cache

The columns are POPE's (id, question_id, question, answer, image_source, image, category) and then
what marking needs. Rows are written as they are drawn; `item_of(row)` is the way back.
"""

import functools
import json
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from counterfactory.cache import cache_folder
from counterfactory.cards.suite import render
from counterfactory.errors import UserError
from counterfactory.eval.items import Item, Suite
from counterfactory.fingerprint import digest, digest_file

ROWS = 200  # in a row group
LISTS = ("slices", "options", "fingerprints")
TEXTS = ("task", "cluster_id", "group_id", "verifier")


def columns(images: int) -> list[str]:
    """Return the picture columns of a task that shows so many: image, image_2 ...

    >>> columns(2)
    ['image', 'image_2']
    """
    return ["image", *(f"image_{n}" for n in range(2, images + 1))]


def features(images: int) -> Any:
    """Return the columns as `datasets` features."""
    from datasets import Features, Image, List, Value

    text = Value("string")
    first = {"id": text, "question_id": Value("int32"), "question": text, "answer": text}
    first |= {"image_source": text, **dict.fromkeys(columns(images), Image()), "category": text}
    more = {**dict.fromkeys(TEXTS, text), **dict.fromkeys(LISTS, List(text))}
    marking = {"harmful": Value("bool"), "max_tokens": Value("int32"), "info": text}
    return Features(first | more | marking)


def row_of(item: Item, number: int, images: int) -> dict[str, Any]:
    """Return an item as a row. Raises `ValueError` when it shows more pictures than there are columns."""
    if len(item.images) > images:
        raise ValueError(f"{item.task} {item.id}: {len(item.images)} images, expected {images}")
    cells = [{"bytes": image, "path": None} for image in item.images]
    cells += [None] * (images - len(cells))  # type: ignore[list-item]
    row = {
        "id": item.id, "question_id": number, "question": item.prompt, "answer": item.gold,
        "image_source": ",".join(item.fingerprints) or item.cluster_id,
        **dict(zip(columns(images), cells, strict=True)), "category": item.category,
    }  # fmt: skip
    row |= {name: getattr(item, name) for name in TEXTS}
    row |= {name: list(getattr(item, name)) for name in LISTS}
    return row | {
        "harmful": item.harmful, "max_tokens": item.max_tokens,
        "info": json.dumps(item.info, sort_keys=True),
    }  # fmt: skip


def item_of(row: Mapping[str, Any]) -> Item:
    """Return the item of a row. Pictures that are not encoded (decoded by a loader) are left out.

    Raises `UserError` for a row without one of the columns.
    """
    wanted = {"id", "question", "answer", "category", "harmful", "max_tokens", "info"}
    if missing := sorted((wanted | {*TEXTS, *LISTS}) - row.keys()):
        raise UserError(f"suite row: column {missing[0]!r} is missing, found {', '.join(row)}")
    cells = [row[name] for name in row if name == "image" or name.startswith("image_")]
    more: dict[str, Any] = {name: row[name] for name in TEXTS}
    more |= {name: tuple(row[name]) for name in LISTS}
    return Item(
        id=row["id"],
        prompt=row["question"],
        gold=row["answer"],
        category=row["category"],
        harmful=row["harmful"],
        max_tokens=row["max_tokens"],
        info=json.loads(row["info"]),
        images=tuple(c["bytes"] for c in cells if isinstance(c, Mapping) and c.get("bytes")),
        **more,
    )


def write_task(items: Iterator[Item], path: Path) -> int:
    """Write items to one parquet file; return how many. The file is there only when it is whole."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    first = next(items, None)
    if first is None:
        return 0
    images = max(1, len(first.images))
    described = features(images)
    schema = described.arrow_schema.with_metadata(
        {"huggingface": json.dumps({"info": {"features": described.to_dict()}})}
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    count, batch = 0, [first, *islice(items, ROWS - 1)]
    with pq.ParquetWriter(part, schema) as writer:
        while batch:
            rows = [row_of(item, count + n, images) for n, item in enumerate(batch)]
            writer.write_table(pa.Table.from_pylist(rows, schema))
            count += len(batch)
            batch = list(islice(items, ROWS))
    part.replace(path)
    return count


def config_of(task: str) -> str:
    """Return a task's name as the name of a config.

    >>> config_of("count/balanced")
    'count_balanced'
    """
    return task.replace("/", "_")


def export(suite: Suite, out: Path, splits: Sequence[str] = ()) -> dict[str, dict[str, int]]:
    """Write all tasks of a suite in Hub layout, with card and suite.json; return the rows of each.

    `splits` are all that the suite has, unless some are given. A split without items has no file.
    """
    written: dict[str, dict[str, int]] = {}
    harmful = []
    for task in suite.tasks:
        config = config_of(task.name)
        written[config] = {
            split: write_task(iter(task.items(split)), out / _place(config, split))
            for split in splits or suite.splits
        }
        if _harmful(out, config, written[config]):
            harmful.append(config)
    configs = {
        config: {split: _told(out, config, split, rows) for split, rows in held.items() if rows}
        for config, held in written.items()
        if any(held.values())
    }
    about = {
        "format": 1, "name": suite.name, "version": suite.version, "harmful": harmful,
        "configs": configs,
    }  # fmt: skip
    (out / "README.md").write_text(render(about | {"key": _key(suite.name)}), encoding="utf-8")
    text = json.dumps(about, indent=1, ensure_ascii=False) + "\n"
    (out / "suite.json").write_text(text, encoding="utf-8")
    return written


def task_file(suite: Suite, task: str, split: str) -> Path:
    """Return the file of one task and split, written on first use and kept in the cache folder.

    The folder's name is a digest of the code that draws the items: other code, other files.
    """
    found = suite.task(task)
    home = cache_folder() / "suites" / f"{suite.name}-{_code()[:16]}"
    path = home / _place(config_of(task), split)
    if not path.is_file():
        write_task(iter(found.items(split)), path)
    return path


def _place(config: str, split: str) -> str:
    return f"data/{config}/{split}-00000-of-00001.parquet"


@functools.cache
def _code() -> str:
    """Return a digest of all code that items are made by: suites, the world, the picture encoder."""
    import counterfactory
    from counterfactory.factory import world

    here, there = Path(__file__).parent, Path(world.__file__).parent
    spine = Path(counterfactory.__file__).parent
    files = [*here.rglob("*.py"), *there.rglob("*.py"), spine / "images.py"]
    return digest(sorted(digest_file(path) for path in files))


def _told(out: Path, config: str, split: str, rows: int) -> dict[str, Any]:
    path = _place(config, split)
    return {"path": path, "rows": rows, "sha256": digest_file(out / path)}


def _harmful(out: Path, config: str, written: Mapping[str, int]) -> bool:
    """Say whether a task holds requests that should be refused."""
    import pyarrow.parquet as pq

    files = [out / _place(config, split) for split, rows in written.items() if rows]
    return any(any(pq.read_table(f, columns=["harmful"])["harmful"].to_pylist()) for f in files)


def _key(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "", name.lower())
