"""The pocket suite: true, even, drawn on demand, the same every time."""

import random
import re
import time
import tracemalloc
from collections import Counter, defaultdict
from collections.abc import Iterator
from itertools import islice

import pytest
from tests.world.test_questions import answers

from counterfactory.errors import UserError
from counterfactory.eval.counting import options_in
from counterfactory.eval.items import AXES, SPLITS, Item, Suite
from counterfactory.eval.metrics import METRICS
from counterfactory.eval.suites import SUITES, suite_named
from counterfactory.eval.suites.pocket import PLANS, place, pocket, pocket_quick
from counterfactory.eval.suites.pocket.steady import with_choices
from counterfactory.eval.suites.pocket.sums import THINK
from counterfactory.factory.world.nearest import look, without
from counterfactory.factory.world.scene import SPLITS as BUCKETS
from counterfactory.factory.world.scene import Scene
from counterfactory.factory.world.signs import SIGN, is_private
from counterfactory.factory.world.tasks.attribute import VALUES
from counterfactory.factory.world.tasks.difference import change_between
from counterfactory.images import decode
from counterfactory.records import Example

Drawn = dict[str, list[Item]]  # task -> its items


def bucket(fingerprint: str) -> int:
    return int(fingerprint[:8], 16) % 100


def all_of(suite: Suite, split: str) -> Drawn:
    return {task.name: list(task.items(split)) for task in suite.tasks}


@pytest.fixture(scope="module")
def known() -> Iterator[dict[str, Scene]]:
    """Every scene that items were made of in this module, by fingerprint."""
    found: dict[str, Scene] = {}
    make = place.Place.item

    def tapped(self: place.Place, id_: str, shown: list[Scene], **more: object) -> Item:
        found.update({scene.fingerprint: scene for scene in shown})
        return make(self, id_, shown, **more)  # type: ignore[arg-type]

    place.Place.item = tapped  # type: ignore[method-assign, assignment]
    yield found
    place.Place.item = make  # type: ignore[method-assign]


@pytest.fixture(scope="module")
def quick(known: dict[str, Scene]) -> dict[str, Drawn]:
    return {split: all_of(pocket_quick(), split) for split in SPLITS}


@pytest.fixture(scope="module")
def full(known: dict[str, Scene]) -> Drawn:
    return all_of(pocket(), "gate")


def test_a_suite_is_found_by_name_and_a_wrong_name_says_which_is_near() -> None:
    assert suite_named("pocket-quick").name == "pocket-quick"
    with pytest.raises(UserError, match="did you mean 'pocket-quick'"):
        suite_named("pocket-quik")
    with pytest.raises(UserError, match="did you mean 'count/balanced'"):
        SUITES["pocket"]().task("counts/balanced")
    with pytest.raises(UserError, match="no split 'test'"):
        list(pocket().task("count/balanced").items("test"))


def test_every_axis_has_a_thousand_items_and_two_distributions(full: Drawn) -> None:
    sizes: Counter[str] = Counter()
    for task in pocket().tasks:
        sizes[task.axis] += len(full[task.name])
    assert sizes.keys() - {""} == set(AXES)
    assert min(sizes[axis] for axis in AXES) >= 1000
    names = Counter(task.name.partition("/")[2] for task in pocket().tasks)
    assert names == {"balanced": len(PLANS), "shifted": len(PLANS)}


def test_quick_is_about_600_of_the_same_items_over_every_axis(
    quick: dict[str, Drawn], full: Drawn
) -> None:
    sizes = {name: len(items) for name, items in quick["gate"].items()}
    assert 550 <= sum(sizes.values()) <= 700
    assert {task.axis for task in pocket_quick().tasks if sizes[task.name]} == {*AXES, ""}
    for name, items in quick["gate"].items():
        assert items == full[name][: len(items)]


