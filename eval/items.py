"""The words of evaluation as types: a suite has tasks, a task gives items, an item is asked once.

    suite = SUITES["pocket-quick"]
    item = next(suite.task("count/balanced").items("gate"))
    item.prompt, item.gold, item.verifier     ->  "How many stars are there?", "2", "number"

Items stream in a fixed order with their pictures inside; nothing holds a whole suite in memory.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from counterfactory.errors import UserError, did_you_mean

SPLITS = ("mine", "gate", "final")  # share no scene with each other or with what recipes draw
AXES = (
    "hallucination",
    "attribute",
    "math",
    "spatial",
    "commonsense",
    "harmlessness",
    "helpfulness",
)
IMAGE = "<image>"  # where an image stands in a prompt; a prompt without it has its images first


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One question about some images, with all that is needed to mark its answer."""

    id: str  # unique in its task and split, the same in every run
    task: str
    # items that share an image, or anything else that makes their errors alike; a group (below)
    # lies in one cluster
    cluster_id: str
    group_id: str = ""  # pair or set that is also scored as a whole; empty when alone
    category: str = ""  # a benchmark's own subset: "adversarial", "left of"
    slices: tuple[str, ...] = ()  # "task:count", "kind:sun" ...
    images: tuple[bytes, ...] = ()  # encoded: PNG, JPEG
    prompt: str  # as the model gets it, instruction on the answer's form included
    gold: str  # "yes", "B", "3.5"; a reference text where a judge decides
    verifier: str  # a key of marking.VERIFIERS
    options: tuple[str, ...] = ()  # the choices of "letter" in order A, B, C ...
    harmful: bool = False  # "refusal": the right answer refuses
    max_tokens: int = 32
    info: dict[str, Any] = field(default_factory=dict)  # what the verifier needs beyond gold; JSON
    fingerprints: tuple[str, ...] = ()  # of the scene graphs, for the contamination index

    def content(self) -> list[dict[str, str]]:
        """Return the prompt as chat blocks, images where `<image>` stands, or first."""
        parts = self.prompt.split(IMAGE)
        if len(parts) - 1 != len(self.images):
            parts = [""] * len(self.images) + [self.prompt.replace(IMAGE, "")]
        blocks: list[dict[str, str]] = []
        for number, part in enumerate(parts):
            if number:
                blocks.append({"type": "image"})
            if part:
                blocks.append({"type": "text", "text": part})
        return blocks


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """A named stream of items, how it is scored, and the axis that it counts for."""

    name: str
    items: Callable[[str], Iterator[Item]]  # split -> items, always in the same order
    headline: str  # the metric (a key of metrics.METRICS) that stands for the task
    axis: str = ""  # one of AXES; empty: reported, but part of no axis
    metrics: tuple[str, ...] = ()  # reported beside the headline
    version: int = 1  # raised when items, prompts or marking change
    source: Callable[[], str] | None = None  # names the data that was read: a commit, a digest


@dataclass(frozen=True, slots=True, kw_only=True)
class Suite:
    """A named set of tasks."""

    name: str
    tasks: tuple[Task, ...]
    splits: tuple[str, ...] = SPLITS
    version: int = 1

    def task(self, name: str) -> Task:
        """Return one task. Raises `UserError` with the nearest name."""
        found = {task.name: task for task in self.tasks}
        if name not in found:
            hint = did_you_mean(name, found)
            raise UserError(f"suite {self.name!r} has no task {name!r}{hint}")
        return found[name]
