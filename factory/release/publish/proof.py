"""Is what lies at a commit what was sent? Loaded back by `datasets`, compared row by row.

    rows_as_sent(remote, commit, folder, {"pairs": {"train": ["data/pairs/train-00000-of-00001.parquet"]}})
    ->  1437 rows compared; or Unproven("config pairs, split train, row 12: is not the row that was sent")

The one side is read from the local files by pyarrow, the other from the Hub by `datasets` as any user
loads it: by the card's configs, at that commit, as a stream that leaves nothing on the disk.
"""

import marshal
from collections.abc import Iterator, Mapping, Sequence
from hashlib import blake2b
from itertools import zip_longest
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


def digests(folder: Path, paths: Sequence[str]) -> Iterator[bytes]:
    """Yield a digest of each row of some parquet files, in order."""
    import pyarrow.parquet as pq

    for path in paths:
        with pq.ParquetFile(folder / path) as file:
            for batch in file.iter_batches(ROWS, use_threads=False):
                yield from map(_digest, batch.to_pylist())


def _compare(where: str, loaded: Any, folder: Path, paths: Sequence[str]) -> int:
    number = 0
    sent = digests(folder, paths)
    for number, (ours, theirs) in enumerate(zip_longest(sent, _remote_digests(loaded)), 1):
        if ours is None or theirs is None:
            less, more = ("more", "less") if ours is None else ("less", "more")
            raise Unproven(f"{where}: holds {less} rows than were sent ({more} than {number})")
        if ours != theirs:
            raise Unproven(f"{where}, row {number - 1}: is not the row that was sent")
    told = (loaded.info.splits or {}).get(loaded.split)
    if told is not None and told.num_examples != number:
        raise Unproven(f"{where}: the card tells of {told.num_examples} rows, found {number}")
    return number


def _remote_digests(loaded: Any) -> Iterator[bytes]:
    for table in loaded.with_format("arrow").iter(ROWS):
        yield from map(_digest, table.to_pylist())


def _digest(row: Mapping[str, Any]) -> bytes:
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
