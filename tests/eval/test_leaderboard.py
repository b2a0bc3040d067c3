"""Evaluations stand side by side: sorted, escaped, exported, and never unlike ones together."""

import csv
import io
import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from counterfactory.errors import UserError
from counterfactory.eval.leaderboard.drawing import shade
from counterfactory.eval.leaderboard.entries import read_entries
from counterfactory.eval.leaderboard.exports import exports, safe_name
from counterfactory.eval.leaderboard.page import heat, page
from counterfactory.eval.leaderboard.table import csv_table, text_table

PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010806000000"
    "1f15c4890000000d49444154789c6360f8cfc00000030101"
    "00c9fe92ef0000000049454e44ae426082"
)


def interval(value: float, n: int = 100) -> dict[str, Any]:
    return {"value": value, "low": value - 0.05, "high": value + 0.05, "n": n}


def evaluation(folder: Path, model: str, spatial: float, math: float, **more: Any) -> Path:
    """Write what `eval run` writes, with made-up numbers."""
    folder.mkdir()
    tasks = {
        name: {
            "axis": axis, "headline": "accuracy", "version": 1, "n": 100, "score": value,
            "metrics": {"accuracy": interval(value)},
        }
        for name, axis, value in (("relation", "spatial", spatial), ("count", "math", math))
    }  # fmt: skip
    summary = {
        "suite": "pocket", "split": "gate", "weights_hash": "ab" * 32,
        "run": {"model": model, "select": "greedy", "asked": 200, "seconds": 3.0},
        "axes": {"spatial": interval(spatial), "math": interval(math)}, "tasks": tasks,
        "slices": {"kind:sun": {"n": 40, "accuracy": spatial, "low": 0.1, "high": 0.9}},
        "parse_failures": 2, "parse_failure": interval(0.01),
    } | more  # fmt: skip
    (folder / "summary.json").write_text(json.dumps(summary))
    (folder / "results.json").write_text('{"results": {}}')
    return folder


@pytest.fixture
def two(tmp_path: Path) -> list[Path]:
    return [
        evaluation(tmp_path / "base", "pocket", 0.5, 0.6),
        evaluation(tmp_path / "round", "./round-1", 0.9, 0.7),
    ]


def test_the_best_average_comes_first(two: list[Path]) -> None:
    entries = read_entries(two)
    assert [entry.name for entry in entries] == ["./round-1", "pocket"]
    assert entries[0].average == pytest.approx(0.8)


def test_an_axis_that_one_model_lacks_is_no_part_of_the_average(
    two: list[Path], tmp_path: Path
) -> None:
    odd = evaluation(tmp_path / "odd", "odd", 0.7, 0.0, axes={"spatial": interval(0.7)})
    entries = read_entries([*two, odd])
    assert [entry.average for entry in entries] == pytest.approx([0.9, 0.7, 0.5])
    assert " - " in text_table(entries) + " "


def test_one_model_twice_is_told_apart_by_its_folder(tmp_path: Path) -> None:
    folders = [evaluation(tmp_path / name, "pocket", 0.5, 0.5) for name in ("a", "b")]
    assert {entry.name for entry in read_entries(folders)} == {"pocket · a", "pocket · b"}


@pytest.mark.parametrize("what", ["suite", "split"])
def test_unlike_evaluations_do_not_share_a_board(
    two: list[Path], tmp_path: Path, what: str
) -> None:
    other = evaluation(tmp_path / "other", "x", 0.5, 0.5, **{what: "else"})
    with pytest.raises(UserError, match=f"differ in {what}"):
        read_entries([*two, other])


def test_a_task_that_changed_is_not_compared(two: list[Path]) -> None:
    path = two[1] / "summary.json"
    path.write_text(path.read_text().replace('"version": 1', '"version": 2', 1))
    with pytest.raises(UserError, match="'relation' has version 2"):
        read_entries(two)


