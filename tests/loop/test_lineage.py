"""From failures to rows and back: what a round's releases say, and the failed questions behind a row."""

import re
from pathlib import Path

import pytest
from failing_rows import Row, scenes, written
from tests import releases

from counterfactory.errors import UserError
from counterfactory.factory.made_for import MadeFor
from counterfactory.factory.recipe import resolve
from counterfactory.factory.recipe_yaml import read
from counterfactory.factory.release import manifest
from counterfactory.factory.release.contents import scan
from counterfactory.factory.release.explain import explain
from counterfactory.factory.release.row_labels import row_labels
from counterfactory.loop.behind import loop_of, release_with, with_failures
from counterfactory.loop.doing import build, mine, plan
from counterfactory.loop.layout import read as read_json
from counterfactory.loop.layout import round_of, write_json
from counterfactory.loop.recipe import LoopRecipe
from counterfactory.loop.report_pictures import questions
from counterfactory.loop.rounds import Work

RECIPE = """\
kind: loop
name: small
rounds: 2
model: pocket
builds: [{recipe: world-qa}]
stages: [{train: sft, data: [world-qa], replay: [earlier]}]
budget: {rows: 30}
"""


def leaves(row: Row) -> float:
    return 0.9 if {"kind:leaf", "task:attribute"} <= set(row["slices"]) else 0.05


def round_made(folder: Path, number: int) -> Work:
    """Do the stages of a round from mining to its release."""
    recipe = LoopRecipe.from_document(read(RECIPE, "r.yaml"))
    work = Work(recipe, folder, round_of(folder, number), workers=1)
    written(work.round.mine, scenes(600, wrong=leaves, seed=number))
    for stage in (mine, plan):
        stage(work)
    build(work, name="world-qa")
    return work


