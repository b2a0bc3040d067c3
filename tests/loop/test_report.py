"""The report page: all of a loop in one file, every text escaped, missing parts said."""

import json
import re
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from counterfactory.errors import UserError
from counterfactory.images import png
from counterfactory.loop.report import page, write_report
from counterfactory.loop.report_charts import MOST_POINTS, Point, axis_chart, curve, thin

EVIL = "<script>alert('x')</script>"


def put(path: Path, values: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(values))


def summary(value: float) -> dict:
    one = {"value": value, "low": value - 0.05, "high": value + 0.05, "n": 100}
    task = {"axis": "harmlessness", "headline": "refused", "value": value}
    return {"items": 500, "axes": {"math": one, EVIL: one}, "tasks": {"request_word": task}}


def picture(level: int) -> dict:
    return {"bytes": png(np.full((8, 8, 3), level, dtype=np.uint8)), "path": None}


def release(folder: Path) -> None:
    put(folder / "manifest.json", {
        "name": "region-diff", "version": "dev", "fingerprint": "abcdef0123456789", "candidates": 200, "kept": 150,
        "views": {"pairs": {"rows": 1}}, "funnel": [{"stage": "propose", "in": 200, "out": 150, "reasons": {EVIL: 50}},
                   {"stage": "edit", "in": 150, "out": 145, "reasons": {}},
                   {"stage": "edit_classical", "in": 145, "out": 144, "reasons": {}}],
    })  # fmt: skip
    (folder / "data" / "pairs").mkdir(parents=True)
    row = {
        "id": "f00d", "image_a": picture(10), "image_b": picture(200), "question": f"Is it? {EVIL}",
        "answer_a": "yes", "answer_b": "no", "difference": "brighter", "slices": ["task:existence", "kind:leaf"],
    }  # fmt: skip
    pq.write_table(
        pa.Table.from_pylist([row]), folder / "data" / "pairs" / "train-00000-of-00001.parquet"
    )


@pytest.fixture
def loop(tmp_path: Path) -> Path:
    (tmp_path / "recipe.yaml").write_text(f'kind: loop\nname: "{EVIL}"\nmodel: pocket\nrounds: 2\n')
    here = tmp_path / "round-01"
    put(here / "eval" / "before" / "summary.json", summary(0.5))
    put(here / "eval" / "after" / "summary.json", summary(0.75))
    mined = {
        "name": f"leaves {EVIL}", "conditions": ["kind:leaf"], "items": 40, "errors": 30, "mass": 0.2, "q": 1e-4,
    }  # fmt: skip
    put(here / "slices.json", {"slices": [mined]})
    aim = {
        "name": mined["name"], "of": mined["name"], "conditions": ["kind:leaf"], "build": "region-diff",
        "labels": ["task:existence", "kind:leaf"], "rows": 123,
    }  # fmt: skip
    put(here / "plan.json", {
        "targets": [aim], "builds": [{"name": "region-diff", "rows": 140}], "arm": "mined",
        "back": [{"name": "sums", "why": f"no rows {EVIL}"}],
        "mix": {"rows": 160, "aimed": {"rows": 120, "share": 0.75}, "general": {"rows": 40, "share": 0.25}},
        "stages": [{"stage": "sft", "data": ["region-diff"], "replay": [f"old {EVIL}"], "share": 0.4}],
    })  # fmt: skip
    release(here / "release" / "region-diff")
    log = [
        {"step": n, "reward": n / 9, "loss": 1 / n, "num_tokens": 10 * (n if n < 6 else n - 5)}
        for n in range(1, 9)
    ]  # the counter starts anew at step 6
    (here / "model" / "1-reinforce").mkdir(parents=True)
    lines = [json.dumps(row) for row in log] + ['{"step": 9, "lo']  # the last one is torn
    (here / "model" / "1-reinforce" / "training.jsonl").write_text("\n".join(lines))
    test = {
        "name": "slices", "passed": True, "before": 0.25, "after": 0.8, "delta": 0.55, "low": 0.5, "high": 0.6,
        "p": 1e-4, "n": 40, "mde": 0.1, "margin": None, "of": [],
    }  # fmt: skip
    fresh = {
        "name": mined["name"], "before": 0.75, "after": 0.2, "change": -0.55, "low": -0.6, "high": -0.5, "p": 1e-4,
        "n": 40,
    }  # fmt: skip
    put(here / "gate.json", {
        "promoted": True, "reason": f"Promoted. {EVIL}", "target": [test], "guards": [], "slices": [fresh],
        "alarms": [{"name": "canary", "rang": False, "why": ""}], "model": "model/1-reinforce",
    })  # fmt: skip
    stage = {
        "round": 1,
        "stage": "mine",
        "inputs": "a",
        "outputs": "b",
        "seconds": 2.5,
        "at": "2026-01-01T00:00:00Z",
    }
    (tmp_path / "journal.jsonl").write_text(json.dumps(stage) + "\n")
    return tmp_path


