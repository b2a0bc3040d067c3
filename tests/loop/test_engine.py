"""The engine of a loop: each stage once, again only when what it reads has changed, killed or not."""

import json
import os
import shutil
import signal
import time
from collections.abc import Callable
from pathlib import Path

import loop_toys
import pytest
from loop_toys import TOY, contents, no_page, toy_recipe

from counterfactory.errors import UserError
from counterfactory.loop.changed import said
from counterfactory.loop.engine import Engine, Stage
from counterfactory.loop.generators import GENERATOR
from counterfactory.loop.journal import Journal
from counterfactory.loop.rounds import Work
from counterfactory.loop.run import run_loop


def run(folder: Path, rounds: int = 2, bad: int = 0, **more: object) -> list[str]:
    """Run the toy loop and return what its stages did."""
    loop_toys.CALLS.clear()
    recipe = toy_recipe(rounds, bad, **more)
    run_loop(recipe, folder, parts=TOY, page=no_page, say=lambda text: None)
    return list(loop_toys.CALLS)


def pointed(folder: Path) -> str:
    return str(json.loads((folder / "promoted.json").read_text())["model"])


def test_a_finished_loop_does_nothing(tmp_path: Path) -> None:
    folder = tmp_path / "loop"
    assert len(run(folder)) == 2 * (3 + loop_toys.PARTS)
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*") if path.name != "lock"}
    assert run(folder) == []
    after = {path: path.stat().st_mtime_ns for path in folder.rglob("*") if path.name != "lock"}
    changed = {path.name for path in before if before[path] != after.get(path)}
    assert changed <= {"loop", "recipe.yaml"} and before.keys() == after.keys()


def test_more_rounds_go_on_from_those_that_are_done(tmp_path: Path) -> None:
    folder = tmp_path / "loop"
    run(folder, rounds=1)
    calls = run(folder, rounds=2)
    assert calls and all("2" in call for call in calls)
    assert pointed(folder) == "round-02/model/1-sft"


def test_a_round_tells_the_recipe_that_it_ran_with(tmp_path: Path) -> None:
    folder = tmp_path / "loop"
    run(folder, rounds=1)
    run(folder, rounds=2)
    kept = [(folder / f"round-0{n}" / "recipe.yaml").read_text() for n in (1, 2)]
    assert kept == [toy_recipe(1, 0).yaml(), toy_recipe(2, 0).yaml()], "round 1 did not run again"
    run(folder, rounds=2, bad=7)
    assert (folder / "round-01" / "recipe.yaml").read_text() == toy_recipe(2, 7).yaml()


def test_the_round_after_a_rejected_one_starts_from_the_last_promoted_model(tmp_path: Path) -> None:
    folder = tmp_path / "loop"
    run(folder, rounds=3, bad=3)  # 0 + 1 promoted, 1 + 2 = 3 rejected, 1 + 3 = 4 promoted
    numbers = [(folder / f"round-0{n}" / "model" / "1-sft" / "n").read_text() for n in (1, 2, 3)]
    assert numbers == ["1", "3", "4"], "a rejected round keeps its model"
    promoted = [
        json.loads((folder / f"round-0{n}" / "gate.json").read_text())["promoted"]
        for n in (1, 2, 3)
    ]
    assert promoted == [True, False, True]
    assert pointed(folder) == "round-03/model/1-sft"


def test_only_what_reads_a_changed_thing_runs_again(tmp_path: Path) -> None:
    folder = tmp_path / "loop"
    run(folder, rounds=1)
    assert run(folder, rounds=1, bad=7) == ["gate 1"], "the gates alone have changed"
    assert pointed(folder) == "round-01/model/1-sft"
    assert run(folder, rounds=1, bad=1) == ["gate 1"]
    assert not (folder / "promoted.json").exists()
    (folder / "round-01" / "release" / "toy" / "rows").write_text("spoilt")
    calls = run(folder, rounds=1, bad=1)
    assert "build" not in calls and calls == [f"part 1.{n}" for n in range(loop_toys.PARTS)]


def test_what_a_stage_with_other_inputs_left_is_removed_first(tmp_path: Path) -> None:
    folder = tmp_path / "loop"
    run(folder, rounds=1)
    rows = folder / "round-01" / "release" / "toy" / "rows"
    assert rows.read_text().startswith("0.0")
    (folder / "round-01" / "eval" / "mine" / "n").write_text("5")
    calls = run(folder, rounds=1)
    assert calls == ["measure 1"], "the evaluation was put right, nothing behind it has changed"
    shutil.rmtree(folder / "round-01" / "release")
    assert [call for call in run(folder, rounds=1) if call.startswith("part")]