@pytest.fixture(scope="module")
def loop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A loop of two rounds, the first promoted."""
    folder = tmp_path_factory.mktemp("runs") / "loop"
    first = round_made(folder, 1)
    write_json(first.round.data, {"passed": True})
    write_json(first.round.gate, {"promoted": True, "model": "model/1-sft"})
    round_made(folder, 2)
    return folder


def made_for(loop: Path, number: int) -> MadeFor:
    held = manifest.read(round_of(loop, number).release("world-qa"))
    return MadeFor.model_validate(held["made_for"])


def rows_of(release: Path) -> tuple[str, str]:
    """Return a row about the colour of a leaf, and one about something else."""
    found: dict[bool, str] = {}
    for row in scan(release, "sft", ["id"]):
        identity, _, part = row["id"].rpartition("-")
        if part.startswith("q") and len(found) < 2:
            labels = row_labels(release, identity)[part]
            found[{"task:attribute", "kind:leaf"} <= set(labels)] = row["id"]
    return found[True], found[False]


def test_a_release_says_which_model_failed_where_and_what_is_mixed(loop: Path) -> None:
    first, second = made_for(loop, 1), made_for(loop, 2)
    assert (first.loop, first.round, first.model, first.after) == ("small", 1, "pocket", "")
    assert first.weights_hash == "w" and first.evaluation == "round-01/eval/mine"
    assert [one.labels for one in first.slices] == [("task:attribute", "kind:leaf")]
    assert first.slices[0].rows == 30 and first.slices[0].errors > 0.8 * first.slices[0].items
    assert second.model == "round-01/model/1-sft" and second.after == "round-01/release/world-qa"
    (one,), (two,) = first.stages, second.stages
    assert (one.stage, one.data, one.replay, one.share) == (
        "sft",
        ("round-01/release/world-qa",),
        (),
        0,
    )
    assert two.data == ("round-02/release/world-qa",) and two.share == 0.2
    assert two.replay == ("round-01/release/world-qa",) and set(second.mix) == {"aimed", "general"}
    for number in (1, 2):
        release = round_of(loop, number).release("world-qa")
        for name in ("README.md", "CHANGELOG.md", "manifest.json", "recipe.yaml"):
            assert str(loop) not in (release / name).read_text(), "no machine is named"
    recipe = resolve(round_of(loop, 2).recipes / "world-qa.yaml")
    assert recipe.release.made_for == second


def test_the_page_shows_a_question_with_its_picture_and_answer(loop: Path) -> None:
    here = round_of(loop, 2)
    (shown,) = questions(read_json(here.plan), {"world-qa": here.release("world-qa")})
    assert shown["slice"] == "attribute of leaves" and re.search("lea(f|ves)", shown["question"])
    assert shown["answer"] and shown["picture"].startswith("data:image/")


def test_the_second_round_tells_its_changes(loop: Path) -> None:
    text = (round_of(loop, 2).release("world-qa") / "CHANGELOG.md").read_text()
    assert "Since `round-01/release/world-qa`:" in text and "rows added" in text


def test_a_row_leads_back_to_questions_that_failed(loop: Path) -> None:
    release = round_of(loop, 2).release("world-qa")
    meant, other = rows_of(release)
    story = with_failures(explain(release, other), release)
    assert story.data["made_for"]["labels"] and not story.data["made_for"]["slices"]
    assert "a row to keep what the model can do" in str(story)
    story = with_failures(explain(release, meant), release)
    assert {"task:attribute", "kind:leaf"} <= set(story.data["made_for"]["labels"])
    (aimed,) = story.data["made_for"]["slices"]
    assert aimed["of"] == "attribute of leaves"
    failed = aimed["failed"]
    assert len(failed) == 3
    for item in failed:
        assert item["said"] != item["right"] and "leaf" in item["question"]
        assert {"task:attribute", "kind:leaf"} <= set(item["shared"])
    first = f"{failed[0]['task']} {failed[0]['item_id']}: {failed[0]['question']}"
    assert first in str(story)


def test_a_release_elsewhere_leads_back_by_the_name_of_its_loop(loop: Path, tmp_path: Path) -> None:
    from shutil import copytree

    release = copytree(round_of(loop, 1).release("world-qa"), tmp_path / "world-qa")
    copytree(round_of(loop, 1).folder / "release" / "world-qa.build", tmp_path / "world-qa.build")
    assert loop_of(release) is None and loop_of(round_of(loop, 1).release("world-qa")) == loop
    story = explain(release, rows_of(release)[0])
    assert "failed" not in with_failures(story, release).data["made_for"]["slices"][0]
    assert with_failures(story, release, loop).data["made_for"]["slices"][0]["failed"]
    with pytest.raises(UserError, match="found no answers of round 1"):
        with_failures(story, release, tmp_path)


def test_the_folder_of_a_loop_stands_for_the_release_that_holds_the_row(loop: Path) -> None:
    for number in (1, 2):
        release = round_of(loop, number).release("world-qa")
        row = next(scan(release, "sft", ["id"]))["id"]
        assert release_with(loop, row) == release == release_with(release, row)
    with pytest.raises(UserError, match="no row 'nowhere' in the 2 releases"):
        release_with(loop, "nowhere")


def test_a_loop_named_for_a_release_that_none_made_is_a_mistake(
    tmp_path_factory: pytest.TempPathFactory, tmp_path: Path
) -> None:
    world_qa = releases.world_qa(tmp_path_factory)
    row = next(scan(world_qa, "sft", ["id"]))["id"]
    story = explain(world_qa, row)
    assert with_failures(story, world_qa) is story
    with pytest.raises(UserError, match="was made by no loop"):
        with_failures(story, world_qa, tmp_path)


def test_labels_of_questions_are_not_known_without_the_working_folder(
    loop: Path, tmp_path: Path
) -> None:
    from shutil import copytree

    release = copytree(round_of(loop, 1).release("world-qa"), tmp_path / "world-qa")
    row = next(scan(release, "sft", ["id"]))["id"]
    story = explain(release, row)
    assert story.data["made_for"]["labels"] == [] == story.data["made_for"]["slices"]
    assert "not known: the working folder is gone" in str(story)
