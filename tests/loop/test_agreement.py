"""Agreement of a model with itself: votes and claims, paired item by item."""

import sys
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from counterfactory.eval.compare import read_pair
from counterfactory.loop.agreement import agreements
from counterfactory.loop.gate_settings import Promotion

sys.path.append(str(Path(__file__).parents[1] / "eval"))
from answer_rows import answers, folder, task

QUICK = Promotion(samples=300, permutations=500)


def run(path: Path, agree: int, claims: int | None = None) -> Path:
    """Write 60 items: `agree` have three equal votes; `claims` of 60 stand by what they claim."""
    rows: list[dict[str, Any]] = answers([True, False] * 30)
    for at, row in enumerate(rows):
        row["votes"] = ["yes", "Yes ", "yes"] if at < agree else ["yes", "no", "no"]
    out = folder(path, rows, (task(),))
    if claims is not None:
        told = [
            {"task": "t", "item_id": row["item_id"], "contradiction": at >= claims}
            for at, row in enumerate(rows)
        ]
        pq.write_table(pa.Table.from_pylist(told), out / "reflections.parquet")
    return out


def test_votes_agree_by_the_share_of_the_most_frequent(tmp_path: Path) -> None:
    found = agreements(read_pair(run(tmp_path / "a", 0), run(tmp_path / "b", 30)), QUICK)
    assert set(found) == {"votes"}
    assert found["votes"].a == pytest.approx(2 / 3)
    assert found["votes"].delta == pytest.approx(1 / 6)
    assert found["votes"].p < 0.01 and found["votes"].low > 0


def test_claims_are_compared_where_both_runs_reflected(tmp_path: Path) -> None:
    before, after = run(tmp_path / "a", 10, claims=50), run(tmp_path / "b", 10, claims=20)
    found = agreements(read_pair(before, after), QUICK)["own claims"]
    assert found.delta == pytest.approx(-0.5) and found.high < 0
    again = agreements(read_pair(before, after), QUICK)["own claims"]
    assert (found.low, found.p) == (again.low, again.p)
    plain = run(tmp_path / "c", 10)
    assert "own claims" not in agreements(read_pair(before, plain), QUICK)


def test_what_does_not_change_has_no_effect(tmp_path: Path) -> None:
    found = agreements(read_pair(run(tmp_path / "a", 30, 30), run(tmp_path / "b", 30, 30)), QUICK)
    assert [one.delta for one in found.values()] == [0.0, 0.0]
    assert all(one.p == 1.0 for one in found.values())
