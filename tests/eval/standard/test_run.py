"""The suite `standard` in `eval run`, on all drawn benchmarks at once."""

import json
import math
from pathlib import Path

import pytest
from tests.eval.standard import kit

from counterfactory.errors import UserError
from counterfactory.eval.answerers import answerer_for
from counterfactory.eval.benchmarks import BENCHMARKS, FOLDER
from counterfactory.eval.plan import Plan
from counterfactory.eval.run import evaluate
from counterfactory.eval.suites import suite_named


@pytest.fixture(scope="module")
def mirror(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All fixtures in one folder."""
    folder = tmp_path_factory.mktemp("mirror")
    for name, fixture in kit.FIXTURES.items():
        kit.lay(folder, name, fixture)
    return folder


def test_an_oracle_is_right_everywhere_and_what_was_read_is_recorded(
    mirror: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(FOLDER, str(mirror))
    plan = Plan(suite=suite_named("standard"), split="all")
    result = evaluate(answerer_for("dummy:oracle"), plan, tmp_path, quiet=True)
    assert set(result["tasks"]) == set(BENCHMARKS)
    for name, task in result["tasks"].items():
        if not BENCHMARKS[name].judge:
            assert task["value"] == pytest.approx(kit.FIXTURES[name].oracle), name
    for axis in ("hallucination", "attribute", "math", "spatial", "harmlessness", "helpfulness"):
        assert result["axes"][axis]["value"] == pytest.approx(1.0), axis
    summary = json.loads((tmp_path / "summary.json").read_text())
    sources = summary["run"]["sources"]
    assert set(sources) == set(BENCHMARKS)
    assert all(source.startswith("local:") for source in sources.values())


def test_other_data_in_the_folder_are_asked_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fixture = kit.FIXTURES["mmvp"]
    monkeypatch.setenv(FOLDER, str(kit.lay(tmp_path / "mirror", "mmvp", fixture)))
    plan = Plan(suite=suite_named("standard"), split="all", tasks=("mmvp",))
    assert (
        evaluate(answerer_for("dummy:always-yes"), plan, tmp_path / "run", quiet=True)["items"] == 4
    )
    rows = {("", "train"): fixture.rows[("", "train")][:2]}
    kit.lay(tmp_path / "mirror", "mmvp", fixture, rows)
    again = evaluate(answerer_for("dummy:always-yes"), plan, tmp_path / "run", quiet=True)
    assert again["items"] == 2 and again["tasks"]["mmvp"]["value"] == 0
    assert not math.isnan(again["parse_failures"])


def test_a_suite_without_data_says_which_benchmark_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(FOLDER, str(tmp_path))
    plan = Plan(suite=suite_named("standard"), split="all", tasks=("vsr",))
    with pytest.raises(
        UserError, match=r"^vsr: no test\*\.parquet below .*eval\.convert vsr SOURCE"
    ):
        evaluate(answerer_for("dummy:oracle"), plan, tmp_path / "run", quiet=True)
