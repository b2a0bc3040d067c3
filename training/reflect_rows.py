"""From sorted replies to rows to train on: the rules of R3V, for one question at a time.

    rows_of(question, 2, settings)     # of the replies of rounds 1 and 2
        qa      the question                                   ->  the short answer
        answer  the question, to be thought about              ->  "Answer: 3", without thinking
        cot     the question, to be thought about              ->  the newest right reply
        refine  the same, with the newest wrong reply          ->  the newest right reply
        select  the same, with three replies, shuffled         ->  the short answer, no reasoning

`select` shows the two newest right replies with the newest wrong one, and the newest right one with
the two newest wrong ones, as far as there are so many. All rows weigh the same.
"""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from counterfactory.errors import UserError
from counterfactory.fingerprint import seed_for
from counterfactory.selecting import refine_prompt, select_prompt
from counterfactory.training.reflect_pool import Question

if TYPE_CHECKING:
    from datasets import Dataset

SHORT = "Answer: {}"


@dataclass(frozen=True, slots=True)
class Taught:
    """One row to train on."""

    part: str
    at: int  # the row that has its images
    prompt: str
    completion: str


def rows_of(question: Question, number: int, settings: Any) -> Iterator[Taught]:
    """Yield the rows of one question after round `number`."""
    for part in settings.parts:
        for prompt, completion in PARTS[part](question, number, settings):
            yield Taught(part, question.at, prompt, completion)


Rows = Iterator[tuple[str, str]]


def qa(question: Question, number: int, settings: Any) -> Rows:
    """Answer directly."""
    yield question.text, question.gold


def answer(question: Question, number: int, settings: Any) -> Rows:
    """Answer directly where thinking is asked for: what training on answers alone makes of it."""
    yield question.text + settings.think, SHORT.format(question.gold)


def cot(question: Question, number: int, settings: Any) -> Rows:
    """Reason as the newest right reply did."""
    right, _ = newest(question, number, settings)
    if right:
        yield question.text + settings.think, right[0]


def refine(question: Question, number: int, settings: Any) -> Rows:
    """Put the newest wrong reply right."""
    right, wrong = newest(question, number, settings)
    if right and wrong:
        yield refine_prompt(question.text + settings.think, wrong[0]), right[0]


def select(question: Question, number: int, settings: Any) -> Rows:
    """Tell the right answer among three replies."""
    right, wrong = newest(question, number, settings)
    if not (right and wrong):
        return
    threes = [right[:2] + wrong[:1], right[:1] + wrong[:2]]
    for turn, three in enumerate(threes):
        if len(three) == 3:
            names = ("select", str(number), str(question.at), str(turn))
            random.Random(seed_for(settings.seed, *names)).shuffle(three)
            yield select_prompt(question.text + settings.think, three), question.gold


PARTS = {"qa": qa, "answer": answer, "cot": cot, "refine": refine, "select": select}


def newest(question: Question, number: int, settings: Any) -> tuple[list[str], list[str]]:
    """Return the right and the wrong replies that hold reasoning, the newest first."""
    said = [one for one in reversed(question.samples) if one.round <= number]
    said = [one for one in said if reasons(one.text, settings.shortest)]
    return [s.text for s in said if s.right], [s.text for s in said if not s.right]


def reasons(text: str, shortest: int = 20) -> bool:
    """Say whether a reply holds more than its answer.

    >>> reasons("There are 2 balls and 1 ring. 2 + 1 = 3.\\nAnswer: 3"), reasons("Answer: 3 balls, I think")
    (True, False)
    """
    return len(text) >= shortest and not text.startswith("Answer")


def warm_rows(questions: Sequence[Question], told: "Dataset", settings: Any) -> list[Taught]:
    """Return rows with rationales of the release (ids `...-r3` beside the question `...-q3`)."""
    by_id = dict(zip(told["id"], told["completion"], strict=True))
    found = []
    for one in questions:
        head, dash, part = one.id.rpartition("-q")
        if rationale := by_id.get(f"{head}-r{part}") if dash else None:
            text = f"{rationale[-1]['content']}\n{SHORT.format(one.gold)}"
            found.append(Taught("told", one.at, one.text + settings.think, text))
    if not found:
        raise UserError(
            f"--set rationales={settings.rationales}: found no rationale in the view 'sft' for any "
            f"of {len(questions)} questions, expected a release whose questions come with some"
        )
    chance = np.random.default_rng([settings.seed, 1])
    chosen = chance.permutation(len(found))[: settings.rationales]
    return [found[at] for at in sorted(chosen)]


def dataset(rows: "Dataset", taught: Sequence[Taught], file: Path) -> "Dataset":
    """Return prompt, completion and images; `file` holds the pictures, once for each row."""
    file.unlink(missing_ok=True)
    images = rows.select_columns(["images"]).select([one.at for one in taught])
    images = images.flatten_indices(cache_file_name=str(file))
    said = {
        "prompt": ("user", [one.prompt for one in taught]),
        "completion": ("assistant", [one.completion for one in taught]),
    }
    for name, (role, texts) in said.items():
        images = images.add_column(name, [[{"role": role, "content": text}] for text in texts])
    return images
