"""The ledger, and the files beside it: whole or absent."""

import sqlite3
from pathlib import Path

import numpy as np
import pytest

from counterfactory.errors import UserError
from counterfactory.factory.run.disk import disk_errors, locked, write_whole
from counterfactory.factory.run.ledger import Fate, Ledger
from counterfactory.records import Reason, Reject

REJECT = Reject(
    id="r", stage="mask", reason=Reason.MASK_TOO_SMALL, metric="area", value=np.float32(0.25),  # type: ignore[arg-type]
    threshold=0.5, parents=("s",), note="n",
)  # fmt: skip
FATES = [Fate.kept(0, "k", "s", 0), Fate.rejected(1, REJECT)]


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return Ledger(tmp_path / "ledger.sqlite")


def test_what_goes_in_comes_out(ledger: Ledger) -> None:
    ledger.add(3, FATES, seconds=4.0)
    kept, rejected = ledger.fates(3)
    assert kept == FATES[0]._replace(seconds=2.0)
    assert rejected.view() == {
        "id": "r", "stage": "mask", "reason": "mask_too_small", "metric": "area", "value": 0.25,
        "threshold": 0.5, "note": "n", "parents": ["s"],
    }  # fmt: skip
    assert ledger.finished() == {3: 1}
    assert ledger.count() == 2
    assert ledger.stages() == {("mask", "mask_too_small"): 1}


def test_a_batch_is_in_the_ledger_whole_or_not_at_all(ledger: Ledger) -> None:
    with pytest.raises(sqlite3.IntegrityError):
        ledger.add(0, [FATES[0], FATES[0]], seconds=1.0)
    assert ledger.count() == 0
    assert ledger.finished() == {}


def test_a_batch_is_never_entered_twice(ledger: Ledger) -> None:
    ledger.add(0, FATES, seconds=1.0)
    with pytest.raises(sqlite3.IntegrityError):
        ledger.add(0, FATES, seconds=1.0)


def test_late_rejects_are_taken_back_by_the_next_assembly(ledger: Ledger) -> None:
    ledger.add(0, FATES, seconds=1.0)
    late = Fate.rejected(0, Reject(id="k", stage="duplicate", reason=Reason.DUPLICATE))
    ledger.settle(0, late)
    assert ledger.stages()[("duplicate", "duplicate")] == 1
    ledger.reopen_late()
    assert ledger.stages() == {("mask", "mask_too_small"): 1}
    assert ledger.fates(0)[0].segment_row == 0


def test_a_ledger_begun_for_something_else_is_refused(ledger: Ledger, tmp_path: Path) -> None:
    ledger.claim({"recipe": "aaa"}, tmp_path)
    ledger.claim({"recipe": "aaa"}, tmp_path)
    with pytest.raises(
        UserError, match="another recipe .found aaa, now bbb.; choose another --out"
    ):
        ledger.claim({"recipe": "bbb"}, tmp_path)


def test_a_file_that_cannot_be_written_leaves_the_old_one_and_no_other(tmp_path: Path) -> None:
    path = tmp_path / "x"
    write_whole(path, b"old")
    (tmp_path / "x.tmp").mkdir()  # in the way of the new one
    with pytest.raises(UserError, match="a folder of this name is in the way"):
        with disk_errors(tmp_path):
            write_whole(path, b"new")
    assert path.read_bytes() == b"old"


def test_a_full_database_disk_is_one_line(ledger: Ledger, tmp_path: Path) -> None:
    ledger._db.execute("PRAGMA max_page_count = 12")
    many = [FATES[0]._replace(position=i, key="k" * 500) for i in range(1000)]
    with pytest.raises(UserError, match="no space left on the disk"), disk_errors(tmp_path):
        ledger.add(0, many, seconds=1.0)
    assert ledger.count() == 0
    ledger.add(1, FATES, seconds=1.0)


def test_other_errors_keep_their_traceback(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), disk_errors(tmp_path):
        (tmp_path / "nothing").read_bytes()


def test_a_second_holder_of_the_lock_is_told_who_has_it(tmp_path: Path) -> None:
    import os

    with locked(tmp_path / "lock"):
        with pytest.raises(UserError, match=f"process {os.getpid()}"), locked(tmp_path / "lock"):
            pass
    with locked(tmp_path / "lock"):
        pass
