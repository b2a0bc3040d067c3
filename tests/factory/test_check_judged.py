"""The check that asks a judge: what is untrue is rejected, what is unjudged is unscored."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import ValidationError
from tests.spine.trouble_server import Server, said, status, trouble
from tests.toys import BALL, PAINT, SUN, context, sample, with_edit

from counterfactory.errors import UserError
from counterfactory.factory.checks import CHECKS
from counterfactory.factory.ops.mask import rectangle
from counterfactory.records import Candidate, Edit, Object, Reason, Verdict

MOON = Object(kind="moon", colour="blue", size="large")
EDIT = Edit(kind="replace", method="diffusion", target=SUN, replacement=MOON)
TEXTS = {
    "caption_a": "a yellow sun", "caption_b": "a blue moon",
    "question": "What stands at the top?", "answer_a": "sun", "answer_b": "moon",
    "difference": "The sun became a moon.",
}  # fmt: skip


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Server]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("COUNTERFACTORY_CACHE", str(tmp_path))
    with trouble() as one:
        yield one


def pair(name: str = "s", **texts: str) -> Candidate:
    scene = sample(SUN, BALL, name=name)
    image = scene.image.copy()
    image[rectangle(SUN.box, 96, 96)] = PAINT["blue"]
    return with_edit(scene, EDIT, image_b=image, **(TEXTS | texts))


def judged(judge: str, *batch: Candidate, **knobs) -> list[list[Verdict]]:
    return CHECKS["judge"](judge=judge, **knobs).setup(context())(list(batch))


def test_texts_that_the_judge_finds_true_pass_and_name_the_judge(server: Server) -> None:
    server.replies = [said("Verdict: yes")]
    (found,) = judged(server.spec, pair(), ask=("captions", "answers", "difference"))
    assert [one.check for one in found] == [
        "judge.captions_a", "judge.captions_b", "judge.answers_a", "judge.answers_b", "judge.difference",
    ]  # fmt: skip
    assert all(one.passed and one.score == 1.0 and one.judge == server.spec for one in found)
    asked = [request["messages"][0]["content"] for request in server.seen]  # in any order
    kinds = [[part["type"] for part in parts] for parts in asked]
    assert kinds.count(["image_url", "image_url", "text"]) == 1  # the difference
    assert kinds.count(["image_url", "text"]) == 4


def test_an_untrue_caption_rejects_its_pair_alone(server: Server) -> None:
    server.by = lambda text: said("Verdict: no" if "a purple moon" in text else "Verdict: yes")
    good, bad = judged(server.spec, pair(), pair("t", caption_b="a purple moon"))
    assert [one.passed for one in good] == [True, True]
    assert [(one.passed, one.reason) for one in bad] == [
        (True, None),
        (False, Reason.JUDGED_UNTRUE),
    ]


def test_an_unjudged_caption_is_unscored_and_no_zero(server: Server) -> None:
    server.by = lambda text: said("Hm." if "blue moon" in text else "Verdict: yes")
    ((first, second),) = judged(server.spec, pair())
    assert first.passed and second.passed is None and second.score is None
    assert second.reason == Reason.CHECK_FAILED


def test_a_wrong_key_ends_the_build_with_one_line(server: Server) -> None:
    server.replies = [status(401)]
    with pytest.raises(UserError, match="401"):
        judged(server.spec, pair())


def test_clip_can_be_the_judge(tmp_path: Path) -> None:
    ((first, second),) = judged("clip:pocket", pair())
    assert first.passed and second.passed and first.judge.startswith("clip:pocket@")
    ((first, second),) = judged(
        "clip:pocket", pair(caption_a="a blue sun", caption_b="a yellow moon")
    )
    assert not first.passed and not second.passed


def test_the_check_names_its_model_and_what_it_reads() -> None:
    check = CHECKS["judge"](judge="clip:pocket#0.01", ask=("answers",))
    assert check.models() == (("clip", "pocket"),)
    assert set(check.reads_of()) == {"image_a", "image_b", "question", "answer_a", "answer_b"}


@pytest.mark.parametrize("judge", ["rules", "gpt", "clip:pocket#x", "openai:x#m", ""])
def test_a_judge_that_cannot_look_is_refused_with_the_recipe(judge: str) -> None:
    with pytest.raises(ValidationError):
        CHECKS["judge"](judge=judge)
