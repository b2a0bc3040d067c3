"""What a release was made for: the failures of a model, in a round of a loop (`release.made_for`).

    recipe.release.made_for.round                 2
    recipe.release.made_for.slices[0].name        "existence of leaves, adversarial"
    serving(made.slices, ("task:existence", "kind:leaf"))     the slices that such a row was made for

A loop writes it into the build recipes of its rounds. Folders are relative to the loop's own, so that
what is published names no machine.
"""

from collections.abc import Collection, Iterable

from pydantic import BaseModel, ConfigDict, Field


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Aimed(_Part):
    """One slice of failures, and the rows that are to teach it."""

    name: str = Field(description="for people")
    of: str = Field(description="the slice of the round's slices.json that it is, or is a part of")
    conditions: tuple[str, ...] = Field(default=(), description="all of them hold for its items")
    labels: tuple[str, ...] = Field(
        default=(), description="that its rows have; none: the build serves it with every row"
    )
    rows: int = Field(default=0, ge=0)
    items: int = Field(default=0, ge=0, description="evaluated in the mined slice")
    errors: int = Field(default=0, ge=0, description="of those, wrong")


class Replayed(_Part):
    """Rows of an earlier release in the mix, as releases told it before `stages` did."""

    release: str
    round: int = Field(ge=1)
    rows: int = Field(ge=0)


class Share(_Part):
    """One part of what a round makes."""

    rows: int = Field(ge=0)
    share: float = Field(ge=0, le=1)
    releases: tuple[Replayed, ...] = ()


class Learned(_Part):
    """What one training of the round learns from."""

    stage: str
    data: tuple[str, ...]
    replay: tuple[str, ...] = Field(default=(), description="as many rows of each of them")
    share: float = Field(default=0.0, ge=0, lt=1, description="of its rows, replayed")


class MadeFor(_Part):
    """Which model failed where, and what is made of it."""

    loop: str = Field(description="name of the loop recipe")
    round: int = Field(ge=1)
    arm: str = Field(default="mined", description="uniform: a control, aimed at no slice")
    model: str = Field(description="that failed: an id, or a folder of the loop")
    weights_hash: str = Field(default="", description="of its weights")
    suite: str = Field(description="that it was measured on")
    split: str = "mine"
    evaluation: str = Field(default="", description="the folder of the answers, of the loop")
    slices: tuple[Aimed, ...] = ()
    mix: dict[str, Share] = Field(default={}, description="aimed, general: what the round makes")
    stages: tuple[Learned, ...] = Field(
        default=(), description="planned: what each training learns from, and what it replays"
    )
    after: str = Field(
        default="", description="the same build's release before, which CHANGELOG.md compares with"
    )


def serving(slices: Iterable[Aimed], labels: Collection[str]) -> list[Aimed]:
    """Return the slices that a row with these labels was made for.

    "task:existence_popular" is served by rows of "task:existence".
    """
    return [
        one
        for one in slices
        if all(
            label in labels or (label.startswith("task:") and label.partition("_")[0] in labels)
            for label in one.labels
        )
    ]
