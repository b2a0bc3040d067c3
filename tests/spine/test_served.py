"""The chat client against a real server on this machine: what is sent, what is tried again, what is said."""

import base64
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from tests.tiny import picture
from tests.toys import bare, context, sample

from counterfactory.errors import UserError
from counterfactory.factory.ops import OPS
from counterfactory.records import Candidate, Reject
from counterfactory.served import Chat, ServerError

KEY = "sk-secret-0123456789"


class Server:
    """Answers with what is queued, one reply a request, the last one for ever; keeps what it was sent."""

    def __init__(self) -> None:
        self.replies: list[tuple[int, str]] = []
        self.seen: list[tuple[dict, dict]] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                outer.seen.append((dict(self.headers), body))
                status, text = outer.replies.pop(0) if len(outer.replies) > 1 else outer.replies[0]
                self.send_response(status)
                self.end_headers()
                self.wfile.write(text.encode())

            def log_message(self, *args: object) -> None:
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.http.serve_forever, daemon=True).start()
        self.spec = f"openai:http://127.0.0.1:{self.http.server_port}/v1#toy"


def said(text: str) -> tuple[int, str]:
    return 200, json.dumps({"choices": [{"message": {"content": text}}]})


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    one = Server()
    yield one
    one.http.shutdown()
    one.http.server_close()


def chat(spec: str, **options) -> tuple[Chat, list[float]]:
    waits: list[float] = []
    return Chat(spec, sleep=waits.append, timeout=5, **options), waits


def test_a_question_with_a_picture_is_sent_as_a_data_url(server: Server) -> None:
    server.replies = [said(" a dog ")]
    asked, _ = chat(server.spec)
    assert (
        asked.ask("What is it?", images=[picture()], system="Be brief.", seed=2**40 + 3) == "a dog"
    )
    headers, body = server.seen[0]
    assert headers["Authorization"] == f"Bearer {KEY}"
    assert body["model"] == "toy" and body["messages"][0]["role"] == "system" and body["seed"] == 3
    image, text = body["messages"][1]["content"]
    data = base64.b64decode(image["image_url"]["url"].removeprefix("data:image/png;base64,"))
    assert data.startswith(b"\x89PNG") and text == {"type": "text", "text": "What is it?"}


def test_a_busy_server_is_asked_again_with_growing_waits(server: Server) -> None:
    server.replies = [(503, "busy"), (429, "slow down"), (200, "not json"), said("yes")]
    asked, waits = chat(server.spec)
    assert asked.ask("?") == "yes"
    assert len(waits) == 3
    assert all(0.75 * one <= wait <= 1.25 * one for one, wait in zip((1, 2, 4), waits, strict=True))


def test_a_server_that_stays_broken_is_given_up(server: Server) -> None:
    server.replies = [(500, "oops")]
    asked, waits = chat(server.spec, retries=2)
    with pytest.raises(ServerError, match="3 times"):
        asked.ask("?")
    assert len(waits) == 2


def test_an_answer_without_a_message_is_the_servers_fault(server: Server) -> None:
    server.replies = [(200, '{"choices": []}')]
    with pytest.raises(ServerError, match="no choices"):
        chat(server.spec)[0].ask("?")


@pytest.mark.parametrize("status", [401, 404])
def test_what_the_user_must_change_is_one_line_at_once_and_holds_no_key(
    server: Server, status: int
) -> None:
    server.replies = [(status, f"wrong key {KEY}")]
    asked, waits = chat(server.spec)
    with pytest.raises(UserError) as caught:
        asked.ask("?")
    assert str(status) in str(caught.value) and "\n" not in str(caught.value) and not waits
    assert KEY not in str(caught.value) and KEY not in repr(vars(asked))


def test_a_server_that_is_not_there_is_the_users_to_start() -> None:
    asked, waits = chat("openai:http://127.0.0.1:9/v1#m", retries=1)
    with pytest.raises(UserError, match="cannot be reached"):
        asked.ask("?")
    assert len(waits) == 1


@pytest.mark.parametrize(
    "spec", ["http://x/v1#m", "openai:x#m", "openai:http://x/v1", "openai:file:///etc#m"]
)
def test_a_spec_of_another_form_is_refused(spec: str) -> None:
    with pytest.raises(UserError, match="expected openai:URL#model"):
        Chat(spec)


def test_a_server_proposes_replacements_and_a_bad_answer_costs_one_candidate(
    server: Server,
) -> None:
    server.replies = [
        said('{"kind": "fox", "colour": "purple", "size": ""}'), said("I would rather not."),
        said('{"kind": "dog", "colour": "", "size": ""}'),
    ]  # fmt: skip
    op = OPS["propose"](kinds={"replace": 1}, server=server.spec)
    batch = [bare(sample(caption="A brown dog.", name=str(index))) for index in range(3)]
    good, silent, double = [one for some in op.setup(context())(batch) for one in some]
    assert isinstance(good, Candidate) and good.edit.prompt_b == "a purple fox"
    assert {"kind:dog", "kind:fox", "colour:purple"} <= set(good.slices)
    assert isinstance(silent, Reject) and "rather not" in silent.note
    assert isinstance(double, Reject) and "already" in double.note
    assert "brown dog" in server.seen[0][1]["messages"][1]["content"]
