"""Is what lies at a commit what was sent? Loaded back by `datasets`, compared row by row.

    rows_as_sent(remote, commit, folder, {"pairs": {"train": ["data/pairs/train-00000-of-00001.parquet"]}})
    ->  1437 rows compared; or Unproven("config pairs, split train, row 12: is not the row that was sent")

The one side is read from the local files by pyarrow, the other from the Hub by `datasets` as any user
loads it: by the card's configs, at that commit, as a stream that leaves nothing on the disk.
"""

import marshal
from collections.abc import Iterator, Mapping, Sequence
from hashlib import blake2b
from pathlib import Path
from typing import Any

from counterfactory.factory.release.publish.trouble import clean, is_trouble

Configs = Mapping[str, Mapping[str, Sequence[str]]]  # config -> split -> paths below the folder

ROWS = 64  # at a time


class Unproven(Exception):
    """What lies on the Hub is not what was sent."""


def rows_as_sent(repo: str, commit: str, folder: Path, configs: Configs) -> int:
    """Compare every row of every config; return how many.

    Raises `Unproven`, and what the connection raises.
    """
    _same_configs(repo, commit, configs)
    rows = 0
    for config, splits in configs.items():
        loaded = _loaded(repo, commit, config)
        if sorted(loaded) != sorted(splits):
            raise Unproven(f"config {config}: found splits {', '.join(loaded)}")
        for split, paths in splits.items():
            where = f"config {config}, split {split}"
            try:
                rows += _compare(where, loaded[split], folder, paths)
            except Exception as error:
                if isinstance(error, Unproven) or is_trouble(error):
                    raise
                raise Unproven(f"{where}: cannot be read back ({clean(error)})") from error
    return rows


def _compare(where: str, loaded: Any, folder: Path, paths: Sequence[str]) -> int:
    """Compare two streams of tables, however each is cut into pieces."""
    sent, found = _local_tables(folder, paths), _remote_tables(loaded)
    ours, theirs = next(sent, None), next(found, None)
    number = 0
    while ours is not None and theirs is not None:
        count = min(len(ours), len(theirs))
        if (wrong := _first_difference(ours.slice(0, count), theirs.slice(0, count))) is not None:
            raise Unproven(f"{where}, row {number + wrong}: is not the row that was sent")
        number += count
        ours = ours.slice(count) if len(ours) > count else next(sent, None)
        theirs = theirs.slice(count) if len(theirs) > count else next(found, None)
    if ours is not None or theirs is not None:
        raise Unproven(f"{where}: holds {'less' if theirs is None else 'more'} rows than were sent")
    told = (loaded.info.splits or {}).get(loaded.split)
    if told is not None and told.num_examples != number:
        raise Unproven(f"{where}: the card tells of {told.num_examples} rows, found {number}")
    return number


def _local_tables(folder: Path, paths: Sequence[str]) -> Iterator[Any]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    for path in paths:
        with pq.ParquetFile(folder / path, memory_map=True) as file:
            for batch in file.iter_batches(ROWS, use_threads=False):
                if len(batch):
                    yield pa.Table.from_batches([batch])


def _remote_tables(loaded: Any) -> Iterator[Any]:
    return (table for table in loaded.with_format("arrow").iter(ROWS) if len(table))


def _first_difference(ours: Any, theirs: Any) -> int | None:
    """Return the first row that differs. What Arrow cannot call equal, digests of the rows decide."""
    if sorted(ours.column_names) != sorted(theirs.column_names):
        return 0
    if all(ours[name].equals(theirs[name]) for name in ours.column_names):
        return None
    pairs = zip(ours.to_pylist(), theirs.to_pylist(), strict=True)
    return next((n for n, (a, b) in enumerate(pairs) if row_digest(a) != row_digest(b)), None)


def row_digest(row: Mapping[str, Any]) -> bytes:
    """Return a digest of a row; columns by name, every value exactly.

    `marshal` in version 2 writes equal values as equal bytes, floats by their bits.
    """
    return blake2b(marshal.dumps(sorted(row.items()), 2), digest_size=16).digest()


def _same_configs(repo: str, commit: str, configs: Configs) -> None:
    from datasets import get_dataset_config_names

    try:
        found = get_dataset_config_names(repo, revision=commit)
    except Exception as error:
        if is_trouble(error):
            raise
        raise Unproven(f"its card cannot be read ({clean(error)})") from error
    if sorted(found) != sorted(configs):
        raise Unproven(f"found configs {', '.join(found)}, expected {', '.join(configs)}")


def _loaded(repo: str, commit: str, config: str) -> Any:
    from datasets import load_dataset

    try:
        return load_dataset(repo, config, revision=commit, streaming=True)
    except Exception as error:
        if is_trouble(error):
            raise
        raise Unproven(f"config {config}: does not load ({clean(error)})") from error
