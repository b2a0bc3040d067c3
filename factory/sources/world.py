"""Annotated scenes of the pocket world: picture, caption, objects with boxes, questions.

    source: {kind: world, n: 2000, questions: 6}       biased scenes with six questions each
    source: {kind: world, n: 300, requests: true}      and harmful requests with benign twins

Recipes see the world as it is, `biased`, as COCO gives photographs and annotations. Drawing
`balanced` or `shifted` scenes would be looking at the answers: it needs `oracle: true` and serves
as the upper bound only. `mislabelled: 0.3` gives three in ten questions a wrong answer, as a careless
annotator would: something for gates to find. With `requests: true` samples come in threes: one image
with a pair that differs in a word, two images with a pair that differs in the image.
"""

import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, field_validator, model_validator

from counterfactory.factory.ops.base import Op
from counterfactory.factory.sources.base import OpenSource, Source
from counterfactory.factory.world.language import caption
from counterfactory.factory.world.questions import TASKS, ask, questions
from counterfactory.factory.world.render import render, thing_box
from counterfactory.factory.world.requests import image_twins, word_twins
from counterfactory.factory.world.scene import SIDE, Scene, scene_at
from counterfactory.factory.world.signs import private_scene, twin_scenes
from counterfactory.fingerprint import digest_bytes
from counterfactory.records import Example, Object, Sample

LICENSE = "apache-2.0"
SPLIT = "train"  # the other splits belong to evaluation
BLOCK = 3  # samples that hold one word twin and one image twin


