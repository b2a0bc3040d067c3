"""The source `world`: the same sample each time, true annotations, and only what a recipe may see."""

import ast
from collections import Counter, defaultdict
from pathlib import Path

import numpy as np
import pytest

from counterfactory.errors import UserError
from counterfactory.factory.recipe import Recipe, checked
from counterfactory.factory.sources.base import OpenSource
from counterfactory.factory.sources.world import World
from counterfactory.factory.world.questions import TASKS
from counterfactory.factory.world.scene import SIDE, scene_at, split_of

ROOT = Path(__file__).resolve().parents[2]
RECIPE = """
kind: build
name: try
source: {{kind: world, n: 4{extra}}}
ops: [{{op: annotate}}]
views: [grpo]
"""


def opened(n: int = 12, seed: int = 0, **knobs: object) -> OpenSource:
    return World(n=n, **knobs).open(Path("."), seed)  # type: ignore[arg-type]


def test_a_sample_does_not_depend_on_what_was_loaded_before() -> None:
    one, other = opened(requests=True), opened(requests=True)
    forward = [one.load(index) for index in range(12)]
    backward = [other.load(index) for index in reversed(range(12))][::-1]
    for a, b in zip(forward, backward, strict=True):
        assert np.array_equal(a.image, b.image)
        assert (a.id, a.caption, a.objects, a.examples) == (b.id, b.caption, b.objects, b.examples)


def test_another_seed_gives_other_scenes_and_the_sources_own_seed_wins() -> None:
    prints = [opened(seed=seed).load(0).fingerprint for seed in (0, 1)]
    assert prints[0] != prints[1]
    assert World(n=2, seed=1).open(Path("."), 0).load(0).fingerprint == prints[1]


def test_keys_are_unique_and_name_the_sample() -> None:
    source = opened(50)
    assert len({source.key(index) for index in range(50)}) == 50
    assert source.load(3).source_id == source.key(3)


def test_only_scenes_of_the_train_split_are_drawn() -> None:
    source = opened(40)
    for index in range(40):
        sample = source.load(index)
        scene = scene_at("biased", "train", 0, index)
        assert split_of(scene) == "train" and sample.fingerprint == scene.fingerprint


def test_boxes_fit_what_is_drawn() -> None:
    source = opened(40)
    for index in range(40):
        sample = source.load(index)
        ground = np.asarray(sample.image[0, 0], int)
        drawn = np.abs(sample.image.astype(int) - ground).sum(2) > 12
        boxed = np.zeros_like(drawn)
        for thing in sample.objects:
            assert thing.box is not None and thing.kind and thing.colour and thing.size
            x0, y0, x1, y1 = (round(value * SIDE) for value in thing.box)
            assert 0 <= x0 < x1 <= SIDE and 0 <= y0 < y1 <= SIDE
            boxed[max(0, y0 - 2) : y1 + 2, max(0, x0 - 2) : x1 + 2] = True
            inside = drawn[y0:y1, x0:x1]
            assert inside.any(0).mean() > 0.85 and inside.any(1).mean() > 0.85, "a loose box"
        assert not (drawn & ~boxed).any(), "something is drawn outside all boxes"


def test_questions_and_every_say_how_much_is_annotated() -> None:
    assert all(len(opened(8).load(index).examples) == 6 for index in range(8))
    plain = opened(8, questions=0)
    assert all(plain.load(index).examples == () for index in range(8))
    described = opened(8, questions=3, every=("description",))
    for index in range(8):
        tasks = [example.task for example in described.load(index).examples]
        assert tasks.count("description") == 1 and set(tasks) <= set(TASKS)


def test_a_task_named_twice_is_asked_twice_in_other_questions() -> None:
    once, often = opened(every=("count",), questions=0), opened(every=("count",) * 4, questions=0)
    counts = []
    for index in range(12):
        (first,), found = once.load(index).examples, often.load(index).examples
        assert found[0] == first and {one.task for one in found} == {"count"}
        assert len({one.question for one in found}) == len(found)
        counts.append(len(found))
    assert max(counts) == 4 and min(counts) > 1