def test_the_page_tells_the_whole_round(loop: Path) -> None:
    text = write_report(loop).read_text()
    for said in (
        "promoted", "75.0", "20.0", "-55.0", "-60.0 to -50.0", "150 of 200 candidates kept", "140 wanted",
        "144 pictures edited",
        "1-reinforce", "brighter", "task:existence &amp; kind:leaf", "abcdef012345", "30 wrong answers",
        "2.5 s", "80 tokens trained on", "1,000 questions asked", "round-01/model/1-reinforce", "1 put back",
        "aimed 120 rows (75 %), general 40 rows (25 %)", "sft learns from region-diff, 40 % of its rows replayed",
    ):  # fmt: skip
        assert said in text, said
    assert len(re.findall(r'src="data:image/png;base64,', text)) == 2
    assert 0 < text.index("<figcaption>loss<") < text.index("<figcaption>reward<")


def test_what_is_folded_on_a_screen_is_printed(loop: Path) -> None:
    print_css = page(loop).partition("@media print {")[2].partition("</style>")[0]
    assert "details::details-content { content-visibility: visible; }" in print_css


def test_a_rejected_round_is_hollow_and_its_scores_are_not_the_loops(loop: Path) -> None:
    gate = json.loads((loop / "round-01" / "gate.json").read_text())
    put(loop / "round-01" / "gate.json", gate | {"promoted": False})
    text = page(loop)
    assert "dot hollow" in text and "rejected" in text and "No model was promoted" in text
    assert "<span>math</span><span>50.0</span>" in text


def test_every_text_is_escaped_and_nothing_is_loaded(loop: Path) -> None:
    text = page(loop)
    assert "<script" not in text and text.count("&lt;script&gt;") >= 7
    assert "default-src 'none'" in text
    assert not re.findall(r'(?:src|href)="(?!data:|#)', text)


@pytest.mark.parametrize(
    "name",
    ["recipe.yaml", "journal.jsonl", "round-01/slices.json", "round-01/plan.json", "round-01/gate.json",
     "round-01/eval/before/summary.json", "round-01/eval/after/summary.json",
     "round-01/model/1-reinforce/training.jsonl", "round-01/release/region-diff/manifest.json"],
)  # fmt: skip
def test_a_missing_part_is_no_crash(loop: Path, name: str) -> None:
    (loop / name).unlink()
    assert "Round 1" in page(loop)


def test_an_empty_loop_says_that_nothing_has_begun(tmp_path: Path) -> None:
    text = page(tmp_path)
    for said in (
        "No round has begun",
        "Nothing was measured",
        "no journal",
        "No model was promoted",
    ):
        assert said in text


def test_a_folder_that_is_none_is_the_users_to_mend(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="found no such folder"):
        write_report(tmp_path / "nowhere")


def test_charts_hold_every_point_and_thin_long_series() -> None:
    drawn = axis_chart(
        [Point("start", 0.5, 0.45, 0.55, True), Point("round 1", 0.4, None, None, False)], "math"
    )
    assert drawn.count("<circle") == 2 and "hollow" in drawn and "start: 50.0 [45.0, 55.0]" in drawn
    assert len(thin([1.0] * 1000)) <= MOST_POINTS and curve([1], [1.0], "x") == ""
    assert "polyline" in curve([1, 2, 3], [5.0, 5.0, 5.0], "flat")
