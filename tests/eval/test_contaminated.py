"""What a model's card says of its data, and what is said of that."""

import json
from pathlib import Path

import pytest
from tests import tiny_vlm

from counterfactory.cli import main
from counterfactory.eval.contaminated import datasets_of, trained_on, warnings

CONTAMINATION = {"check": "contamination", "index": "shipped", "max_distance": 4}


def release(folder: Path, *checks: dict[str, object]) -> Path:
    folder.mkdir(parents=True)
    (folder / "manifest.json").write_text(json.dumps({"name": "r", "checks": list(checks)}))
    return folder


def model(folder: Path, header: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "README.md").write_text(f"---\n{header}\n---\n# A model\n")
    return folder


def test_a_release_that_was_checked_against_the_suite_is_fine(tmp_path: Path) -> None:
    data = release(tmp_path / "data", CONTAMINATION)
    card = model(tmp_path / "model", f"datasets:\n- {data}")
    for suite in ("pocket", "pocket-quick"):
        assert trained_on(card, suite) == {str(data): "checked"}
        assert warnings(card, suite)[1] == []


@pytest.mark.parametrize(
    ("checks", "suite", "why"),
    [
        ((), "pocket", "made no contamination check"),
        (({"check": "locality"},), "pocket", "made no contamination check"),
        ((CONTAMINATION,), "standard", "does not hold suite 'standard'"),
        (({**CONTAMINATION, "index": "mine.jsonl"},), "pocket", "(mine.jsonl) does not hold"),
    ],
)
def test_any_other_release_is_warned_of_loudly(
    tmp_path: Path, checks: tuple[dict[str, object], ...], suite: str, why: str
) -> None:
    data = release(tmp_path / "data", *checks)
    found, said = warnings(model(tmp_path / "model", f"datasets: {data}"), suite)
    assert found[str(data)].startswith("not checked") and why in found[str(data)]
    assert len(said) == 1 and said[0].startswith("WARNING") and str(data) in said[0]


def test_data_of_another_make_is_unknown_and_a_model_without_card_says_nothing(
    tmp_path: Path,
) -> None:
    card = model(tmp_path / "model", "datasets: [someone/photos, ./gone]\nlicense: mit")
    assert trained_on(card, "pocket") == {"someone/photos": "unknown", "./gone": "unknown"}
    assert datasets_of(tmp_path) == []
    for broken in ("datasets: [", "just text", "datasets: null"):
        assert datasets_of(model(tmp_path / "broken", broken)) == []


def test_the_command_warns(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tiny_vlm.llava(tmp_path)
    model(folder, f"datasets: {release(tmp_path / 'data')}")
    call = ["eval", "run", str(folder), "--suite", "pocket-quick", "--task", "count/balanced"]
    assert main([*call, "--limit", "2", "--out", str(tmp_path / "out"), "--json"]) == 0
    out, err = capsys.readouterr()
    assert "WARNING" in err and "WARNING" in json.loads(out)["warnings"][0]
