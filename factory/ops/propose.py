"""Propose what to change: for each sample one or more edits, drawn from what its picture can bear.

    "a large yellow sun and a small red ball"  ->  replace: "large yellow sun" -> "large green star", by diffusion
                                                   recolour: "small red ball" -> "small purple ball", classically

A whole batch is shared out at once: edit kinds, methods and the slices of the recipe's `focus`
follow their weights within a slot per batch, as far as the samples allow. What is in a picture
comes from the sample's objects, from its caption by lexicon, or from a server that proposes; with
`targets: regions` nothing is known and `mask_classical` chooses.
"""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar, Literal

from pydantic import Field, model_validator

from counterfactory.factory.ops import lexicon
from counterfactory.factory.ops.base import Context, FanOutRunnable, Focus, Op, Outcome, labels_of
from counterfactory.factory.ops.options import (
    Option,
    Scene,
    Vocabulary,
    options,
    region_options,
)
from counterfactory.factory.ops.strata import share_out
from counterfactory.fingerprint import seed_for
from counterfactory.records import Candidate, Object, Reason, Sample

EditKind = Literal["replace", "recolour", "remove", "add", "move", "resize"]
Method = Literal["diffusion", "classical"]
Weights = Mapping[str, float]

DEFAULT_METHODS: dict[EditKind, dict[Method, float]] = {
    "replace": {"diffusion": 1},
    "recolour": {"diffusion": 1, "classical": 1},
    "remove": {"diffusion": 1},
    "add": {"diffusion": 1},
    "move": {"diffusion": 1, "classical": 1},
    "resize": {"diffusion": 1},
}


class Propose(Op):
    """Draw edits for a batch of samples."""

    name: ClassVar[str] = "propose"
    writes: ClassVar[tuple[str, ...]] = ("edit", "slices")
    version: ClassVar[int] = 1
    fan_out: ClassVar[bool] = True

    op: Literal["propose"] = "propose"
    kinds: dict[EditKind, float] = Field(
        default={"replace": 1.0}, min_length=1, description="edit kinds and their weights"
    )
    methods: dict[EditKind, dict[Method, float]] = Field(
        default={},
        description="who makes an edit kind, with weights; diffusion, or half and half, when not said",
    )
    per_sample: int = Field(default=1, ge=1, le=64, description="edits proposed for each sample")
    targets: Literal["auto", "objects", "caption", "regions"] = Field(
        default="auto",
        description="what is in the picture: annotated objects, the caption, or nothing known",
    )
    server: str = Field(
        default="", description="openai:URL#model that proposes instead of the lexicon"
    )
    objects: tuple[str, ...] = Field(
        default=(), description="kinds that may be put in; empty: the target's own class"
    )
    colours: tuple[str, ...] = Field(default=lexicon.COLOURS, min_length=1)
    background: str = Field(
        default="plain background", description="the prompt for what removal leaves"
    )
    sides: dict[Literal["small", "large"], float] = Field(
        default={"small": 24 / 128, "large": 38 / 128},
        description="sides of added things, share of the width",
    )
    gap: float = Field(
        default=0.07, ge=0, le=0.5, description="kept free around added and moved things"
    )

    @model_validator(mode="after")
    def _makeable(self) -> "Propose":
        """Refuse weights that cannot be followed."""
        if min(self.kinds.values()) < 0 or not any(self.kinds.values()):
            raise ValueError(
                f"kinds: found {dict(self.kinds)}, expected weights >= 0 with one above 0"
            )
        known = self.targets != "regions"
        if not known and self.kinds.get("replace", 0) > 0:
            raise ValueError(
                "kinds: found replace with targets: regions, expected edits that need no name"
            )
        for kind, weights in self.methods.items():
            if known and kind in ("replace", "add") and weights.get("classical", 0) > 0:
                raise ValueError(
                    f"methods.{kind}: found classical, expected diffusion: only it draws new things"
                )
            if not any(weight > 0 for weight in weights.values()):
                raise ValueError(
                    f"methods.{kind}: found {dict(weights)}, expected one weight above 0"
                )
        return self

    def reads_of(self) -> tuple[str, ...]:
        """Return what the chosen way of knowing the picture needs."""
        known = {"objects": ("sample.objects",), "caption": ("sample.caption",)}
        return ("sample.image", *known.get(self.targets, ()))

    def models(self) -> tuple[tuple[str, str], ...]:
        """Return the server, where one proposes."""
        return (("chat", self.server),) if self.server else ()

    def setup(self, context: Context) -> FanOutRunnable:
        """Return the function over batches of bare candidates."""
        suggest = None
        if self.server:
            from counterfactory.factory.ops.suggest import Suggester

            suggest = Suggester(self.server)
        drawer = _Drawer(self, context.focus)

        def run(batch: Sequence[Candidate]) -> list[list[Outcome]]:
            if not batch:
                return []
            rng = random.Random(
                seed_for(context.recipe_seed, "propose", *(one.key for one in batch))
            )
            slots = [slot for one in batch for slot in drawer.slots(one, rng)]
            drawer.share_out(slots, rng)
            outcomes = [drawer.outcome(slot) for slot in slots]
            if suggest is not None:
                outcomes = [suggest(one) if isinstance(one, Candidate) else one for one in outcomes]
            each = self.per_sample
            return [outcomes[start : start + each] for start in range(0, len(outcomes), each)]

        return run