def test_every_task_is_scored_by_a_known_metric_on_a_known_axis() -> None:
    for task in pocket().tasks:
        assert {task.headline, *task.metrics} <= METRICS.keys()
        assert METRICS[task.headline].higher_is_better is not None
        assert task.axis in (*AXES, "") and "parse_failure" in task.metrics


def test_items_are_named_once_and_groups_lie_in_one_cluster(full: Drawn) -> None:
    for name, items in full.items():
        assert len({item.id for item in items}) == len(items), name
        clusters = defaultdict(set)
        for item in items:
            clusters[item.group_id or item.id].add(item.cluster_id)
            assert item.task == name and item.images and item.prompt and item.gold
            assert len(item.fingerprints) == len(item.images)
        assert {len(found) for found in clusters.values()} == {1}, name


def test_the_same_items_are_drawn_every_time_whatever_was_drawn_before() -> None:
    for name in ("existence/shifted", "relation/balanced", "difference/shifted"):
        task = pocket_quick().task(name)
        first = list(task.items("mine"))
        next(task.items("final"))
        place.picture.cache_clear()
        assert list(task.items("mine")) == first


def test_yes_and_no_are_even_and_letters_uniform(quick: dict[str, Drawn], full: Drawn) -> None:
    for drawn in (*quick.values(), full):
        for name, items in drawn.items():
            said = Counter(item.gold for item in items if item.verifier == "yes_no")
            assert said["yes"] == said["no"], name
            letters = Counter(item.gold for item in items if item.verifier == "letter")
            assert len(set(letters.values())) <= 1 and set(letters) <= set("ABCD"), name


def test_no_kind_and_no_colour_is_asked_for_more_often_where_it_is(full: Drawn) -> None:
    for distribution in ("balanced", "shifted"):
        lean: Counter[tuple[str, str]] = Counter()
        for item in full[f"existence/{distribution}"]:
            kind = next(name for name in item.slices if name.startswith("kind:"))
            lean[item.category, kind] += 1 if item.gold == "yes" else -1
        for item in full[f"binding/{distribution}"]:
            words = re.findall(r"\w+", item.prompt)
            asked = [word for word in words if word in VALUES[item.category]]
            lean["binding", asked[-1]] += 1 if item.gold == "yes" else -1
        assert max(map(abs, lean.values())) <= 1


@pytest.mark.parametrize("name", ["existence", "binding"])
def test_the_text_alone_gives_nothing_away(full: Drawn, name: str) -> None:
    """A reader who knows which gold each sentence had elsewhere does no better than a coin."""
    right = total = 0
    for distribution in ("balanced", "shifted"):
        task = pocket().task(f"{name}/{distribution}")
        seen: dict[str, Counter[str]] = defaultdict(Counter)
        for item in task.items("mine"):
            seen[item.prompt][item.gold] += 1
        for item in full[task.name]:
            if item.prompt in seen:
                right += seen[item.prompt].most_common(1)[0][0] == item.gold
                total += 1
    assert total > 100
    assert abs(right / total - 0.5) < 2.6 * (0.25 / total) ** 0.5


def test_a_naive_reader_of_the_scene_finds_the_same_answers(
    full: Drawn, known: dict[str, Scene]
) -> None:
    read = 0
    for name, items in full.items():
        if name.partition("/")[0] in ("description", "difference") or "request" in name:
            continue
        for item in items[::3] if "benign" not in name else ():
            question = item.prompt.removesuffix(THINK).partition("\n(A)")[0]
            gold = item.gold
            if item.verifier == "letter":
                gold = item.options["ABCD".index(gold)]
            asked = Example(task="", question=question, answer=gold)
            assert answers(asked, known[item.fingerprints[0]]) == {gold}, (name, question)
            read += 1
    assert read > 1500


def test_what_a_description_must_name_is_what_is_there(
    full: Drawn, known: dict[str, Scene]
) -> None:
    for item in full["description/shifted"]:
        there = {thing.kind for thing in known[item.fingerprints[0]].things}
        assert set(item.info["objects"]) == there
        assert all(kind in item.gold.lower() or kind == "leaf" for kind in there)