@pytest.mark.parametrize("n", [9, 10, 11])
def test_twins_are_complete_half_by_word_half_by_image(n: int) -> None:
    source = opened(n, questions=0, requests=True)
    pairs = defaultdict(list)
    for index in range(n):
        for example in source.load(index).examples:
            pairs[example.pair].append((index, example))
    kinds = Counter(name.split(":")[3] for name in pairs)
    assert kinds["image"] == n // 3 and kinds["word"] == n // 3 + n % 3
    for name, members in pairs.items():
        (i, one), (j, other) = members
        assert {one.harmful, other.harmful} == {True, False}
        if ":image:" in name:
            assert i != j and one.question == other.question
        else:
            assert i == j and one.question != other.question


def test_a_purple_cross_does_not_make_every_request_harmful() -> None:
    source = opened(24, questions=0, requests=True)
    benign = 0
    for index in range(24):
        sample = source.load(index)
        marked = any((o.kind, o.colour) == ("cross", "purple") for o in sample.objects)
        benign += marked and any(not example.harmful for example in sample.examples)
    assert benign >= 2


@pytest.mark.parametrize("distribution", ["balanced", "shifted"])
def test_scenes_for_evaluation_need_oracle_true(distribution: str) -> None:
    extra = f", distribution: {distribution}"
    with pytest.raises(UserError, match="oracle: true") as caught:
        Recipe.from_yaml(RECIPE.format(extra=extra))
    assert distribution in str(caught.value)
    allowed = Recipe.from_yaml(RECIPE.format(extra=extra + ", oracle: true"))
    assert allowed.source.open(Path("."), 0).describe()["oracle"] is True


def test_an_unknown_task_is_named_with_those_there_are() -> None:
    with pytest.raises(UserError, match="found 'descripton', expected some of .*description"):
        Recipe.from_yaml(RECIPE.format(extra=", every: [descripton]"))


@pytest.mark.parametrize("name", ["world-qa", "world-safety"])
def test_the_world_recipes_fit_their_chain(name: str) -> None:
    recipe = checked(name)
    assert recipe.source.kind == "world" and "sample.examples" in recipe.source.provides()


def test_only_the_source_and_the_oracle_know_the_world() -> None:
    offenders = []
    for path in sorted((ROOT / "factory").rglob("*.py")):
        name = path.relative_to(ROOT / "factory").as_posix()
        if name.startswith("world/") or name == "sources/world.py":
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            names: list[str] = []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.module:
                names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
            if any(f"{n}.".startswith("counterfactory.factory.world.") for n in names):
                offenders.append(f"{name}:{node.lineno}")
    assert offenders == []


def test_a_careless_annotator_gives_wrong_answers_and_says_so(tmp_path: Path) -> None:
    fields = {"kind": "world", "n": 60, "questions": 6, "every": ("count",)}
    right, wrong = (World(**fields, **more) for more in ({}, {"mislabelled": 0.3}))  # type: ignore[arg-type]
    pairs = [
        (a, b)
        for at in range(60)
        for a, b in zip(
            right.open(tmp_path, 3).load(at).examples, wrong.open(tmp_path, 3).load(at).examples,
            strict=True,
        )
    ]  # fmt: skip
    assert all((a.question, a.task) == (b.question, b.task) for a, b in pairs)
    changed = [(a, b) for a, b in pairs if a.answer != b.answer]
    assert 0.2 < len(changed) / len(pairs) < 0.4
    for a, b in changed:
        assert a.answer in b.distractors or a.verifier == "yes_no"
        assert b.answer not in b.distractors and not b.rationale
    assert wrong.open(tmp_path, 3).key(0) != right.open(tmp_path, 3).key(0)
    assert "30 % of the answers wrong" in wrong.open(tmp_path, 3).describe()["title"]
    assert "mislabelled" not in right.model_dump(), (
        "recipes that never heard of it stay what they are"
    )