def test_what_a_stage_left_that_is_no_more_is_removed(tmp_path: Path) -> None:
    folder = tmp_path / "loop"

    def more(work: Work) -> list[Stage[Work]]:
        places = [work.round.filter, work.round.models / "2-prefer", work.round.after]
        told = [work.round.folder / GENERATOR, work.round.unlabelled]

        def write(work: Work) -> None:
            for place in places:
                place.mkdir(exist_ok=True)
                (place / "n").write_text("1")
            for one in told:
                one.write_text("{}")

        return [Stage("more", write, lambda w: {}, lambda w: [*places, *told])]

    def names() -> set[str]:
        return {path.name for path in (folder / "round-01").glob("**/*")}

    parts = {"first": TOY["first"], "more": more, "last": TOY["last"]}
    run_loop(toy_recipe(1), folder, parts=parts, page=no_page, say=lambda text: None)
    beside = folder / "round-01" / "model" / "2-prefer.training"
    beside.mkdir()
    gone = {"filter", GENERATOR, "2-prefer", "after", "unlabelled.json"}
    assert gone <= names()
    before = contents(folder)
    run_loop(toy_recipe(1), folder, parts=parts, page=no_page, say=lambda text: None)
    assert contents(folder) == before and beside.is_dir(), "as long as the stage is there"
    run(folder, rounds=1)
    assert {*gone, beside.name}.isdisjoint(names())
    assert {"1-sft", "mine", "gate.json"} <= names()


def test_another_recipe_says_what_has_changed(tmp_path: Path) -> None:
    told: list[str] = []

    def again(**more: object) -> list[str]:
        told.clear()
        recipe = toy_recipe(1, **more)  # type: ignore[arg-type]
        run_loop(recipe, tmp_path / "loop", parts=TOY, page=no_page, say=told.append)
        return [line for line in told if line.startswith("recipe changed")]

    assert again() == again() == [], "a new loop, and the same one again"
    (line,) = again(bad=7)
    assert line == (
        "recipe changed since the last run: gates.promotion.seed 0 -> 7; "
        "finished stages that depend on it are done anew"
    )
    assert told.index(line) < told.index("round 1/1  gate ...")
    assert again(bad=7) == []


@pytest.mark.parametrize(
    ("key", "was", "now"),
    [("name", "toy", "other"), ("model", "pocket", "acme/vlm"), ("suite", "pocket", "standard"),
     ("seed", 0, 1)],
)  # fmt: skip
def test_another_loops_folder_stays_as_it_is(
    key: str, was: object, now: object, tmp_path: Path
) -> None:
    folder = tmp_path / "loop"
    run(folder, rounds=1)
    kept = contents(folder)
    other = toy_recipe(1).model_copy(update={key: now})
    with pytest.raises(UserError) as caught:
        run_loop(other, folder, parts=TOY, page=no_page, say=lambda text: None)
    text = f"{folder}: found a loop of {key} {was!r}, expected {now!r}; choose another --out"
    assert str(caught.value) == text
    assert contents(folder) == kept and run(folder, rounds=1) == []


def test_a_loop_killed_before_it_wrote_its_recipe_begins(tmp_path: Path) -> None:
    for name in ("lock", "recipe.yaml.tmp"):
        (tmp_path / name).write_text("kin")
    assert run(tmp_path, rounds=1)


def test_fields_of_a_changed_recipe_go_by_the_names_of_stages() -> None:
    sft, prefer = {"train": "sft", "steps": 300}, {"train": "prefer", "name": "safe", "set": {}}
    was = {"rounds": 1, "stages": [sft, prefer]}

    def fields(*stages: dict[str, object]) -> str:
        return said(was, {"rounds": 1, "stages": list(stages)}).partition(": ")[2].partition(";")[0]

    assert fields(sft, prefer) == ""
    assert fields({**sft, "steps": None}, prefer) == "stages.sft.steps 300 -> null"
    assert fields(sft, {**prefer, "set": {"lr": 1}}) == "stages.safe.set.lr added"
    assert fields(sft) == "stages.safe removed"
    assert fields(prefer, sft) == "stages in another order"
    many = {f"key{n}": n for n in range(6)}
    assert "key3 0 -> 3 and 2 more;" in said(dict.fromkeys(many, 0) | {"key0": 9}, many)