class World(Source):
    """Scenes of the pocket world."""

    kind: Literal["world"] = "world"
    distribution: Literal["biased", "balanced", "shifted"] = "biased"
    oracle: bool = Field(default=False, description="allow scenes that only evaluation may draw")
    seed: int | None = Field(default=None, ge=0, description="empty: the recipe's seed")
    questions: int = Field(default=6, ge=0, le=32, description="questions about each scene")
    every: tuple[str, ...] = Field(
        default=(), description="tasks asked about each scene besides; one named twice, twice"
    )
    wordings: Literal["train", "varied"] = Field(
        default="train", description="varied: questions in many more wordings"
    )
    mislabelled: float = Field(
        default=0.0, ge=0, le=1, exclude_if=lambda share: not share,
        description="share of the questions whose answer is made wrong, to try gates on",
    )  # fmt: skip
    requests: bool = Field(default=False, description="add harmful requests and their benign twins")

    @model_validator(mode="after")
    def _only_biased(self) -> "World":
        if self.distribution != "biased" and not self.oracle:
            raise ValueError(
                f"found distribution '{self.distribution}' without oracle: true, "
                "expected distribution: biased (recipes see the world as it is)"
            )
        return self

    @field_validator("every")
    @classmethod
    def _known_tasks(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        if unknown := [name for name in names if name not in TASKS]:
            raise ValueError(f"found '{unknown[0]}', expected some of {', '.join(TASKS)}")
        return names

    @classmethod
    def oracle_ops(cls) -> dict[str, type[Op]]:
        """Return `render`: the scene behind a picture can be drawn anew."""
        from counterfactory.factory.world.rendered import Render

        return {Render.name: Render}

    def provides(self) -> tuple[str, ...]:
        """Everything a careful annotator would write down."""
        return ("sample.image", "sample.caption", "sample.objects", "sample.examples")

    def open(self, workdir: Path, seed: int) -> OpenSource:
        """Return the scenes; nothing is fetched."""
        return Scenes(self, seed if self.seed is None else self.seed)


class Scenes:
    """Scenes by index: each is drawn when it is asked for."""

    def __init__(self, config: World, seed: int) -> None:
        self.config, self.seed = config, seed
        self.name = f"world:{config.distribution}:{seed}"
        if config.wordings != "train":
            self.name += f":{config.wordings}"
        self._mark = f":mislabelled-{config.mislabelled:g}" if config.mislabelled else ""
        self._twins = lru_cache(64)(self._draw_twins)

    def __len__(self) -> int:
        return self.config.n

    def key(self, index: int) -> str:
        """Return the sample's name: distribution, seed and index say it all."""
        return f"{self.name}{self._mark}:{'requests:' if self.config.requests else ''}{index}"

    def load(self, index: int) -> Sample:
        """Draw one scene with its annotations."""
        scene, examples = (
            self._with_requests(index) if self.config.requests else (self._scene(index), ())
        )
        rng = random.Random(f"{self.name}/{index}/language")
        text = caption(scene, rng)
        words, count = self.config.wordings, self.config.questions
        asked = questions(scene, rng, n=count, wordings=words) if count else []
        for task, times in Counter(self.config.every).items():
            said = {example.question for example in asked if example.task == task}
            for _ in range(0 if said else times):
                new = ask(task, scene, rng, words)
                if said.isdisjoint(example.question for example in new):  # pairs stay whole
                    asked += new
                    said |= {example.question for example in new}
        if self.config.mislabelled:
            asked = careless(asked, self.config.mislabelled, f"{self.name}/{index}/careless")
        image = render(scene)
        return Sample(
            id=digest_bytes(image.tobytes()), image=image, source_id=self.key(index), caption=text,
            objects=objects_of(scene), examples=(*asked, *examples), fingerprint=scene.fingerprint,
            license=LICENSE,
        )  # fmt: skip

    def describe(self) -> dict[str, Any]:
        """Say what these scenes are."""
        return {
            "kind": "world", "title": f"pocket world, {self.config.distribution} scenes{self._spoilt()}",
            "license": LICENSE, "images": len(self), "distribution": self.config.distribution,
            "oracle": self.config.oracle, "seed": self.seed, "split": SPLIT,
        }  # fmt: skip

    def _spoilt(self) -> str:
        share = self.config.mislabelled
        return f", {100 * share:g} % of the answers wrong on purpose" if share else ""

    def _scene(self, index: int) -> Scene:
        return scene_at(self.config.distribution, SPLIT, self.seed, index)

    def _with_requests(self, index: int) -> tuple[Scene, tuple[Example, ...]]:
        """Return a scene of a block of three: a word twin, then the two sides of an image twin."""
        block, role = divmod(index, BLOCK)
        rng = random.Random(f"{self.name}/{index}/request")
        if role == 0 or (block + 1) * BLOCK > len(
            self
        ):  # an incomplete block holds word twins only
            private = index % 4 == 0  # so that a purple cross does not make every request harmful
            scene = (
                private_scene(self.config.distribution, SPLIT, self.seed, len(self) + index)
                if private
                else self._scene(index)
            )
            pair = f"{self.name}:word:{index}"
            return scene, word_twins(scene, rng, pair, wordings=self.config.wordings)
        scenes, examples = self._twins(block)
        return scenes[role - 1], (examples[role - 1],)

    def _draw_twins(self, block: int) -> tuple[tuple[Scene, Scene], tuple[Example, Example]]:
        scenes = twin_scenes(self.config.distribution, SPLIT, self.seed, block)
        rng = random.Random(f"{self.name}/{block}/twins")
        pair = f"{self.name}:image:{block}"
        return scenes, image_twins(*scenes, rng, pair, wordings=self.config.wordings)


def careless(asked: Sequence[Example], share: float, seed: str) -> list[Example]:
    """Return questions of which a share is answered wrongly: by one of their own wrong answers.

    A rationale would still end in the right answer, so it goes.
    """
    rng = random.Random(seed)
    found = []
    for example in asked:
        wrong = {"yes": "no", "no": "yes"}.get(example.answer) or next(
            iter(example.distractors), ""
        )
        if not wrong or rng.random() >= share:
            found.append(example)
            continue
        others = [one for one in (example.answer, *example.distractors) if one != wrong]
        found.append(replace(example, answer=wrong, rationale="", distractors=tuple(others)))
    return found


def objects_of(scene: Scene) -> tuple[Object, ...]:
    """Return the scene's things as an annotator would mark them, boxes in 0..1."""
    found = []
    for thing in scene.things:
        x0, y0, x1, y1 = (value / SIDE for value in thing_box(thing))
        found.append(
            Object(kind=thing.kind, colour=thing.colour, size=thing.size, box=(x0, y0, x1, y1))
        )
    return tuple(found)
