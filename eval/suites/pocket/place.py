"""Where a task draws its scenes, and what all pocket items share.

    place = Place("count/balanced", "balanced", "gate")
    for index, scene in place.scenes(): ...       the same scenes for every task: pictures are shared
    place.item(f"{index:05d}", [scene], prompt="How many stars are there?", gold="2", ...)

A picture is drawn and encoded once and kept while other tasks may ask about it; what is kept does
not grow with the number of items. `altered` makes the twin of a scene: some things changed, the
rest as it was, in the same split.
"""

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from itertools import combinations, count
from typing import Any, NamedTuple

from counterfactory.eval.items import Item
from counterfactory.factory.world.scene import SIDE, SIZES, Scene, Thing, scene_at, split_of

SEED = 0  # of the suites' scenes; a split's scenes are nobody else's, whatever the seed
NUDGE = 3  # pixels by which a changed thing may stand beside its place, as signs.without_sign does
LEAST_GAP = 3  # pixels that stay free between two bounding squares, and at the border, afterwards
SHORT, SENTENCE, STORY, REASONED = 16, 48, 128, 192  # tokens of an answer, one limit a task

_scene = lru_cache(4096)(scene_at)


@lru_cache(2048)
def picture(scene: Scene) -> bytes:
    """Return the scene's picture as PNG."""
    from counterfactory.factory.world.render import render
    from counterfactory.images import png

    return png(render(scene))


class Place(NamedTuple):
    """One task on one distribution and one split."""

    task: str
    distribution: str
    split: str

    @property
    def wordings(self) -> str:
        """The words of questions: shifted scenes are asked in words that no recipe uses."""
        return "reworded" if self.distribution == "shifted" else "train"

    def scenes(self) -> Iterator[tuple[int, Scene]]:
        """Yield the scenes without end, each with its number."""
        for index in count():
            yield index, _scene(self.distribution, self.split, SEED, index)

    def rng(self, *names: object) -> random.Random:
        """Return the source of choices for one use."""
        told = "/".join(map(str, names))
        return random.Random(f"{self.task}/{self.split}/{SEED}/{told}")

    def item(
        self, id_: str, scenes: Sequence[Scene], *, prompt: str, gold: str, verifier: str,
        base: Scene | None = None, max_tokens: int = SHORT, info: Mapping[str, Any] | None = None,
        **more: Any,
    ) -> Item:  # fmt: skip
        """Return one item about these scenes; its cluster is `base`, or the first of them."""
        return Item(
            id=id_,
            task=self.task,
            cluster_id=(base or scenes[0]).fingerprint[:16],
            images=tuple(picture(scene) for scene in scenes),
            prompt=prompt,
            gold=gold,
            verifier=verifier,
            max_tokens=max_tokens,
            info=dict(info or {}),
            fingerprints=tuple(scene.fingerprint for scene in scenes),
            **more,
        )


Blocks = Callable[[Place], Iterator[list[Item]]]
"""A task's items without end, in blocks that are balanced in themselves."""


def altered(
    scene: Scene,
    changes: Mapping[int, Thing],
    rng: random.Random,
    *,
    when: Callable[[Scene], bool] = lambda _: True,
    tries: int = 300,
) -> Scene | None:
    """Return the scene with some things changed, in the same split, or None where none fits.

    A scene's split follows from its content, so the changed things may stand a few pixels aside.
    """
    split = split_of(scene)
    for _ in range(tries):
        nudged = {
            i: replace(t, x=t.x + rng.randint(-NUDGE, NUDGE), y=t.y + rng.randint(-NUDGE, NUDGE))
            for i, t in changes.items()
        }
        other = replace(scene, things=tuple(nudged.get(i, t) for i, t in enumerate(scene.things)))
        if split_of(other) == split and _fits(other.things) and when(other):
            return other
    return None


def _fits(things: Sequence[Thing]) -> bool:
    """Whether things keep clear of each other and of the border."""
    edges = [SIZES[thing.size] // 2 + LEAST_GAP for thing in things]
    return all(
        e <= value <= SIDE - e for t, e in zip(things, edges, strict=True) for value in (t.x, t.y)
    ) and all(
        max(abs(a.x - b.x), abs(a.y - b.y)) >= (SIZES[a.size] + SIZES[b.size]) // 2 + LEAST_GAP
        for a, b in combinations(things, 2)
    )
