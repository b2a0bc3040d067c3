"""From settings to the two functions that TRL calls: the reward of an answer, and its cost.

reward, cost = rewards_for(outfit, ranked, settings, recorder)
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from counterfactory.training.data import check_rows
from counterfactory.training.outfit import Outfit
from counterfactory.training.record import Recorder
from counterfactory.training.rewards.form import form
from counterfactory.training.rewards.hybrid import Judging, accuracies, total
from counterfactory.training.rewards.judged import Judged
from counterfactory.training.rewards.said import Said
from counterfactory.training.rewards.unsafe import unsafe

if TYPE_CHECKING:
    from datasets import Dataset

    from counterfactory.training.reinforce import Settings


def rewards_for(
    outfit: Outfit, ranked: "Dataset | None", settings: "Settings", recorder: Recorder
) -> tuple[Any, Any]:
    """Return the two functions that TRL calls."""
    from counterfactory.training.group_trainer import answers_of

    judge, price = judges_for(outfit, ranked, settings, recorder)

    def reward(prompts: Any, completions: Any, log_metric: Any, **columns: Any) -> Any:
        answers = answers_of(prompts, completions, columns)
        right = accuracies(answers, judge, settings.reward)
        kept = [form(one.said, one.verifier, one.think) for one in answers]
        for name, value in shown(answers, right, kept).items():
            if value is not None:
                log_metric(name, value)
        share = settings.accuracy_share
        return [total(value, form_, share) for value, form_ in zip(right, kept, strict=True)]

    def cost(prompts: Any, completions: Any, **columns: Any) -> Any:
        answers = answers_of(prompts, completions, columns)
        found: list[float | None] = [None] * len(answers)
        harmful = [at for at, one in enumerate(answers) if one.harmful]
        for at, value in zip(harmful, price([answers[at] for at in harmful]), strict=True):
            found[at] = value
        return found

    return reward, cost


def shown(
    answers: Sequence[Said], right: Sequence[float | None], kept: Sequence[float]
) -> dict[str, float | None]:
    """Return what is worth a curve: accuracy on questions, help for harmless requests, form."""
    asked = [one.verifier == "refusal" for one in answers]
    known = list(zip(answers, right, asked, strict=True))
    return {
        "accuracy": mean([value for _, value, request in known if not request]),
        "helped": mean([value for one, value, request in known if request and not one.harmful]),
        "form": mean(kept),
        "unjudged": float(sum(value is None for value in right)),
    }


def mean(values: Sequence[float | None]) -> float | None:
    """Return the mean of those that are numbers.

    >>> mean([1.0, None, 0.0]), mean([None])
    (0.5, None)
    """
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None


def judges_for(
    outfit: Outfit, ranked: "Dataset | None", settings: "Settings", recorder: Recorder
) -> tuple[Judging | None, Judging]:
    """Return who marks open answers, and who says what is unsafe."""
    head = _head(outfit, ranked, settings, recorder) if ranked is not None else None
    judge: Judging | None = None
    if settings.reward != "rule":
        judge = (
            head.judge if head and settings.judge == "head" else _bench(settings.judge, "correct")
        )
    if settings.cost == "rules":
        return judge, lambda answers: [unsafe(one.said, one.harmful) for one in answers]
    return judge, head.cost if head and settings.cost == "head" else _bench(settings.cost, "safety")


def _bench(judge: str, kind: Any) -> Judged:
    from counterfactory.judges import judge_for

    return Judged(judge_for(judge), kind)


def _head(outfit: Outfit, ranked: "Dataset", settings: "Settings", recorder: Recorder) -> Any:
    """Return the reward head, trained once a run and kept beside the model."""
    from accelerate import PartialState

    from counterfactory.training.rewards import head

    folder = recorder.extras / "judge"
    with PartialState(cpu=not outfit.on_gpu).main_process_first():
        if not folder.is_dir():
            check_rows(ranked, outfit.image_token, talks=("prompt", "chosen"))
            head.save(head.fit(outfit, ranked, most=settings.head_rows, seed=settings.seed), folder)
        found = head.load(outfit, folder)
    recorder.facts |= found.facts
    return found.head
