"""A served model under evaluation: what is sent, and what its death costs."""

import subprocess
import sys
from pathlib import Path

import pytest
from tests import tiny_vlm
from tests.eval.toy_suite import image, toy_suite
from tests.served_model import transformers_serve
from tests.spine.trouble_server import Reply, hang, said, status, trouble

from counterfactory.errors import UserError
from counterfactory.eval.answer_served import ServedAnswerer
from counterfactory.eval.answerers import answerer_for
from counterfactory.eval.asking import Ask
from counterfactory.eval.plan import Plan
from counterfactory.eval.run import evaluate


@pytest.fixture(autouse=True)
def _alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COUNTERFACTORY_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


def ask(text: str, **more: object) -> Ask:
    blocks = [{"type": "text", "text": "first "}, {"type": "image"}, {"type": "text", "text": text}]
    return Ask(content=blocks, images=(image(0),), **more)  # type: ignore[arg-type]


def test_texts_and_pictures_are_sent_in_their_order() -> None:
    with trouble() as server:
        server.replies = [said("two", tokens=(9, 4))]
        model = ServedAnswerer(server.spec)
        reply = model.replies([ask("how many?", max_tokens=5, temperature=0.5, top_p=0.9, seed=3)])
    body = server.seen[0]
    kinds = [part["type"] for part in body["messages"][0]["content"]]
    assert kinds == ["text", "image_url", "text"] and reply[0].text == "two"
    assert (body["max_tokens"], body["temperature"], body["top_p"], body["seed"]) == (5, 0.5, 0.9, 3)  # fmt: skip
    assert reply[0].tokens == 4 and not reply[0].error


def test_requests_are_on_their_way_together_and_come_back_in_order() -> None:
    with trouble() as server:

        def late(text: str) -> Reply:
            return lambda handler: (hang(0.3)(handler), said(text[-1].upper())(handler)) and None

        server.by = late
        replies = ServedAnswerer(server.spec, concurrency=4).replies([ask(c) for c in "abcdefgh"])
    assert [reply.text for reply in replies] == list("ABCDEFGH") and server.most > 1


def test_a_server_that_dies_costs_one_line_and_only_what_it_had_not_answered(
    tmp_path: Path,
) -> None:
    plan = Plan(suite=toy_suite())
    with trouble() as server:
        server.replies = [*[said("yes")] * 10, status(500)]
        model = ServedAnswerer(server.spec, retries=0, concurrency=1)
        with pytest.raises(UserError, match="no answer to item .*answered 500.*kept") as caught:
            evaluate(model, plan, tmp_path / "a", quiet=True)
        assert "\n" not in str(caught.value)
        server.replies, before = [said("no")], len(server.seen)
        again = ServedAnswerer(server.spec, retries=0, concurrency=1)
        assert evaluate(again, plan, tmp_path / "a", quiet=True)["asked"] == 14
        assert len(server.seen) == before + 14


def test_one_request_that_hangs_is_one_failure(tmp_path: Path) -> None:
    with trouble() as server:
        server.by = lambda text: hang(20) if "(3)" in text else said("yes")
        model = ServedAnswerer(server.spec, retries=0, timeout=4)
        with pytest.raises(UserError, match="item 'gate-3' of task 'number'"):
            evaluate(model, Plan(suite=toy_suite()), tmp_path / "a", quiet=True)
        server.by = lambda text: said("yes")
        assert evaluate(model, Plan(suite=toy_suite()), tmp_path / "a", quiet=True)["asked"] == 1


def test_a_server_that_is_not_there_is_one_line_and_exit_2(tmp_path: Path) -> None:
    call = [
        sys.executable, "-m", "counterfactory.cli", "eval", "run", "openai:http://127.0.0.1:9/v1#no",
        "--suite", "pocket-quick", "--task", "count/balanced", "--limit", "2",
        "--out", str(tmp_path / "a"), "--timeout", "1", "--retries", "0",
    ]  # fmt: skip
    done = subprocess.run(call, capture_output=True, text=True)
    assert done.returncode == 2
    lines = [line for line in done.stderr.splitlines() if "error" in line]
    assert len(lines) == 1 and "cannot be reached" in lines[0] and "Traceback" not in done.stderr


def test_likelihoods_cannot_be_had() -> None:
    with pytest.raises(UserError, match="no log-likelihoods"):
        ServedAnswerer("openai:http://127.0.0.1:9/v1#no").replies([ask("x", choices=("a", "b"))])


@pytest.mark.slow
def test_a_model_says_the_same_served_and_local(tmp_path: Path) -> None:
    folder = tiny_vlm.llava(tmp_path)
    asks = [
        Ask(content=[{"type": "image"}, {"type": "text", "text": text}], images=(image(n),), max_tokens=6)
        for n in range(2)
        for text in ("Is there a red ball?", "How many stars are there?")
    ]  # fmt: skip
    local = answerer_for(str(folder), device="cpu").replies(asks)
    with transformers_serve(folder, tmp_path) as spec:
        served = answerer_for(spec, timeout=120).replies(asks)
    assert [reply.text for reply in served] == [reply.text for reply in local]
