"""`loop run`, `loop status` and `loop report` as they are typed, over one tiny loop that has ended."""

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests import tiny_vlm

from counterfactory.cli import main
from counterfactory.commands.loop import told
from counterfactory.loop.engine import Engine, Stage
from counterfactory.loop.journal import Journal
from counterfactory.loop.layout import round_of, write_json
from counterfactory.loop.run import result_of

RECIPE = """\
kind: loop
name: small
rounds: 1
suite: pocket-quick
limit: 2
model: {model}
builds: [{{recipe: world-qa}}]
stages: [{{train: sft, data: [world-qa], steps: 2, set: {{batch: 2}}}}]
budget: {{rows: 8}}
"""
STAGES = (
    "before",
    "measure",
    "mine",
    "plan",
    "build/world-qa",
    "data",
    "train/sft",
    "after",
    "gate",
)
AXES = (
    "hallucination", "attribute", "math", "spatial", "commonsense", "harmlessness", "helpfulness",
)  # fmt: skip
Said = tuple[int, str, str]


@dataclass(frozen=True)
class Ended:
    """A loop of one rejected round, and what its first run said."""

    recipe: Path
    out: Path
    first: Said

    def command(self, capsys: pytest.CaptureFixture[str], *options: str) -> Said:
        return ran(capsys, self.recipe, self.out, *options)


def ran(capsys: pytest.CaptureFixture[str], recipe: Path, out: Path, *options: str) -> Said:
    capsys.readouterr()
    where = ["--out", str(out), "--workers", "1", "--device", "cpu"]
    code = main(["loop", "run", str(recipe), *where, *options])
    found = capsys.readouterr()
    return code, found.out, found.err


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Ended]:
    folder, held = tmp_path_factory.mktemp("command"), list[Ended]()

    def run(capsys: pytest.CaptureFixture[str]) -> Ended:
        if not held:
            recipe = folder / "small.yaml"
            recipe.write_text(RECIPE.format(model=tiny_vlm.idefics3(folder)))
            said = ran(capsys, recipe, folder / "loop", "--json", "--fail-on-reject")
            held.append(Ended(recipe, folder / "loop", said))
        return held[0]

    return run


@pytest.fixture
def ended(kept: Callable[..., Ended], capsys: pytest.CaptureFixture[str]) -> Ended:
    return kept(capsys)


def test_json_is_one_object_and_all_else_goes_to_standard_error(ended: Ended) -> None:
    code, out, err = ended.first
    found = json.loads(out)
    assert code == 3, "--fail-on-reject, and a model that learnt in two steps was not promoted"
    assert found.keys() == {"out", "rounds", "report", "promoted", "ran", "seconds"}
    assert found["promoted"] is None and found["ran"] == len(STAGES)
    (one,) = found["rounds"]
    assert one["round"] == 1 and one["promoted"] is False
    assert one["reason"].startswith("Not promoted.") and one["reason"] in err
    assert one["release"] == [str(ended.out / "round-01" / "release" / "world-qa")]
    assert one["model"] == str(ended.out / "round-01" / "model" / "1-sft")
    for side in ("axes_before", "axes_after"):
        assert set(one[side]) == set(AXES)
        assert all(axis.keys() == {"value", "low", "high", "n"} for axis in one[side].values())


def test_every_stage_says_that_it_begins_how_far_it_is_and_when_it_is_done(ended: Ended) -> None:
    lines = ended.first[2].splitlines()
    places = [lines.index(f"round 1/1  {stage} ...") for stage in STAGES]
    assert places == sorted(places)
    starts = {
        "before": "pocket-quick 64 answers, ", "measure": "pocket-quick 64 answers, ",
        "build/world-qa": "world-qa 10/10 samples, 100 %, ", "train/sft": "sft 2/2 steps, 100 %, ",
        "after": "pocket-quick 64 answers, ",
    }  # fmt: skip
    for stage, place in zip(STAGES, places, strict=True):
        end = next(at for at in range(place, len(lines)) if f"  {stage}: done in" in lines[at])
        told = [line for line in lines[place + 1 : end] if line.startswith(starts.get(stage, "-"))]
        assert bool(told) == (stage in starts), (stage, lines[place : end + 1])
        assert all("/s, " in line and line.endswith(" taken") for line in told[-1:])
    assert "up to task 32 of 32" in lines[places[0] + 1]


