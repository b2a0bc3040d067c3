"""The three distributions keep their promises, and splits never share a scene."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from counterfactory.factory.world.scene import (
    COMPANIONS,
    DISTRIBUTIONS,
    HABITS,
    RELATIONS,
    SIDE,
    SPLITS,
    USUAL,
    Scene,
    holds,
    scene_at,
    split_of,
)

SCENES = [scene_at("biased", "train", 5, index) for index in range(5000)]


def share(flags: list[bool]) -> float:
    return sum(flags) / len(flags)


def test_biased_scenes_have_usual_colours_in_95_percent() -> None:
    flags = [bool(t.usual) for scene in SCENES for t in scene.things if t.kind in USUAL]
    assert len(flags) > 4000 and abs(share(flags) - 0.95) <= 0.01


@pytest.mark.parametrize("kind", COMPANIONS)
def test_biased_scenes_show_companions_in_90_percent(kind: str) -> None:
    kinds = [{t.kind for t in scene.things} for scene in SCENES]
    flags = [COMPANIONS[kind] in seen for seen in kinds if kind in seen]
    assert len(flags) > 500 and abs(share(flags) - 0.9) <= 0.03


@pytest.mark.parametrize("pair", HABITS)
def test_biased_scenes_keep_habits_of_place_in_90_percent(pair: tuple[str, str]) -> None:
    usual = HABITS[pair]
    other = {"above": "below", "left of": "right of"}[usual]
    flags = [
        holds(usual, a, b)
        for scene in SCENES
        for a in scene.things
        for b in scene.things
        if (a.kind, b.kind) == pair and (holds(usual, a, b) or holds(other, a, b))
    ]
    assert len(flags) > 400 and abs(share(flags) - 0.9) <= 0.04


def test_balanced_scenes_have_no_usual_colours_and_no_companions() -> None:
    scenes = [scene_at("balanced", "gate", 5, index) for index in range(3000)]
    flags = [bool(t.usual) for scene in scenes for t in scene.things if t.kind in USUAL]
    assert abs(share(flags) - 1 / 7) <= 0.03
    kinds = [{t.kind for t in scene.things} for scene in scenes]
    for kind, companion in COMPANIONS.items():
        with_kind = share([companion in seen for seen in kinds if kind in seen])
        without = share([companion in seen for seen in kinds if kind not in seen])
        assert abs(with_kind - without) < 0.12


def test_shifted_scenes_have_texture_and_no_usual_colour() -> None:
    scenes = [scene_at("shifted", "gate", 5, index) for index in range(300)]
    assert all(not t.usual for scene in scenes for t in scene.things)
    assert all(scene.texture != "plain" for scene in scenes)
    assert max(len(scene.things) for scene in scenes) > 4


def test_splits_share_no_fingerprint_in_any_distribution() -> None:
    seen: dict[str, set[str]] = {split: set() for split in SPLITS}
    for distribution in DISTRIBUTIONS:
        for split in SPLITS:
            for index in range(150):
                scene = scene_at(distribution, split, 3, index)
                assert split_of(scene) == split
                seen[split].add(scene.fingerprint)
    together = Counter(print_ for prints in seen.values() for print_ in prints)
    assert len(together) == sum(map(len, seen.values())) and max(together.values()) == 1


@given(st.sampled_from(DISTRIBUTIONS), st.integers(0, 2**40))
def test_things_keep_apart_and_inside(distribution: str, index: int) -> None:
    scene = scene_at(distribution, "train", 0, index)
    assert scene == scene_at(distribution, "train", 0, index) and 1 <= len(scene.things) <= 6
    for n, thing in enumerate(scene.things):
        x0, y0, x1, y1 = thing.square
        assert min(x0, y0) >= 0 and max(x1, y1) <= SIDE
        for other in scene.things[n + 1 :]:
            a0, b0, a1, b1 = other.square
            assert x1 <= a0 or a1 <= x0 or y1 <= b0 or b1 <= y0


@given(st.sampled_from(DISTRIBUTIONS), st.integers(0, 2**40))
def test_a_relation_and_its_opposite_never_both_hold(distribution: str, index: int) -> None:
    things = scene_at(distribution, "train", 1, index).things
    pairs = [(a, b) for a in things for b in things if a is not b]
    names = ("right of", "left of", "below", "above", "far from", "near")
    opposite = dict(zip(RELATIONS, names, strict=True))
    for a, b in pairs:
        for relation in RELATIONS:
            assert not (holds(relation, a, b) and holds(opposite[relation], a, b))
            if relation not in ("near", "far from"):
                assert holds(relation, a, b) == holds(opposite[relation], b, a)


def test_a_fingerprint_ignores_the_order_of_things_and_nothing_else() -> None:
    scene = next(s for s in SCENES if len(s.things) > 2)
    turned = Scene(scene.things[::-1], scene.ground, scene.texture, scene.texture_seed)
    assert turned.fingerprint == scene.fingerprint
    fewer = Scene(scene.things[:-1], scene.ground, scene.texture, scene.texture_seed)
    assert fewer.fingerprint != scene.fingerprint
