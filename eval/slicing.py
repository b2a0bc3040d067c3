"""Accuracy per slice: what the heat map shows and where failures are looked for.

    slices(columns)["kind:sun"]
    ->  {"n": 212, "clusters": 60, "accuracy": 0.71, "low": 0.62, "high": 0.78, "parse_failure": 0.0}

An item counts in every slice that it names. Intervals are Wilson's, with the cluster-robust number
of items.
"""

from itertools import chain
from typing import Any

import numpy as np

from counterfactory.eval.answers import UNPARSED
from counterfactory.eval.columns import Columns, codes, size
from counterfactory.eval.counting import STRUCTURE, truth
from counterfactory.eval.resample import add_up
from counterfactory.eval.stats import wilson_clustered


def slices(columns: Columns, *, least: int = 1) -> dict[str, dict[str, Any]]:
    """Return the slices of at least so many judged items, by name."""
    right = truth(columns)
    lengths = np.array([len(names) for names in columns["slices"]], dtype=np.int64)
    rows = np.repeat(np.arange(size(columns)), lengths)
    names = list(chain.from_iterable(columns["slices"]))
    keep = np.array([not name.startswith(STRUCTURE) for name in names], dtype=np.bool_)
    keep &= ~np.isnan(right[rows])
    rows, names = rows[keep], [name for name, kept in zip(names, keep, strict=True) if kept]
    place, _ = codes(names)
    home, homes = codes(columns["cluster_id"])

    cells, cell = np.unique(place * homes + home[rows], return_inverse=True)
    unparsed = (columns["verdict"][rows] == UNPARSED).astype(np.float64)
    counts = np.stack([right[rows], np.ones(len(rows)), unparsed], axis=1)
    hits, sizes, unread = add_up(counts, cell, len(cells)).T
    ends = np.searchsorted(cells, homes * np.arange(place.max(initial=-1) + 2))

    found = {}
    for name, low, high in zip(dict.fromkeys(names), ends[:-1], ends[1:], strict=True):
        n = sizes[low:high].sum()
        if n >= least:
            found[name] = {
                "n": int(n), "clusters": int(high - low),
                "accuracy": float(hits[low:high].sum() / n),
                **wilson_clustered(hits[low:high], sizes[low:high])._asdict(),
                "parse_failure": float(unread[low:high].sum() / n),
            }  # fmt: skip
    return dict(sorted(found.items()))
