"""What can go wrong with a Hub: waited for where that helps, else one clear line.

    patiently("read org/name", lambda: api.repo_info("org/name"), repo="org/name")
    ->  the answer; or UserError("org/name: the Hub at http://... answered 403 ...: expected a token ...")

429, 5xx, time-outs and cut connections pass by: they are tried again after a growing pause, or after
the pause that the server asks for. No token ever stands in a message.
"""

import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeVar

from counterfactory.errors import UserError
from counterfactory.factory.run.disk import disk_trouble

T = TypeVar("T")

PASSING = {408, 425, 429, 500, 502, 503, 504}
_SECRET = re.compile(r"hf_[A-Za-z0-9]{8,}|(?i:bearer)\s+\S+")
_MOST = 300  # letters of another program's message


@dataclass(frozen=True, slots=True)
class Patience:
    """How long to wait for a Hub that has trouble."""

    tries: int = 5
    first: float = 1.0  # seconds before the second try; doubled each time
    longest: float = 30.0  # seconds before any try, also where the server asks for more
    total: float = 180.0  # seconds after which there is no further try but the second
    answer: float = 120.0  # seconds in which an answer must begin, or some bytes pass


def patiently(
    step: str, call: Callable[[], T], *, repo: str, patience: Patience | None = None
) -> T:
    """Return what `call` returns, tried again while the trouble may pass.

    Raises `UserError` for what the user must mend, and for trouble that does not pass; `Stale` and
    other errors that say nothing of the connection are passed on.
    """
    allowed = patience or Patience()
    started, pause = time.monotonic(), allowed.first
    for attempt in range(1, allowed.tries + 1):
        try:
            return call()
        except Exception as error:
            if isinstance(error, UserError) or not is_trouble(error):
                raise
            out_of_time = attempt > 1 and time.monotonic() - started >= allowed.total
            if not passes(error) or attempt == allowed.tries or out_of_time:
                raise told(error, step, repo) from error
            time.sleep(min(max(pause, asked_pause(error)), allowed.longest))
            pause *= 2
    raise AssertionError("a try either returns or raises")


def is_trouble(error: BaseException) -> bool:
    """Say whether an error is about the Hub, the way to it, or the disk."""
    return status_of(error) is not None or _transport(error) or bool(_disk(error))


def passes(error: BaseException) -> bool:
    """Say whether waiting may help."""
    status = status_of(error)
    if status is not None:
        return status in PASSING
    return _transport(error) and not _offline(error)


def status_of(error: BaseException) -> int | None:
    """Return the HTTP status behind an error; None when there was no answer."""
    from huggingface_hub.errors import HfHubHTTPError

    for one in _chain(error):
        if isinstance(one, HfHubHTTPError):
            return int(one.response.status_code)
    return None


def code_of(error: BaseException) -> str:
    """Return the Hub's own name for an error: RepoNotFound, RevisionNotFound, EntryNotFound."""
    from huggingface_hub.errors import HfHubHTTPError

    for one in _chain(error):
        if isinstance(one, HfHubHTTPError):
            return str(one.response.headers.get("X-Error-Code") or "")
    return ""


def asked_pause(error: BaseException) -> float:
    """Return how many seconds the server asks to wait; 0 where it does not say."""
    from huggingface_hub.errors import HfHubHTTPError

    for one in _chain(error):
        if isinstance(one, HfHubHTTPError):
            text = one.response.headers.get("Retry-After") or ""
            return float(text) if text.replace(".", "", 1).isdigit() else 0.0
    return 0.0


def told(error: BaseException, step: str, repo: str) -> UserError:
    """Return the one line for trouble that did not pass."""
    from huggingface_hub import constants

    if disk := _disk(error):
        return UserError(f"{repo}: {step}: {disk}; mend that and run the same command again")
    if _offline(error):
        return UserError(
            f"{repo}: {step}: HF_HUB_OFFLINE or HF_DATASETS_OFFLINE is set, expected a way to the Hub; "
            "unset it to publish"
        )
    where, status = f"{repo}: {step}: the Hub at {constants.ENDPOINT}", status_of(error)
    if status is None:
        return UserError(
            f"{where} cannot be reached ({_said(error)}); nothing is half-published, run the same "
            "command again"
        )
    return UserError(f"{where} answered {status}{_server_said(error)}; {_remedy(status)}")


def _remedy(status: int) -> str:
    known = {
        401: "expected a valid token: `hf auth login`, or HF_TOKEN",
        402: "this account cannot do that; see its plan",
        403: "expected a token that may write there: `hf auth login`, or HF_TOKEN",
        404: "expected a name that exists, and a token that may see it",
        409: "someone else is at work there; run the same command again",
        412: "someone else has committed meanwhile; run the same command again",
        413: "a file is larger than this Hub takes",
        507: "its disk is full; nothing was published",
    }
    if status in known:
        return known[status]
    if status in PASSING:
        return "nothing is half-published, run the same command again in a while"
    return "expected it to accept what was sent"


def _server_said(error: BaseException) -> str:
    from huggingface_hub.errors import HfHubHTTPError

    for one in _chain(error):
        if isinstance(one, HfHubHTTPError):
            said = one.server_message or one.response.headers.get("X-Error-Message") or ""
            return f" ({clean(said)})" if said else ""
    return ""


def clean(text: object) -> str:
    """Return another program's message on one line, without tokens."""
    line = _SECRET.sub("***", " ".join(str(text).split()))
    return line if len(line) <= _MOST else line[: _MOST - 3] + "..."


def _said(error: BaseException) -> str:
    last = list(_chain(error))[-1]
    return clean(last) or type(last).__name__


def _offline(error: BaseException) -> bool:
    name = "OfflineModeIsEnabled"  # huggingface_hub and datasets have one each
    return any(type(one).__name__ == name or name in str(one) for one in _chain(error))


def _transport(error: BaseException) -> bool:
    """Say whether there was no whole answer: no connection, a cut one, a time-out."""
    from huggingface_hub import errors

    kinds = (errors.HTTPError, ConnectionError, TimeoutError)  # HTTPError is the client library's
    return any(isinstance(one, kinds) for one in _chain(error))


def _disk(error: BaseException) -> str:
    return next((text for one in _chain(error) if (text := disk_trouble(one))), "")


def _chain(error: BaseException) -> Iterator[BaseException]:
    """Yield an error and what it came from: upload errors arrive wrapped."""
    seen: set[int] = set()
    one: BaseException | None = error
    while one is not None and id(one) not in seen:
        seen.add(id(one))
        yield one
        one = one.__cause__ or (None if one.__suppress_context__ else one.__context__)
