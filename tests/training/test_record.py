"""The record of a run: a line a step, cut back where a run goes on, means and curves at the end."""

import json
from pathlib import Path

import pytest

from counterfactory.errors import UserError
from counterfactory.training.curves import draw, shown
from counterfactory.training.lines import LINES, final, read
from counterfactory.training.record import Recorder


def test_lines_are_on_disk_at_once_and_progress_is_not_on_standard_output(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    recorder = Recorder(tmp_path, 2, what="sft")
    recorder.begin()
    recorder.step(1, 2.5, 0.1, reward=0.25)
    assert [(line["loss"], line["reward"]) for line in read(tmp_path / LINES)] == [(2.5, 0.25)]
    recorder.step(2, 2.0, 0.1, reward=float("nan"))
    recorder.end()
    said = capsys.readouterr()
    assert said.out == "" and "sft 2/2 steps, 100 %" in said.err
    assert "reward" not in read(tmp_path / LINES)[1], "what is no number is left out"
    assert (tmp_path / "curves.png").is_file()


def test_a_run_that_goes_on_keeps_the_lines_before_its_checkpoint(tmp_path: Path) -> None:
    lines = [json.dumps({"step": step, "loss": float(step)}) for step in (1, 2, 3)]
    (tmp_path / LINES).write_text("\n".join([*lines, '{"step": 4, "lo']))
    recorder = Recorder(tmp_path, 5)
    recorder.begin(2)
    recorder.step(3, 9.0, 0.1)
    assert [(line["step"], line["loss"]) for line in recorder.lines()] == [(1, 1), (2, 2), (3, 9)]


def test_processes_behind_the_first_write_nothing(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path / "w", 1, first=False)
    recorder.begin()
    recorder.step(1, 1.0, 0.1)
    recorder.end()
    assert not (tmp_path / "w").exists()


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_loss_that_is_no_number_names_step_and_checkpoint(tmp_path: Path, value: float) -> None:
    recorder = Recorder(tmp_path, 5)
    recorder.begin(3)
    recorder.finite(1.0)
    with pytest.raises(UserError, match=r"step 4: found loss (nan|inf).*no checkpoint yet"):
        recorder.finite(value)


def test_final_numbers_are_means_of_the_last_tenth() -> None:
    lines = [{"step": n, "seconds": 1, "lr": 0.1, "loss": float(n)} for n in range(1, 21)]
    assert final(lines) == {"loss": 19.5}
    assert final([]) == {}


def test_curves_show_the_loss_first_and_no_more_than_fit(tmp_path: Path) -> None:
    names = ["lr", "grad_norm", "reward_b", "loss", "cost", *(f"reward_{n}" for n in range(20))]
    line = {"step": 1, **dict.fromkeys(names, 0.5)}
    assert shown([line])[0] == "loss" and len(shown([line])) == 9
    assert not {"lr", "grad_norm"} & set(shown([line]))
    draw([line, {**line, "step": 2}], tmp_path / "c.png")
    assert (tmp_path / "c.png").read_bytes()[:4] == b"\x89PNG"
    draw([], tmp_path / "none.png")
    assert not (tmp_path / "none.png").exists()
