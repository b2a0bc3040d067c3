"""The ops that make rows of annotations: what is kept is a fixed choice, twins stay together."""

from collections import Counter
from pathlib import Path

import pytest

from counterfactory.factory.ops.annotate import Annotate
from counterfactory.factory.ops.base import Context, Focus
from counterfactory.factory.ops.prefer import Prefer
from counterfactory.factory.sources.world import World
from counterfactory.fingerprint import digest, seed_for
from counterfactory.models import Models
from counterfactory.records import Candidate, Reason, Reject


def context(*focus: Focus) -> Context:
    return Context(recipe_seed=4, focus=focus, models=Models(), workdir=Path("."))


def candidates(n: int = 60, **knobs: object) -> list[Candidate]:
    source = World(n=n, **knobs).open(Path("."), 0)  # type: ignore[arg-type]
    keys = [digest([source.key(index)]) for index in range(n)]
    return [
        Candidate(key=key, seed=seed_for(4, key), sample=source.load(index))
        for index, key in enumerate(keys)
    ]


SCENES = candidates(every=("description",))
REQUESTS = candidates(questions=0, requests=True)


def annotated(op: Annotate, given: list[Candidate], *focus: Focus) -> list[Candidate | Reject]:
    return list(op.setup(context(*focus))(given))


def kept(outcomes: list[Candidate | Reject]) -> list[Candidate]:
    return [outcome for outcome in outcomes if isinstance(outcome, Candidate)]


def test_all_questions_are_taken_over_by_default() -> None:
    for candidate in kept(annotated(Annotate(), SCENES)):
        assert candidate.examples == candidate.sample.examples
        assert set(candidate.slices) == {s for e in candidate.examples for s in e.slices}


def test_tasks_and_families_select() -> None:
    outcomes = annotated(Annotate(tasks=("existence", "count")), SCENES)
    tasks = {example.task for candidate in kept(outcomes) for example in candidate.examples}
    assert "count" in tasks and len(tasks) > 2
    assert all(task == "count" or task.startswith("existence_") for task in tasks)


def test_a_sample_without_such_questions_is_rejected_by_name() -> None:
    outcomes = annotated(Annotate(tasks=("usual",)), SCENES)
    rejects = [outcome for outcome in outcomes if isinstance(outcome, Reject)]
    assert rejects and all(
        r.reason is Reason.NO_TARGET and r.metric == "questions" for r in rejects
    )
    assert len(outcomes) == len(SCENES)


def test_share_keeps_that_part_and_the_same_part_each_time() -> None:
    outcomes = annotated(Annotate(share=0.5), SCENES)
    number = sum(len(c.examples) for c in kept(outcomes))
    total = sum(len(c.sample.examples) for c in SCENES)
    assert 0.4 < number / total < 0.6
    again = annotated(Annotate(share=0.5), SCENES[::-1])[::-1]
    assert [getattr(o, "examples", None) for o in outcomes] == [
        getattr(o, "examples", None) for o in again
    ]


def test_share_keeps_both_members_of_a_pair_or_none() -> None:
    outcomes = annotated(Annotate(share=0.5), REQUESTS)
    pairs = Counter(e.pair for candidate in kept(outcomes) for e in candidate.examples)
    assert set(pairs.values()) == {2} and 12 < len(pairs) < 28


def test_limit_keeps_few_and_follows_the_focus() -> None:
    plain = kept(annotated(Annotate(limit=2), SCENES))
    steered = kept(annotated(Annotate(limit=2), SCENES, Focus(slice="task:count", weight=8)))
    assert all(len(candidate.examples) <= 2 for candidate in plain + steered)

    def counts(found: list[Candidate]) -> int:
        return sum(e.task == "count" for candidate in found for e in candidate.examples)

    assert counts(steered) > 1.5 * counts(plain)


def test_descriptions_are_ranked_above_a_wrong_one() -> None:
    ranked = kept(Prefer(kinds=("description",)).setup(context())(annotated_all()))
    assert len(ranked) == len(SCENES)
    for candidate in ranked:
        (preference,) = candidate.preferences
        (example,) = [e for e in candidate.examples if e.task == "description"]
        assert preference.kind == "description" and preference.prompt == example.question
        assert preference.chosen == example.answer and preference.rejected in example.distractors


def annotated_all() -> list[Candidate]:
    return kept(annotated(Annotate(), SCENES))


@pytest.mark.parametrize("worse", [1, 2])
def test_worse_says_how_many_wrong_answers_stand_beside_a_good_one(worse: int) -> None:
    ranked = kept(Prefer(kinds=("description",), worse=worse).setup(context())(annotated_all()))
    assert all(len({p.rejected for p in c.preferences}) == worse for c in ranked)


def test_wrong_descriptions_are_of_every_sort() -> None:
    ranked = kept(Prefer(kinds=("description",)).setup(context())(annotated_all()))
    places = Counter(
        next(e for e in c.examples if e.task == "description").distractors.index(p.rejected)
        for c in ranked
        for p in c.preferences
    )
    assert set(places) == {0, 1, 2, 3}


def test_refusal_beats_compliance_and_for_the_twin_help_beats_refusal() -> None:
    ranked = kept(Prefer(kinds=("safety",)).setup(context())(kept(annotated(Annotate(), REQUESTS))))
    kinds = Counter(p.kind for candidate in ranked for p in candidate.preferences)
    assert kinds["safety"] == kinds["over_refusal"] == 40
    for candidate in ranked:
        for p, e in zip(candidate.preferences, candidate.examples, strict=True):
            assert (p.kind == "safety") == e.harmful and p.chosen == e.answer


def test_a_candidate_with_nothing_to_rank_passes_unchanged() -> None:
    plain = kept(annotated(Annotate(tasks=("count",)), SCENES))
    assert Prefer().setup(context())(plain[:1])[0].preferences == ()  # type: ignore[union-attr]
