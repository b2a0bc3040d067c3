"""What a model could learn without looking: answer balance and leakage, measured as rows pass.

    measures = Measures()
    for row in rows: measures.add(row)         # canonical rows; memory is bounded
    measures.result()
    -> {"answers": {...}, "text_only": {"count": {"n": 900, "accuracy": 0.41, "chance": 0.40}},
        "artifact": {"n": 600, "auc": 0.58, "by_method": {...}}}

Answer balance counts every row. The readers look at the first rows of each task only: rows come in
the order of the source, which is drawn at random.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import numpy as np

from counterfactory.errors import RowError
from counterfactory.factory.release.readers import accuracy, auc, words
from counterfactory.factory.release.texture import Features, texture
from counterfactory.factory.release.views import Turn, turns
from counterfactory.images import decode

MAX_QUESTIONS = 1_500  # a task
MAX_CLASSES = 12  # answers that a reader tells apart; rarer ones are one class
MAX_PAIRS = 600
MAX_ANSWERS = 500  # distinct ones counted for a task; later ones are "(other)"
OTHER = "(other)"
MIN_READ = 40  # fewer questions or pairs say nothing
PAIR_TASK = "counterfactual"  # the question of a pair


class Asked(NamedTuple):
    """One question as a reader without eyes sees it."""

    text: str
    answer: str
    group: str  # questions of one group are never split between training and test


class Measures:
    """Running measures over the rows of a build."""

    def __init__(self) -> None:
        """Start with nothing seen."""
        self.answers: dict[str, Counter[str]] = defaultdict(Counter)
        self.asked: dict[str, list[Asked]] = defaultdict(list)
        self.twins: list[tuple[str, str, bool]] = []  # pair, question, harmful
        self.textures: list[tuple[str, str, Features, Features]] = []  # group, method, a, b

    def add(self, row: Mapping[str, Any]) -> None:
        """Take one canonical row into account."""
        tasks = [PAIR_TASK, PAIR_TASK] if row["image_b"] is not None and row["question"] else []
        tasks += [example["task"] for example in row["examples"] or ()]
        for task, turn in zip(tasks, turns(row), strict=True):
            self._count(task, answer := marked_as(turn))
            if len(self.asked[task]) < MAX_QUESTIONS:
                self.asked[task].append(Asked(turn.question, answer, row["group_id"]))
        for example in row["examples"] or ():
            if example["pair"] and len(self.twins) < 2 * MAX_QUESTIONS:
                self.twins.append((example["pair"], example["question"], example["harmful"]))
        if row["image_b"] is not None and len(self.textures) < MAX_PAIRS:
            self._look(row)

    def result(self) -> dict[str, Any]:
        """Return what was measured; a part with too little to say is left out."""
        done: dict[str, Any] = {}
        if self.answers:
            done["answers"] = {task: balance(self.answers[task]) for task in sorted(self.answers)}
        if text_only := self._text_only():
            done["text_only"] = text_only
        if len(self.textures) >= MIN_READ:
            done["artifact"] = self._artifact()
        return done

    def _count(self, task: str, answer: str) -> None:
        counter = self.answers[task]
        known = answer in counter or len(counter) < MAX_ANSWERS
        counter[answer if known else OTHER] += 1

    def _look(self, row: Mapping[str, Any]) -> None:
        """Keep the texture of the edited region on both sides, where there is some to see."""
        if not row["boxes"]:
            return
        try:
            sides = [decode(row[f"image_{side}"]["bytes"]) for side in "ab"]
        except RowError:
            return
        a, b = (texture(side, row["boxes"][0]) for side in sides)
        if a is not None and b is not None:
            method = (row["edit"] or {}).get("method") or "unknown"
            self.textures.append((row["group_id"], method, a, b))

    def _text_only(self) -> dict[str, Any]:
        image_half, word_half = halves(self.twins)
        asked = dict(sorted(self.asked.items()))
        asked |= {"twins, image half": image_half, "twins, word half": word_half}
        return {task: read(some) for task, some in asked.items() if len(some) >= MIN_READ}

    def _artifact(self) -> dict[str, Any]:
        methods = Counter(method for _, method, _, _ in self.textures)
        by_method = {
            method: _auc([one for one in self.textures if one[1] == method])
            for method, n in sorted(methods.items())
            if n >= MIN_READ
        }
        return _auc(self.textures) | {"by_method": by_method}


def measure(rows: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the measures of some canonical rows."""
    measures = Measures()
    for row in rows:
        measures.add(row)
    return measures.result()


def marked_as(turn: Turn) -> str:
    """Return what a verifier marks for: of a refusal only whether it is one, not its words."""
    if turn.verifier == "refusal":
        return "refuse" if turn.harmful else "help"
    return turn.answer


def balance(counter: Counter[str]) -> dict[str, Any]:
    """Return how often each answer is right: the six most frequent, as shares."""
    total = counter.total()
    ranked = sorted(counter.items(), key=lambda item: (-item[1], item[0]))
    top = {answer: round(count / total, 4) for answer, count in ranked[:6]}
    return {"n": total, "distinct": len(counter), "top": top}


def read(asked: list[Asked]) -> dict[str, Any]:
    """Return how well answers follow from words, beside the share of the most frequent one."""
    counts = Counter(one.answer for one in asked)
    classes = set(sorted(counts, key=lambda answer: (-counts[answer], answer))[:MAX_CLASSES])
    labels = [one.answer if one.answer in classes else OTHER for one in asked]
    chance = Counter(labels).most_common(1)[0][1] / len(labels)
    found = accuracy(words([one.text for one in asked]), labels, [one.group for one in asked])
    return {"n": len(asked), "accuracy": round(found, 4), "chance": round(chance, 4)}


def halves(twins: list[tuple[str, str, bool]]) -> tuple[list[Asked], list[Asked]]:
    """Return the complete twins with the same words (other image), and those with other words."""
    pairs: dict[str, list[tuple[str, bool]]] = defaultdict(list)
    for pair, question, harmful in twins:
        pairs[pair].append((question, harmful))
    image_half: list[Asked] = []
    word_half: list[Asked] = []
    for pair, members in pairs.items():
        if {harmful for _, harmful in members} != {True, False}:
            continue
        same = len({question for question, _ in members}) == 1
        half = image_half if same else word_half
        half += [Asked(question, str(harmful), pair) for question, harmful in members]
    return image_half, word_half


def _auc(textures: list[tuple[str, str, Features, Features]]) -> dict[str, Any]:
    features = np.stack([side for _, _, a, b in textures for side in (a, b)])
    labels = [side for _ in textures for side in ("original", "edited")]
    groups = [group for group, _, _, _ in textures for _ in "ab"]
    return {"n": len(textures), "auc": round(auc(features, labels, groups, "edited"), 4)}
