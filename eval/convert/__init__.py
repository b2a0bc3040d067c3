"""What authors publish as archives and lists -> the parquet that the tasks read.

    python -m counterfactory.eval.convert vlguard downloads/VLGuard --out mirror
    COUNTERFACTORY_BENCHMARKS=mirror counterfactory eval run MODEL --suite standard --out run

One file a source, whose first lines show what it expects. Nothing is downloaded.
"""

from collections.abc import Callable, Iterator
from pathlib import Path

from counterfactory.errors import UserError, did_you_mean
from counterfactory.eval.convert import (
    amber,
    clevr_math,
    mm_safetybench,
    mmhal,
    mossbench,
    spa_vl,
    vlguard,
    vsr,
    whatsup,
    winoground,
)
from counterfactory.eval.convert.writing import Table, write

CONVERTERS: dict[str, Callable[[Path], Iterator[Table]]] = {
    "amber": amber.tables,
    "clevr_math": clevr_math.tables,
    "mm_safetybench": mm_safetybench.tables,
    "mmhal": mmhal.tables,
    "mossbench": mossbench.tables,
    "spa_vl": spa_vl.tables,
    "vlguard": vlguard.tables,
    "vsr": vsr.tables,
    "whatsup": whatsup.tables,
    "winoground": winoground.tables,
}


def convert(name: str, source: Path, out: Path) -> list[tuple[Path, int]]:
    """Convert one source; return the files and their numbers of rows. Raises `UserError`."""
    if name not in CONVERTERS:
        hint = did_you_mean(name, CONVERTERS)
        raise UserError(f"no converter {name!r}{hint}; there are: {', '.join(CONVERTERS)}")
    if not source.exists():
        raise UserError(f"{source}: not there")
    return [write(table, out) for table in CONVERTERS[name](source)]