def test_pictures_show_their_scenes(quick: dict[str, Drawn], known: dict[str, Scene]) -> None:
    for name in ("count/balanced", "relation/shifted", "difference/shifted", "usual/balanced"):
        items = quick["final"][name]
        for fingerprint, image in zip(items[0].fingerprints, items[0].images, strict=True):
            scene, pixels = known[fingerprint], decode(image)
            for i, thing in enumerate(scene.things[:2]):
                seen = look(pixels, without(scene, i), x=thing.x, y=thing.y, size=thing.size)
                assert seen.shows(thing.kind, thing.colour)


def test_a_set_of_relations_asks_two_questions_about_two_pictures(full: Drawn) -> None:
    for distribution in ("balanced", "shifted"):
        sets = defaultdict(list)
        for item in full[f"relation/{distribution}"]:
            sets[item.group_id].append(item)
        for items in sets.values():
            assert len(items) == 4 and len({item.images for item in items}) == 2
            for by in ("prompt", "images"):  # either way, one yes and one no
                halves = defaultdict(list)
                for item in items:
                    halves[getattr(item, by)].append(item.gold)
                assert sorted(map(sorted, halves.values())) == [["no", "yes"]] * 2
            marks = {(item.images, next(s for s in item.slices if "pair:" in s)) for item in items}
            assert len(marks) == 2
        asked = Counter(item.category for item in full[f"relation/{distribution}"])
        assert len(asked) == 6 and max(asked.values()) - min(asked.values()) <= 4


def test_differences_show_each_edit_as_often_and_one_thing_changed(
    full: Drawn, known: dict[str, Scene]
) -> None:
    for distribution in ("balanced", "shifted"):
        items = full[f"difference/{distribution}"]
        asked = Counter((item.category, item.verifier) for item in items)
        assert len(asked) == 12 and len(set(asked.values())) == 1
        for item in items:
            before, after = (known[name] for name in item.fingerprints)
            assert change_between(before, after)[0] == item.category


def test_usual_colours_are_asked_on_two_pictures_with_one_answer_each(
    full: Drawn, known: dict[str, Scene]
) -> None:
    for distribution in ("balanced", "shifted"):
        groups = defaultdict(list)
        for item in full[f"usual/{distribution}"]:
            if item.category == "agrees":
                groups[item.group_id].append(item)
            else:
                assert item.group_id == ""
        for one, other in groups.values():
            assert one.prompt == other.prompt and {one.gold, other.gold} == {"yes", "no"}
            a, b = (known[item.fingerprints[0]] for item in (one, other))
            changed = [(s, t) for s, t in zip(a.things, b.things, strict=True) if s != t]
            assert len(changed) == 1 and changed[0][0].kind == changed[0][1].kind


def test_the_sign_decides_between_image_twins_and_nothing_like_it_does(
    full: Drawn, known: dict[str, Scene]
) -> None:
    look_alike: Counter[str] = Counter()
    for distribution in ("balanced", "shifted"):
        pairs = defaultdict(dict)
        for item in full[f"request_image/{distribution}"]:
            assert item.verifier == "refusal"
            assert item.harmful == is_private(known[item.fingerprints[0]])
            pairs[item.group_id][item.harmful] = item
        for pair in pairs.values():
            private, public = (known[pair[flag].fingerprints[0]] for flag in (True, False))
            assert pair[True].prompt == pair[False].prompt
            changed = [t for s, t in zip(private.things, public.things, strict=True) if s != t]
            assert len(changed) == 1
            look_alike["cross"] += changed[0].kind == SIGN[0]
            look_alike["purple"] += changed[0].colour == SIGN[1]
            look_alike["all"] += 1
    assert min(look_alike["cross"], look_alike["purple"]) > 0.3 * look_alike["all"]


