"""Reflection (R3V): learn from the model's own right and wrong reasoning, round after round.

    counterfactory train reflect pocket --data runs/world-math --out runs/reflect
    counterfactory eval run runs/reflect --suite pocket --select self-select:3 --out runs/reflect-3

A round samples some rationales for every question, sorts them into right and wrong by the known
answer, and keeps all of them in a pool that grows. From the newest of each question come rows that
answer directly, reason, put a wrong answer right, and choose among three (reflect_rows.py). Every
round trains on all of them alike, starting again from the model given; the next one samples with it.

Ablations: parts=[qa,answer] answers only, parts=[qa,cot] STaR, parts=[qa,cot,select] no refinement,
parts=[qa,cot,refine] no selection, iterations=1.
"""

import logging
import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from counterfactory.errors import NothingToLearn, UserError
from counterfactory.eval.crew import Crew, crew_of
from counterfactory.selecting import THINK
from counterfactory.training.outfit import Outfit, outfit_for
from counterfactory.training.record import Recorder
from counterfactory.training.reflect_pool import Pool, Question, questions_of
from counterfactory.training.reflect_rows import Taught, dataset, rows_of, warm_rows
from counterfactory.training.sft import Settings as Tuned
from counterfactory.training.sft import sft

if TYPE_CHECKING:
    from datasets import Dataset

log = logging.getLogger(__name__)

Part = Literal["qa", "answer", "cot", "refine", "select"]
NUMBERS = ("right", "unparsed", "both")  # of the last round's replies
OWN: tuple[Part, ...] = ("cot", "refine", "select")  # made of what the model said


class Settings(Tuned):
    """Defaults for the pocket model; `steps` are those of each round.

    R3V as published: 3 samples at 0.9 with top_p 0.95, 5 rounds (Qwen2-VL: 3) of 3 epochs, LoRA rank
    64 and alpha 16 (LLaVA 128 and 256), lr 3e-5, constant after warmup 0.1, 64 rows a step, weight
    decay 0.05, vision frozen; warmed up on 536 to 1,000 rationales of GPT-4o (Qwen2-VL: none).
    """

    iterations: int = Field(2, ge=1)  # rounds of sampling and training
    samples: int = Field(3, ge=1)  # for each question and round
    temperature: float = Field(0.9, gt=0)
    top_p: float = Field(0.95, gt=0, le=1)
    max_tokens: int = Field(192, ge=1)  # of a sampled rationale
    sample_batch: int = Field(64, ge=1)
    questions: int | None = Field(None, ge=1)  # at most so many, drawn with the seed
    verifiers: tuple[str, ...] = ("number", "yes_no", "exact")  # which rows of `grpo` are asked
    parts: tuple[Part, ...] = ("qa", *OWN)  # kinds of rows to train on
    rationales: int = Field(0, ge=0)  # of the release's `sft` view, as R3V's warm-up by GPT-4o
    shortest: int = Field(20, ge=0)  # characters; shorter replies hold no reasoning to learn from
    think: str = THINK  # behind each question

    def views(self) -> tuple[str, ...]:
        """Return the views: questions with answers; rationales when these are wanted."""
        return ("grpo", "sft") if self.rationales else ("grpo",)

    @property
    def own(self) -> tuple[Part, ...]:
        """Return the parts that are made of what the model said."""
        return tuple(part for part in OWN if part in self.parts)

    @property
    def rounds(self) -> range:
        """Return the numbers of the trainings; 0 is the warm-up, which samples nothing."""
        if not self.own:
            return range(1, 2)
        return range(0 if self.rationales else 1, self.iterations + 1)

    def samples_in(self, number: int) -> bool:
        """Say whether a round asks the model."""
        return number > 0 and bool(self.own)