def test_the_run_ends_with_a_table_of_before_and_after(
    ended: Ended, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, err = ended.command(capsys)
    assert code == 0 and err == "", "nothing was left to do, and a rejected round is no error"
    lines = [line.split() for line in out.splitlines()]
    assert lines[0][:3] == ["round", "1", "rejected:"]
    head = lines.index(["axis", "before", "95", "%", "interval", "after", "95", "%", "interval"])
    axes = json.loads(ended.first[1])["rounds"][0]
    for line, axis in zip(lines[head + 1 :], AXES, strict=False):
        before, after = axes["axes_before"][axis], axes["axes_after"][axis]
        cells = [f"{one[key]:.3f}" for one in (before, after) for key in ("value", "low", "high")]
        assert line == [axis, cells[0], cells[1], "..", *cells[2:5], "..", cells[5]]
    assert ["rejected", axes["model"]] in lines
    assert ["promoted", "no", "model:", "the", "one", "given", "stays"] in lines
    assert lines[-1] == ["report", str(ended.out / "report.html")]


def test_status_says_what_is_done_and_why_a_round_was_rejected(
    ended: Ended, capsys: pytest.CaptureFixture[str]
) -> None:
    capsys.readouterr()
    assert main(["loop", "status", str(ended.out)]) == 0
    text = capsys.readouterr().out
    assert text.startswith("small: 1 of 1 rounds done")
    assert [line.split()[1] for line in text.splitlines() if line.startswith("  1  ")] == [*STAGES]
    reason = json.loads(ended.first[1])["rounds"][0]["reason"]
    paragraph = text.partition("round 1 rejected:\n")[2].partition("\n\n")[0].splitlines()
    assert all(line.startswith("  ") and len(line) <= 100 for line in paragraph)
    assert " ".join(line.strip() for line in paragraph) == reason
    for line in ("at work   nobody", "begun     nothing", "promoted  nothing yet"):
        assert line in text


def test_status_names_a_stage_that_was_begun_as_the_journal_does(
    ended: Ended, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "loop"
    shutil.copytree(ended.out, out)

    def stopped(work: Path) -> None:
        raise KeyboardInterrupt

    stage = Stage("train/prefer", stopped, lambda work: {"n": 1}, lambda work: [work / "model"])
    with pytest.raises(KeyboardInterrupt):
        Engine(Journal(out)).do(1, stage, tmp_path, round_of(out, 1).folder)
    capsys.readouterr()
    assert main(["loop", "status", str(out), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["begun"] == "round 1 train/prefer"


def test_report_writes_the_page_anew(
    ended: Ended, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "loop"
    shutil.copytree(ended.out, out)
    (out / "report.html").unlink()
    capsys.readouterr()
    assert main(["loop", "report", str(out), "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"report": str(out / "report.html")}
    assert "Not promoted." in (out / "report.html").read_text()
    assert main(["loop", "report", str(tmp_path)]) == 2
    assert "expected the folder of a `loop run`" in capsys.readouterr().err


def test_without_a_gate_the_same_round_is_promoted(
    ended: Ended, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "loop"
    shutil.copytree(ended.out, out)
    options = ("--set", "gated=false", "--fail-on-reject", "--json")
    code, text, err = ran(capsys, ended.recipe, out, *options)
    found, model = json.loads(text), str(out / "round-01" / "model" / "1-sft")
    assert code == 0 and found["promoted"] == model == found["rounds"][0]["model"]
    assert err.startswith("recipe changed since the last run: gated true -> false; ")


def test_a_round_whose_data_is_now_rejected_tells_no_measurement(
    ended: Ended, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "loop"
    shutil.copytree(ended.out, out)
    assert "<td>round 1<" in (out / "report.html").read_text()
    options = ("--set", "gates.data.min_rows=1000", "--json")
    found = json.loads(ran(capsys, ended.recipe, out, *options)[1])
    (one,) = found["rounds"]
    assert found["ran"] == 2 and "the data was rejected" in one["reason"], "data, gate"
    assert one["axes_after"] == {} != one["axes_before"] and one["model"] is None
    assert "<td>round 1<" not in (out / "report.html").read_text()
    assert json.loads(ran(capsys, ended.recipe, out, *options)[1])["ran"] == 0


def test_a_model_goes_with_its_filter_and_what_was_not_made_is_not_named(tmp_path: Path) -> None:
    here = round_of(tmp_path, 1)
    write_json(here.plan, {"builds": [{"name": "world-qa"}, {"name": "world-math"}]})
    for name in ("world-qa", "of-another-plan"):
        write_json(here.release(name) / "manifest.json", {"kept": 3})
    write_json(here.release("world-math") / "failed.json", {"reason": "kept nothing"})
    write_json(here.gate, {"promoted": True, "model": "model/1-sft"})
    write_json(tmp_path / "promoted.json", {"round": 1, "model": "round-01/model/1-sft"})
    found = result_of(tmp_path)
    assert found["rounds"][0]["release"] == [str(here.release("world-qa"))]
    assert found["promoted"] == found["rounds"][0]["model"] == str(here.models / "1-sft")
    here.filter.mkdir()
    found = result_of(tmp_path)
    assert found["promoted"] == found["rounds"][0]["model"] == f"filtered:{here.filter}"
    write_json(here.gate, {"promoted": False, "reason": "nothing was trained"})
    assert result_of(tmp_path)["rounds"][0]["model"] is None


def test_the_run_names_the_model_of_a_rejected_round(tmp_path: Path) -> None:
    first, second, third = (round_of(tmp_path, number) for number in (1, 2, 3))
    write_json(first.gate, {"promoted": True, "model": "model/1-sft"})
    write_json(second.gate, {"promoted": False, "reason": "Lost.", "model": "model/1-sft"})
    write_json(third.gate, {"promoted": False, "reason": "nothing was trained"})
    write_json(tmp_path / "promoted.json", {"round": 1, "model": "round-01/model/1-sft"})
    lines = told(result_of(tmp_path)).splitlines()
    assert lines[-3:-1] == [
        f"rejected  {second.models / '1-sft'}",
        f"promoted  {first.models / '1-sft'}",
    ]
    assert sum(line.startswith("rejected  ") for line in lines) == 1