def test_word_twins_share_a_picture_and_are_private_in_a_quarter(
    full: Drawn, known: dict[str, Scene]
) -> None:
    items = full["request_word/balanced"]
    pairs = list(zip(items[::2], items[1::2], strict=True))
    for harmful, benign in pairs:
        assert harmful.harmful and not benign.harmful and harmful.images == benign.images
        assert harmful.group_id == benign.group_id and harmful.prompt != benign.prompt
    private = sum(is_private(known[harmful.fingerprints[0]]) for harmful, _ in pairs)
    assert 0.2 < private / len(pairs) < 0.3
    assert len({item.category for item in items}) == 15


@pytest.mark.parametrize("twin", ["word", "image"])
def test_helpfulness_asks_the_benign_twins(full: Drawn, twin: str) -> None:
    for distribution in ("balanced", "shifted"):
        benign = [i for i in full[f"request_{twin}/{distribution}"] if not i.harmful]
        alone = full[f"benign_{twin}/{distribution}"]
        assert [(i.prompt, i.images, i.cluster_id) for i in benign] == [
            (i.prompt, i.images, i.cluster_id) for i in alone
        ]


def test_steady_groups_ask_one_fact_four_times(full: Drawn) -> None:
    for name in ("rewording", "option_order"):
        for distribution in ("balanced", "shifted"):
            groups = defaultdict(list)
            for item in full[f"{name}/{distribution}"]:
                groups[item.group_id].append(item)
            for items in groups.values():
                assert len({item.prompt for item in items}) == 4
                assert len({item.images for item in items}) == 1
                if name == "rewording":
                    assert len({item.gold for item in items}) == 1
                else:
                    rights = {i.options["ABCD".index(i.gold)] for i in items}
                    assert len(rights) == 1 and sorted(i.gold for i in items) == list("ABCD")
                    assert len({frozenset(item.options) for item in items}) == 1


def test_the_first_item_comes_at_once_and_memory_does_not_grow_with_items() -> None:
    started = time.process_time()
    for task in pocket().tasks:
        next(task.items("gate"))
    assert time.process_time() - started < 5
    place.picture.cache_clear()
    tracemalloc.start()
    peaks = []
    for _ in range(2):
        for _item in pocket().task("binding/balanced").items("mine"):
            pass
        peaks.append(tracemalloc.get_traced_memory()[1])
    tracemalloc.stop()
    assert peaks[1] < 1.2 * peaks[0] and peaks[1] < 60 * 2**20


def test_a_picture_is_encoded_once_for_all_its_questions() -> None:
    place.picture.cache_clear()
    for name in ("count/balanced", "attribute/balanced", "arithmetic_one/balanced"):
        list(islice(pocket().task(name).items("mine"), 20))
    assert place.picture.cache_info().misses < 40


def test_an_altered_scene_keeps_its_split_and_its_things_apart() -> None:
    spot = place.Place("x/balanced", "balanced", "gate")
    rng = random.Random(0)
    altered = 0
    for _, scene in islice(spot.scenes(), 200):
        other = place.altered(scene, {0: scene.things[0]}, rng)
        if other is None:
            continue
        altered += 1
        assert BUCKETS["gate"][0] <= bucket(other.fingerprint) < BUCKETS["gate"][1]
        squares = [thing.square for thing in other.things]
        for n, (a0, b0, a1, b1) in enumerate(squares):
            assert min(a0, b0) >= 0 and max(a1, b1) <= 128
            for c0, d0, c1, d1 in squares[n + 1 :]:
                assert a1 <= c0 or c1 <= a0 or b1 <= d0 or d1 <= b0
    assert altered > 150


def test_the_pocket_model_was_taught_the_same_instructions() -> None:
    from counterfactory.training.pocket import vlm_words

    options = ("red", "light blue", "3", "four")
    assert with_choices("What?", options) == vlm_words.with_choices("What?", options)
    assert THINK == vlm_words.THINK
    assert options_in(with_choices("What?", options)) == dict(zip("ABCD", options, strict=True))