@dataclass(slots=True)
class _Slot:
    """One edit to be proposed, while its batch is shared out."""

    bare: Candidate
    number: int
    options: list[Option]
    missing: Reason = Reason.NO_TARGET
    chosen: Option | None = None
    method: str = ""
    labels: tuple[str, ...] = ()


class _Drawer:
    """Shares the slots of a batch out over focus slices, edit kinds and methods, and picks an option for each."""

    def __init__(self, op: Propose, focus: Sequence[Focus]) -> None:
        self.op = op
        self.focus = {one.slice: one.weight for one in focus}
        self.kinds = [kind for kind, weight in op.kinds.items() if weight > 0]
        self.words = Vocabulary(
            colours=op.colours, objects=op.objects, sides=tuple(op.sides.items()), gap=op.gap,
            edge=0.03,
            wanted=frozenset(label for one in self.focus for label in labels_of(one)),
        )  # fmt: skip

    def slots(self, bare: Candidate, rng: random.Random) -> list[_Slot]:
        """Return the slots of one sample, each with all that could be done to it."""
        slots = []
        for number in range(self.op.per_sample):
            found, missing = self._options(bare.sample, random.Random(rng.getrandbits(64)))
            slots.append(_Slot(bare, number, found, missing))
        return slots

    def share_out(self, slots: list[_Slot], rng: random.Random) -> None:
        """Choose for each slot: its focus slice, its edit kind, the edit, the method."""
        if self.focus:
            self._narrow(slots, rng)
        weights = {str(kind): weight for kind, weight in self.op.kinds.items()}
        kinds = share_out([{one.kind for one in slot.options} for slot in slots], weights, rng)
        taken: set[tuple[str, object, object]] = set()
        for slot, kind in zip(slots, kinds, strict=True):
            mine = [one for one in slot.options if one.kind == kind]
            fresh = [
                one for one in mine if (slot.bare.key, one.target, one.replacement) not in taken
            ]
            if fresh:
                tasks = sorted({one.task for one in fresh})
                task = rng.choice(tasks)
                slot.chosen = rng.choice([one for one in fresh if one.task == task])
                taken.add((slot.bare.key, slot.chosen.target, slot.chosen.replacement))
        self._methods(slots, rng)

    def outcome(self, slot: _Slot) -> Outcome:
        """Return the candidate with its edit, or the Reject of a slot that nothing fits."""
        if slot.chosen is None:
            return slot.bare.rejected("propose", slot.missing)
        edit = slot.chosen.edit(slot.method, self.op.background)
        slices = tuple(dict.fromkeys((*slot.chosen.slices, *slot.labels)))
        return slot.bare.with_(
            edit=edit, slices=slices, extra={**slot.bare.extra, "task": slot.chosen.task}
        )

    def _narrow(self, slots: list[_Slot], rng: random.Random) -> None:
        """Give each slot one slice of the focus and keep only options that belong to it, and to no
        other if possible."""
        member = [
            {label: self._within(slot.options, label) for label in self.focus} for slot in slots
        ]
        able = [{label for label, found in one.items() if found} for one in member]
        for slot, label, found in zip(slots, share_out(able, self.focus, rng), member, strict=True):
            slot.options = found[label] if label is not None else []
            slot.labels = () if label is None else (label,)

    def _within(self, found: Sequence[Option], label: str) -> list[Option]:
        others = [other for other in self.focus if other != label]
        mine = [one for one in found if belongs(one, label)]
        alone = [one for one in mine if not any(belongs(one, other) for other in others)]
        return alone or mine

    def _methods(self, slots: list[_Slot], rng: random.Random) -> None:
        for kind in self.kinds:
            mine = [slot for slot in slots if slot.chosen is not None and slot.chosen.kind == kind]
            fallback = {"classical": 1.0} if self.op.targets == "regions" else DEFAULT_METHODS[kind]
            weights = {
                name: weight for name, weight in (self.op.methods.get(kind) or fallback).items()
            }
            drawn = share_out([set(weights)] * len(mine), weights, rng)
            for slot, method in zip(mine, drawn, strict=True):
                slot.method = method or "diffusion"

    def _options(self, sample: Sample, rng: random.Random) -> tuple[list[Option], Reason]:
        """Return all that could be done to a sample, or why there is nothing."""
        targets = self.op.targets
        if targets == "regions":
            return region_options(self.kinds, self.words), Reason.NO_TARGET
        objects, complete = self._objects(sample)
        if not objects and not sample.caption and targets != "objects":
            return [], Reason.CAPTION_MISSING
        height, width = sample.image.shape[:2]
        scene = Scene(objects=objects, aspect=width / height, complete=complete)
        found = options(scene, self.kinds, self.words, rng)
        full = {"add", "move"} >= set(self.kinds) and scene.located and bool(objects)
        return found, Reason.NO_SPACE if full else Reason.NO_TARGET

    def _objects(self, sample: Sample) -> tuple[tuple[Object, ...], bool]:
        """Return what is in the picture, and whether that is all."""
        if self.op.targets != "caption" and sample.objects:
            return sample.objects, all(one.box is not None for one in sample.objects)
        if self.op.targets == "objects":
            return (), False
        return tuple(replace(one, box=None) for one in lexicon.objects_in(sample.caption)), False


def belongs(option: Option, label: str) -> bool:
    """Whether all labels of a slice are the option's; "task:existence_popular" is served by "task:existence"."""
    return all(
        one in option.slices or (one.startswith("task:") and one.partition("_")[0] in option.slices)
        for one in labels_of(label)
    )
