"""What the model said to each question, round after round: sampled once, kept in files, marked.

    questions = questions_of(rows, settings)             # rows of the `grpo` view
    pool = Pool(work / "replies", settings)
    pool.ask(1, outfit, rows, questions, crew)           # three rationales a question, in any batches
    pool.read(1, questions)
    questions[0].samples[0]                              # Sample(round=1, text="...", right=True)

Replies are sampled in portions; a portion that is written is never asked again, so a killed run goes
on with the same replies.
"""

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from counterfactory.errors import UserError
from counterfactory.eval.answers import CORRECT
from counterfactory.eval.asking import Ask
from counterfactory.eval.crew import Crew
from counterfactory.eval.items import Item
from counterfactory.eval.marking import VERIFIERS, mark
from counterfactory.factory.run.disk import write_whole
from counterfactory.fingerprint import seed_for
from counterfactory.models.vlm import Vlm
from counterfactory.progress import Progress

if TYPE_CHECKING:
    from datasets import Dataset

    from counterfactory.eval.answer_local import LocalAnswerer
    from counterfactory.training.outfit import Outfit

PORTION = 256  # questions


@dataclass(frozen=True, slots=True)
class Sample:
    """One sampled reply, marked."""

    round: int
    text: str
    right: bool
    parsed: bool


@dataclass(slots=True)
class Question:
    """A question with a known answer, and what was said to it; the newest last."""

    at: int  # its row
    id: str
    text: str  # without the instruction to think
    gold: str
    verifier: str
    samples: list[Sample] = field(default_factory=list)

    def item(self, prompt: str = "", images: tuple[bytes, ...] = (), max_tokens: int = 1) -> Item:
        """Return it as evaluation knows questions."""
        return Item(
            id=self.id, task="reflect", cluster_id=self.id, images=images,
            prompt=prompt or self.text, gold=self.gold, verifier=self.verifier,
            max_tokens=max_tokens,
        )  # fmt: skip


def questions_of(rows: "Dataset", settings: Any) -> list[Question]:
    """Return the questions that can be marked by rule. Raises `UserError` when there are none."""
    if unknown := [name for name in settings.verifiers if name not in VERIFIERS]:
        raise UserError(
            f"--set verifiers: found {unknown[0]!r}, expected some of {', '.join(VERIFIERS)}"
        )
    found = [
        Question(at, row["id"], row["prompt"][-1]["content"], row["answer"], row["verifier"])
        for at, row in enumerate(rows.remove_columns("images"))
        if row["verifier"] in settings.verifiers
    ]
    if not found:
        there = Counter(rows["verifier"])
        raise UserError(
            f"reflect: found no question to ask among {len(rows)} rows, whose verifiers are "
            f"{', '.join(f'{name} ({n})' for name, n in there.items())}; expected some of "
            f"{', '.join(settings.verifiers)} (--set verifiers=...)"
        )
    if settings.questions and settings.questions < len(found):
        chance = np.random.default_rng(settings.seed)
        chosen = chance.choice(len(found), settings.questions, replace=False)
        found = [found[at] for at in sorted(chosen)]
    return found


class Pool:
    """The replies of all rounds, a file for each portion."""

    def __init__(self, folder: Path, settings: Any) -> None:
        self.folder, self.settings = folder, settings

    def whole(self, number: int, questions: Sequence[Question]) -> bool:
        """Say whether all replies of a round are there."""
        return not self._missing(number, questions)

    def ask(
        self, number: int, outfit: "Outfit", rows: "Dataset", questions: Sequence[Question],
        crew: Crew,
    ) -> None:  # fmt: skip
        """Sample what is missing; each process takes its portions."""
        missing = self._missing(number, questions)
        mine = [first for first in missing if first // PORTION % crew.world == crew.rank]
        if mine:
            vlm = sampler(outfit, crew)
            coded = _coded(rows)
            asked = sum(len(questions[first : first + PORTION]) for first in mine)
            with Progress(asked, f"round {number}, sampling", unit="questions") as progress:
                for first in mine:
                    some = questions[first : first + PORTION]
                    replies = self._replies(vlm, number, some, coded)
                    text = json.dumps(replies, ensure_ascii=False)
                    path = self._path(number, first)
                    path.parent.mkdir(parents=True, exist_ok=True)
                    write_whole(path, text.encode())
                    progress.advance(len(some))
            outfit.model.train()
        crew.together(None)

    def read(self, number: int, questions: Sequence[Question]) -> None:
        """Mark a round's replies and put them behind those of earlier rounds."""
        for first in range(0, len(questions), PORTION):
            path = self._path(number, first)
            if not path.is_file():
                return  # a round that asks nothing
            replies = json.loads(path.read_text(encoding="utf-8"))
            for question, texts in zip(questions[first : first + PORTION], replies, strict=True):
                question.samples += [sorted_in(question, number, text) for text in texts]

    def _replies(
        self, vlm: Vlm, number: int, some: Sequence[Question], rows: "Dataset"
    ) -> list[list[str]]:
        """Return the replies to some questions; one that cannot be asked gets none."""
        asks = [ask for one in some for ask in self._asks(number, one, rows)]
        replies = _answerer(vlm, self.settings.sample_batch).replies(asks)
        each = self.settings.samples
        parts = [replies[first : first + each] for first in range(0, len(replies), each)]
        return [[reply.text for reply in part if not reply.error] for part in parts]

    def _asks(self, number: int, question: Question, rows: "Dataset") -> list[Ask]:
        s = self.settings
        images = tuple(_bytes(image) for image in rows[question.at]["images"])
        item = question.item(question.text + s.think, images, s.max_tokens)
        return [
            Ask(
                content=item.content(), images=item.images, max_tokens=item.max_tokens,
                temperature=s.temperature, top_p=s.top_p,
                seed=seed_for(s.seed, "reflect", str(number), str(question.at), str(n)),
            )
            for n in range(s.samples)
        ]  # fmt: skip

    def _missing(self, number: int, questions: Sequence[Question]) -> list[int]:
        firsts = range(0, len(questions), PORTION)
        return [first for first in firsts if not self._path(number, first).is_file()]

    def _path(self, number: int, first: int) -> Path:
        return self.folder / f"round-{number}-{first:07d}.json"


def sorted_in(question: Question, number: int, text: str) -> Sample:
    """Return a reply with its mark; what cannot be read is not right."""
    marked = mark(question.item(), text)
    return Sample(number, text, marked.verdict == CORRECT, marked.parse_ok)


def sampler(outfit: "Outfit", crew: Crew | None = None) -> Vlm:
    """Return the model that is trained, as one that answers; adapters take part."""
    model = outfit.model.get_base_model() if outfit.lora else outfit.model
    device = crew.device if crew and crew.world > 1 else outfit.device
    outfit.tokenizer.padding_side = "left"
    return Vlm(
        id=outfit.source.id, weights_hash="", settings_hash="", model=model.to(device).eval(),
        processor=outfit.processor, device=device, dtype=str(model.dtype).removeprefix("torch."),
    )  # fmt: skip


def _answerer(vlm: Vlm, batch: int) -> "LocalAnswerer":
    """Return a fresh answerer: what a portion says must not depend on the portions before."""
    from counterfactory.eval.answer_local import LocalAnswerer

    return LocalAnswerer(vlm, batch)


def _coded(rows: "Dataset") -> "Dataset":
    from datasets import Image, List

    return rows.select_columns(["images"]).cast_column("images", List(Image(decode=False)))


def _bytes(image: dict[str, Any]) -> bytes:
    return image["bytes"] or Path(image["path"]).read_bytes()
