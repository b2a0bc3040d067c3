"""Many requests at once to a server that hangs, breaks off, talks nonsense or is too busy."""

import threading
import time
from collections.abc import Iterator

import pytest
from tests.spine.trouble_server import (
    Server,
    garbage,
    hang,
    said,
    status,
    trickle,
    trouble,
    truncated,
)

from counterfactory.errors import UserError
from counterfactory.served import Chat, Refused, Request, ServerError, Unreachable


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with trouble() as one:
        yield one


def asks(count: int) -> list[Request]:
    return [Request(content=(f"question {index}",)) for index in range(count)]


def chat(server: Server, **options) -> Chat:
    return Chat(server.spec, **{"timeout": 5.0, "wait": 0.01, **options})


def test_answers_come_in_order_with_their_tokens_and_no_more_at_once_than_allowed(
    server: Server,
) -> None:
    def by(text: str):
        def reply(handler) -> None:
            time.sleep(0.02)
            said(text.upper(), tokens=(11, 2))(handler)

        return reply

    server.by = by
    kept: list[int] = []
    found = chat(server, concurrency=3).many(asks(20), done=lambda index, one: kept.append(index))
    assert [one.text for one in found] == [f"QUESTION {index}" for index in range(20)]
    assert {(one.tokens_in, one.tokens_out, one.finish) for one in found} == {(11, 2, "stop")}
    assert sorted(kept) == list(range(20))
    assert 2 <= server.most <= 3


def test_nothing_to_ask_asks_nothing(server: Server) -> None:
    assert chat(server).many([]) == [] and not server.seen


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        (status(500), "answered 500"), (status(429), "answered 429"), (garbage(), ""),
        (truncated(), ""), (status(200, "<html>"), "not JSON"), (status(200, "[]"), "no choices"),
        (status(200, '{"choices": [{"message": {"content": [1]}}]}'), "no choices"),
        (status(200, "[" * 100_000), "not JSON"), (hang(5), "timed out"), (trickle(5), "no whole answer"),
        (status(400, "too long"), "answered 400"),
    ],
)  # fmt: skip
def test_one_bad_request_fails_alone_and_says_why(server: Server, wrong, why: str) -> None:
    server.by = lambda text: wrong if text == "question 2" else said("fine")
    found = chat(server, timeout=0.3, retries=1, concurrency=2).many(asks(5))
    assert [one.text for one in found] == ["fine", "fine", "", "fine", "fine"]
    assert why in found[2].error and found[2].error and "\n" not in found[2].error
    assert not any(one.error for index, one in enumerate(found) if index != 2)


def test_a_server_that_hangs_delays_neither_the_deadline_nor_the_rest(server: Server) -> None:
    server.by = lambda text: hang(20) if text == "question 0" else said("fine")
    started = time.monotonic()
    found = chat(server, timeout=20, concurrency=2).many(asks(6), deadline=0.7)
    assert time.monotonic() - started < 3
    assert (
        found[0].error == "not answered in time" and [one.text for one in found[1:]] == ["fine"] * 5
    )


def test_after_the_deadline_nothing_more_is_kept_or_sent(server: Server) -> None:
    server.by = lambda text: hang(0.4)
    kept: list[int] = []
    asked = chat(server, timeout=5, retries=9, concurrency=2)
    asked.many(asks(6), deadline=0.3, done=lambda index, one: kept.append(index))
    time.sleep(1.0)
    assert not kept and len(server.seen) <= 4


def test_a_server_that_fails_every_time_is_given_up(server: Server) -> None:
    server.replies = [status(503)]
    found = chat(server, retries=0, concurrency=2).many(asks(200))
    assert len(server.seen) < 20
    assert "given up after 8 failures in a row" in found[-1].error and all(
        one.error for one in found
    )


def test_refused_requests_do_not_end_the_run(server: Server) -> None:
    server.by = lambda text: said("fine") if text == "question 29" else status(413)
    found = chat(server, retries=0, concurrency=1).many(asks(30))
    assert found[-1].text == "fine" and {one.finish for one in found[:-1]} == {"refused"}


@pytest.mark.parametrize("code", [401, 403, 404, 302])
def test_what_would_come_to_every_request_ends_the_run_at_once(server: Server, code: int) -> None:
    server.replies = [status(code, Location="http://127.0.0.1:9/steal")]
    found = chat(server, concurrency=2).many(asks(50))
    assert len(server.seen) <= 4
    assert all(isinstance(one.fault, Refused) and one.fault.status == code for one in found)


def test_a_bug_in_the_keeper_is_raised(server: Server) -> None:
    def done(index: int, one: object) -> None:
        raise RuntimeError("disk")

    with pytest.raises(RuntimeError, match="disk"):
        chat(server).many(asks(3), done=done)


def test_the_server_says_how_long_to_wait(server: Server) -> None:
    server.replies = [
        status(429, **{"Retry-After": "7"}),
        status(503, **{"Retry-After": "²"}),
        said("ok"),
    ]
    waits: list[float] = []
    assert Chat(server.spec, sleep=waits.append).ask("?") == "ok"
    assert waits[0] == 7.0 and 1.5 <= waits[1] <= 2.5


def test_requests_that_fail_together_do_not_come_back_together(server: Server) -> None:
    server.replies = [status(503)]
    waits: list[float] = []
    lock = threading.Lock()

    def sleep(seconds: float) -> None:
        with lock:
            waits.append(round(seconds, 6))

    Chat(server.spec, sleep=sleep, retries=1, concurrency=4).many(asks(6))
    assert len(set(waits)) == len(waits) >= 6 and all(0.75 <= one <= 1.25 for one in waits)


def test_hanging_and_not_being_there_are_told_apart(server: Server) -> None:
    server.replies = [hang(5)]
    with pytest.raises(Unreachable) as hung:
        chat(server, timeout=0.2, retries=0).ask("?")
    with pytest.raises(Unreachable) as nobody:
        Chat("openai:http://127.0.0.1:9/v1#m", retries=0).ask("?")
    assert hung.value.connected and not nobody.value.connected
    server.replies = [status(500)]
    with pytest.raises(ServerError):
        chat(server, retries=0).ask("?")


def test_pictures_are_sent_as_the_files_they_are(server: Server) -> None:
    chat(server).many([Request(content=(b"\xff\xd8\xff\xe0jpeg", "left", b"\x89PNGx", "right"))])
    parts = server.seen[0]["messages"][0]["content"]
    assert [part["type"] for part in parts] == ["image_url", "text", "image_url", "text"]
    assert parts[0]["image_url"]["url"].startswith("data:image/jpeg;base64,")
    assert parts[2]["image_url"]["url"].startswith("data:image/png;base64,")


def test_text_in_blocks_is_read(server: Server) -> None:
    blocks = [{"type": "text", "text": "yes"}, {"type": "text", "text": "."}]
    server.replies = [said(blocks)]
    assert chat(server).ask("?") == "yes."


@pytest.mark.parametrize(
    "spec",
    [
        "openai:http://[::1/v1#m",
        "openai:http://x:y/v1#m",
        "openai:http:///v1#m",
        "openai:http://u:p@x/v1#m",
    ],
)
def test_a_url_that_cannot_be_right_is_refused_and_shows_no_password(spec: str) -> None:
    with pytest.raises(UserError) as caught:
        Chat(spec)
    assert "u:p" not in str(caught.value)