def test_a_pointer_that_is_gone_or_old_is_put_right_by_the_next_run(tmp_path: Path) -> None:
    folder = tmp_path / "loop"
    run(folder, rounds=2)
    (folder / "promoted.json").unlink()
    assert run(folder, rounds=2) == [] and pointed(folder) == "round-02/model/1-sft"
    (folder / "promoted.json").write_text('{"round": 1, "model": "round-01/model/1-sft"}')
    assert run(folder, rounds=2) == [] and pointed(folder) == "round-02/model/1-sft"


def test_a_folder_with_other_things_in_it_is_refused(tmp_path: Path) -> None:
    (tmp_path / "thesis.doc").write_text("mine")
    (tmp_path / "lock").write_text("of a build")
    with pytest.raises(UserError, match="no loop, expected a new or empty folder"):
        run(tmp_path)


def test_the_seconds_of_a_killed_attempt_count(tmp_path: Path) -> None:
    folder, journal = tmp_path / "made", Journal(tmp_path)

    def killed(work: None) -> None:
        folder.mkdir(exist_ok=True)
        (folder / "part").write_text("some")
        later = time.time() + 30
        os.utime(folder / "part", (later, later))
        raise KeyboardInterrupt

    def finished(work: None) -> None:
        folder.mkdir(exist_ok=True)
        (folder / "rows").write_text("all")

    def attempt(run: Callable[[None], None], inputs: int) -> None:
        stage = Stage("make", run, lambda w: {"inputs": inputs}, lambda w: [folder])
        Engine(journal).do(1, stage, None, tmp_path)

    with pytest.raises(KeyboardInterrupt):
        attempt(killed, 1)
    with pytest.raises(KeyboardInterrupt):
        attempt(killed, 1)
    attempt(finished, 1)
    assert 50 < journal.lines[-1].seconds < 70
    with pytest.raises(KeyboardInterrupt):
        attempt(killed, 2)
    attempt(finished, 3)
    assert journal.lines[-1].seconds < 10, "those were of another stage"


def test_a_report_that_a_kill_prevented_is_written_by_the_next_run(tmp_path: Path) -> None:
    folder, told = tmp_path / "loop", list[Path]()
    run(folder, rounds=1)

    def killed(out: Path) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_loop(toy_recipe(2), folder, parts=TOY, page=killed, say=lambda text: None)
    assert (folder / "report.html").is_file(), "the one of the first round"

    def page(out: Path) -> None:
        told.append(out)
        no_page(out)

    for _ in range(2):
        run_loop(toy_recipe(2), folder, parts=TOY, page=page, say=lambda text: None)
    assert told == [folder], "once, by the first run that could"


# --- killed


def killed_after(ticks: int, work: Callable[[], object]) -> bool:
    """Run `work` in a child that is killed at its n-th write to disk; say whether it was."""
    child = os.fork()
    if child == 0:
        left, real = [ticks], os.fsync

        def fsync(handle: int) -> None:
            left[0] -= 1
            if left[0] == 0:
                os.kill(os.getpid(), signal.SIGKILL)
            real(handle)

        os.fsync = fsync
        try:
            work()
        finally:
            os._exit(0)
    _, status = os.waitpid(child, 0)
    return os.WIFSIGNALED(status)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    folder = tmp_path_factory.mktemp("undisturbed") / "loop"
    run(folder, rounds=2)
    return contents(folder)


@pytest.fixture(scope="module")
def one_round(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    folder = tmp_path_factory.mktemp("one") / "loop"
    run(folder, rounds=1)
    return contents(folder)


def test_killed_once_at_any_write_the_loop_ends_the_same(
    tmp_path: Path, one_round: dict[str, str]
) -> None:
    kills = 0
    for ticks in range(1, 1000):
        folder = tmp_path / str(ticks)
        if not killed_after(ticks, lambda folder=folder: run(folder, rounds=1)):  # type: ignore[misc]
            break
        kills += 1
        run(folder, rounds=1)
        assert contents(folder) == one_round
        stages = [(line.round, line.stage) for line in Journal(folder).lines]
        assert len(stages) == len(set(stages)) == 4, "no stage is entered twice"
        shutil.rmtree(folder)
    assert kills > 25, "every boundary and several places inside each stage"


def test_killed_over_and_over_nothing_finished_is_done_twice(
    tmp_path: Path, undisturbed: dict[str, str]
) -> None:
    folder, log = tmp_path / "loop", tmp_path / "log"

    def work() -> None:
        try:
            run(folder)
        finally:
            with log.open("a") as stream:
                stream.write("".join(f"{call}\n" for call in loop_toys.CALLS))

    lives = 0
    while killed_after(7, work):
        lives += 1
        assert lives < 100
    assert lives > 5
    assert contents(folder) == undisturbed