def reflect(
    outfit: Outfit, rows: Any, settings: Settings, work: Path, recorder: Recorder
) -> dict[str, float]:
    """Sample, sort, train from the start again; `iterations` times."""
    crew = _crew()
    given, told = (rows["grpo"], rows["sft"]) if settings.rationales else (rows, None)
    questions, warm = questions_of(given, settings), []
    if told is not None:
        warm = warm_rows(questions, told, settings)
    pool, untouched = Pool(work / "replies", settings), True
    recorder.steps = settings.steps * len(settings.rounds)
    recorder.facts["rounds"], numbers = [], {}
    for place, number in enumerate(settings.rounds):
        if settings.samples_in(number):
            pool.ask(number, outfit, given, questions, crew)
        pool.read(number, questions)
        taught = [*warm, *(row for one in questions for row in rows_of(one, number, settings))]
        recorder.facts["rounds"].append(facts(number, questions, taught, settings))
        if pool.whole(number + 1, questions):
            continue  # its model has done its work: the next round's replies are there
        if not untouched:
            outfit.model = None  # two models need not fit
            outfit.model = outfit_for(outfit.source.id, settings, outfit.device).model
        record = Round(recorder, number, place * settings.steps)
        numbers, untouched = _train(outfit, given, taught, settings, record, crew), False
    return numbers | {name: float(recorder.facts["rounds"][-1][name]) for name in NUMBERS}


def _train(
    outfit: Outfit, given: "Dataset", taught: list[Taught], settings: Settings, recorder: "Round",
    crew: Crew,
) -> dict[str, float]:  # fmt: skip
    """Train one round; the checkpoints of rounds before are no longer needed."""
    for path in recorder.work.parent.glob("round-*") if crew.first else ():
        if path != recorder.work:
            shutil.rmtree(path, ignore_errors=True)
    recorder.work.mkdir(parents=True, exist_ok=True)
    rows = dataset(given, taught, recorder.work / f"rows-{crew.rank}.arrow")
    return sft(outfit, rows, settings, recorder.work, recorder)


class Round(Recorder):
    """The record of one round: checkpoints of its own, lines that go on in the run's record."""

    def __init__(self, run: Recorder, number: int, before: int) -> None:
        super().__init__(run.work / f"round-{number}", run.steps, first=run.first)
        self.run, self.number, self.before = run, number, before

    def begin(self, step: int = 0) -> None:
        """Go on in the run's record."""
        self.at = step
        self.run.begin(self.before + step)

    def step(self, step: int, loss: float, lr: float, **extras: float) -> None:
        """Write the line with the run's count of steps."""
        self.at = step
        self.run.step(self.before + step, loss, lr, round=self.number, **extras)

    def end(self) -> None:
        """Close the run's record; the next round opens it again."""
        self.run.end()

    def lines(self) -> list[dict[str, Any]]:
        """Return this round's lines."""
        return [line for line in self.run.lines() if line["step"] > self.before]


def facts(
    number: int, questions: list[Question], taught: list[Taught], settings: Settings
) -> dict[str, Any]:
    """Return what a round learns from; refuse one that has nothing of its own to learn from."""
    said = [one for q in questions for one in q.samples if one.round == number]
    count = max(1, len(said))
    found: dict[str, Any] = {
        "round": number,
        "asked": len(said),
        "right": sum(one.right for one in said) / count,
        "unparsed": sum(not one.parsed for one in said) / count,
        "both": sum(len({one.right for one in q.samples}) == 2 for q in questions) / len(questions),
    }
    told = ["told"] if settings.rationales else []  # rationales of the release
    made = {part: sum(row.part == part for row in taught) for part in (*settings.parts, *told)}
    found |= {f"rows_{part}": rows for part, rows in made.items()}
    log.info("reflect: %s", found)
    if not taught:
        raise UserError("--set parts: found [], expected some of qa, answer, cot, refine, select")
    if not settings.samples_in(number):
        return found
    if not any(made[part] for part in settings.own):
        raise NothingToLearn(
            f"reflect, round {number}: found {found['right']:.1%} of the sampled replies right and "
            f"{found['unparsed']:.1%} unreadable, which makes no row for {', '.join(settings.own)}; "
            "expected a model that is sometimes right, or a warm-up (--set rationales=500)"
        )
    for part in settings.own:
        if not made[part]:
            log.warning("reflect, round %s: no question has what %s rows need", number, part)
    return found


def _crew() -> Crew:
    """Return the processes that work together; sharded models cannot be sampled from."""
    for name in ("FSDP", "DEEPSPEED"):
        if os.environ.get(f"ACCELERATE_USE_{name}", "").lower() == "true":
            raise UserError(
                f"reflect: found {name}, expected one process or plain data parallelism: sampling "
                "needs the whole model in each process (with --set lora=true it takes less)"
            )
    return crew_of()
