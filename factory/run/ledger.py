"""The ledger: what became of every candidate, in SQLite, one transaction per batch.

    ledger = Ledger(work / "ledger.sqlite")
    ledger.add(12, fates, seconds=3.1)      # the batch's rows are on disk already
    ledger.finished()                       # {0, 1, ..., 12}: never made again
    ledger.rejects()                        # {"outside_changed": 41, "duplicate": 7}

A batch is in the ledger whole or not at all; its segment file is written first. So a file without
an entry is a batch that was killed in between, and is written again. `segment_row` stays when a
check of scope "global" rejects a row at assembly: assembly can be killed, and starts from the
segments again.
"""

import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from counterfactory.errors import UserError
from counterfactory.records import Reject

KEPT, REJECTED = "kept", "reject"

_SCHEMA = """
CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS batches (batch INTEGER PRIMARY KEY, kept INTEGER NOT NULL, seconds REAL NOT NULL);
CREATE TABLE IF NOT EXISTS candidates (
    batch INTEGER NOT NULL, position INTEGER NOT NULL, key TEXT NOT NULL, sample_id TEXT NOT NULL,
    status TEXT NOT NULL, segment_row INTEGER, stage TEXT NOT NULL, reason TEXT NOT NULL, metric TEXT NOT NULL,
    value REAL, threshold REAL, note TEXT NOT NULL, seconds REAL NOT NULL,
    PRIMARY KEY (batch, position)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS candidates_by_key ON candidates (key);
"""


class Fate(NamedTuple):
    """What became of one candidate: kept, or rejected with stage, reason and numbers."""

    position: int  # in its batch
    key: str
    sample_id: str
    status: str  # KEPT or REJECTED
    segment_row: int | None  # its place in the batch's segment; None when it was rejected before
    stage: str
    reason: str
    metric: str
    value: float | None
    threshold: float | None
    note: str
    seconds: float  # the batch's time, shared evenly

    @classmethod
    def kept(cls, position: int, key: str, sample_id: str, row: int) -> "Fate":
        """Return the fate of a candidate whose row stands at `row` of the segment."""
        return cls(position, key, sample_id, KEPT, row, "", "", "", None, None, "", 0.0)

    @classmethod
    def rejected(cls, position: int, reject: Reject) -> "Fate":
        """Return the fate of a candidate that an op or a check ended."""
        parent = reject.parents[0] if reject.parents else ""
        return cls(
            position, reject.id, parent, REJECTED, None, reject.stage, str(reject.reason),
            reject.metric, _real(reject.value), _real(reject.threshold), reject.note, 0.0,
        )  # fmt: skip

    def view(self) -> dict[str, Any]:
        """Return this reject as a row of the view `rejects`."""
        names = ("stage", "reason", "metric", "value", "threshold", "note")
        parents = [self.sample_id] if self.sample_id else []
        return {
            "id": self.key,
            **{name: getattr(self, name) for name in names},
            "parents": parents,
        }


class Ledger:
    """One build's ledger. Only the parent process opens it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._db = sqlite3.connect(path, isolation_level=None)
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute("PRAGMA synchronous=NORMAL")
        self._db.executescript(_SCHEMA)

    def __enter__(self) -> "Ledger":
        return self

    def __exit__(self, *_: object) -> None:
        self._db.close()

    def claim(self, identity: Mapping[str, str], folder: Path) -> None:
        """Bind a new ledger to what is made here.

        Raises `UserError` when it was begun for something else.
        """
        for name, value in identity.items():
            found = self.note(name)
            if found is None:
                self.remember(name, value)
            elif found != value:
                raise UserError(
                    f"{folder}: begun with another {name} (found {found[:12]}, now {value[:12]}); "
                    "choose another --out, or delete this folder to begin anew"
                )

    def note(self, name: str) -> str | None:
        """Return a remembered value."""
        found = self._db.execute("SELECT value FROM meta WHERE name = ?", (name,)).fetchone()
        return None if found is None else str(found[0])

    def remember(self, name: str, value: str) -> None:
        """Remember a value under a name."""
        self._db.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (name, value))

    def finished(self) -> dict[int, int]:
        """Return the finished batches, each with its number of rows in the segment."""
        return dict(self._db.execute("SELECT batch, kept FROM batches ORDER BY batch"))

    def add(self, batch: int, fates: Iterable[Fate], seconds: float) -> None:
        """Enter a finished batch, in one transaction."""
        rows = list(fates)
        share = seconds / max(1, len(rows))
        kept = sum(fate.segment_row is not None for fate in rows)
        with self.transaction():
            self._db.execute("INSERT INTO batches VALUES (?, ?, ?)", (batch, kept, seconds))
            self._db.executemany(
                f"INSERT INTO candidates VALUES (?{', ?' * len(Fate._fields)})",
                ((batch, *fate[:-1], share) for fate in rows),
            )

    def forget(self, batch: int) -> None:
        """Take a batch out again, because its segment is gone."""
        with self.transaction():
            self._db.execute("DELETE FROM batches WHERE batch = ?", (batch,))
            self._db.execute("DELETE FROM candidates WHERE batch = ?", (batch,))

    def fates(self, batch: int) -> list[Fate]:
        """Return the fates of one batch, in order of position."""
        found = self._db.execute(
            f"SELECT {', '.join(Fate._fields)} FROM candidates WHERE batch = ? ORDER BY position", (batch,)
        )  # fmt: skip
        return [Fate(*row) for row in found]

    def settle(self, batch: int, late: Fate) -> None:
        """Note that a check of scope "global" rejected a row that the chain had kept."""
        self._db.execute(
            "UPDATE candidates SET status = 'reject', stage = ?, reason = ?, metric = ?, value = ?, "
            "threshold = ?, note = ? WHERE batch = ? AND position = ?",
            (late.stage, late.reason, late.metric, late.value, late.threshold, late.note, batch, late.position),
        )  # fmt: skip

    def reopen_late(self) -> None:
        """Take back what an earlier assembly settled: the next one decides anew."""
        self._db.execute(
            "UPDATE candidates SET status = 'kept', stage = '', reason = '', metric = '', value = NULL, "
            "threshold = NULL, note = '' WHERE segment_row IS NOT NULL AND status = 'reject'"
        )

    def count(self) -> int:
        """Return how many candidates are finished."""
        return int(self._db.execute("SELECT count(*) FROM candidates").fetchone()[0])

    def stages(self) -> dict[tuple[str, str], int]:
        """Return how many candidates each stage rejected for each reason."""
        found = self._db.execute(
            "SELECT stage, reason, count(*) FROM candidates WHERE status = 'reject' GROUP BY 1, 2 ORDER BY 1, 2"
        )
        return {(stage, reason): number for stage, reason, number in found}

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All of what is written inside, or nothing."""
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            if self._db.in_transaction:  # a full disk has rolled back by itself
                self._db.execute("ROLLBACK")
            raise
        self._db.execute("COMMIT")


def _real(number: float | None) -> float | None:
    """Return a plain float: SQLite stores NumPy's as bytes."""
    return None if number is None else float(number)