def test_a_folder_without_a_summary_gets_one_clear_line(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"no summary\.json"):
        read_entries([tmp_path])
    (tmp_path / "summary.json").write_text("{")
    with pytest.raises(UserError, match="not JSON"):
        read_entries([tmp_path])
    (tmp_path / "summary.json").write_text('{"suite": "pocket"}')
    with pytest.raises(UserError, match="'split' is missing"):
        read_entries([tmp_path])


def test_the_csv_reads_back_and_runs_no_formula(two: list[Path], tmp_path: Path) -> None:
    evil = evaluation(tmp_path / "evil", "=HYPERLINK(1)", 0.1, 0.1)
    rows = list(csv.DictReader(io.StringIO(csv_table(read_entries([*two, evil])))))
    assert float(rows[0]["spatial"]) == 0.9 and float(rows[0]["spatial_low"]) == 0.85
    assert float(rows[0]["relation"]) == 0.9 and rows[0]["weights_hash"] == "ab" * 32
    assert rows[2]["model"].startswith("'=")


def test_the_page_escapes_names_and_loads_nothing(two: list[Path], tmp_path: Path) -> None:
    evil = evaluation(tmp_path / "evil", "<script>alert(1)</script>", 0.1, 0.2)
    text = page(read_entries([*two, evil]))
    assert "<script" not in text and "&lt;script&gt;" in text
    assert not re.findall(r"""(?:src|href)=["'](?!data:)""", text) and "url(" not in text
    assert text.count("<circle") == 6  # three models on two axes


def test_failures_are_shown_with_their_pictures(two: list[Path]) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    case = {
        "task": "count", "item_id": "7", "prompt": "How many <b>suns</b>?", "gold": "2",
        "raw": "3", "verdict": "wrong", "images": [PNG],
    }  # fmt: skip
    pq.write_table(pa.Table.from_pylist([case]), two[0] / "failures.parquet")
    text = page(read_entries(two))
    assert "How many &lt;b&gt;suns" in text and "data:image/png;base64,iVBOR" in text
    assert "right: 2" in text


def test_the_heat_map_shows_a_slice_that_only_one_model_has(
    two: list[Path], tmp_path: Path
) -> None:
    bare = evaluation(tmp_path / "bare", "bare", 0.2, 0.2, slices={})
    lines = heat(read_entries([two[0], bare]))
    assert [cell["value"] for cell in lines[0]["cells"]] == ["50.0", "–"]
    assert shade(0.0) != shade(0.5) != shade(1.0)


def test_exports_are_what_their_readers_take(two: list[Path], tmp_path: Path) -> None:
    from huggingface_hub import parse_eval_result_entries
    from huggingface_hub.repocard_data import model_index_to_eval_results

    entries = read_entries(two)
    paths = exports(entries, tmp_path / "exports")
    folder = tmp_path / "exports" / safe_name("./round-1")
    index = yaml.safe_load((folder / "model-index.yaml").read_text())["model-index"]
    name, results = model_index_to_eval_results(index)
    assert name == "./round-1"
    assert {(r.dataset_config, r.metric_value) for r in results} == {
        ("relation", 0.9),
        ("count", 0.7),
    }
    hub = yaml.safe_load((folder / ".eval_results" / "pocket.yaml").read_text())
    assert {e.task_id: e.value for e in parse_eval_result_entries(hub)} == {
        "relation": 0.9,
        "count": 0.7,
    }
    vlm = json.loads((tmp_path / "exports" / "openvlm.json").read_text())
    assert vlm["results"]["pocket"]["relation"]["Overall"] == 50.0
    assert (folder / "results.json") in paths
    assert not any("N/A" in path.read_text() for path in paths)


@pytest.mark.parametrize("name", ["../../etc/passwd", "org/name@rev", "openai:http://h/v1#m", "…"])
def test_no_model_name_leaves_the_folder(name: str) -> None:
    assert "/" not in safe_name(name) and not safe_name(name).startswith(".")
