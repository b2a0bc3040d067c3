"""Many requests to one server at once: `Chat.many`.

    Crowd(chat, requests, deadline=600, done=None).run()    -> one Said for each request, in order

Daemon threads do the asking, so that a server which hangs delays neither the deadline nor the
end of the program. Two things end a crowd early: an answer that would come to every request (a
wrong key, an unknown model), and so many failures in a row that the server must be gone.
"""

import threading
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from counterfactory.errors import UserError
from counterfactory.served.chat import GIVE_UP, ONE_REQUEST, Refused, ServerError
from counterfactory.served.messages import Request, Said

if TYPE_CHECKING:
    from counterfactory.served.chat import Chat


class Crowd:
    """One call of `Chat.many`."""

    def __init__(
        self,
        chat: "Chat",
        requests: Sequence[Request],
        deadline: float | None,
        done: Callable[[int, Said], None] | None,
    ) -> None:
        self.chat, self.requests, self.done = chat, requests, done
        self.until = None if deadline is None else time.monotonic() + deadline
        self.answers: list[Said | None] = [None] * len(requests)
        self.next, self.failed, self.stop = 0, 0, ""
        self.fault: UserError | None = None
        self.trouble: BaseException | None = None  # a bug, or one in `done`: raised by `run`
        self.change = threading.Condition()
        self.open = 0  # threads at work

    def run(self) -> list[Said]:
        """Ask everything; return when all is answered or the time is over."""
        count = min(self.chat.concurrency, len(self.requests))
        self.open = count
        for _ in range(count):
            threading.Thread(target=self._work, daemon=True, name="chat").start()
        with self.change:
            while self.open:
                left = None if self.until is None else self.until - time.monotonic()
                if left is not None and left <= 0:
                    self.stop = self.stop or "not answered in time"
                    break
                self.change.wait(left)
            if self.trouble is not None:
                raise self.trouble
            missing = Said(error=self.stop or "not asked", fault=self.fault)
            return [answer or missing for answer in self.answers]

    def _work(self) -> None:
        """Take the next request until there is none."""
        try:
            while (index := self._taken()) is not None:
                self._keep(index, self._said(self.requests[index]))
        except BaseException as trouble:
            with self.change:
                self.trouble = self.trouble or trouble
                self.stop = self.stop or "stopped"
        finally:
            with self.change:
                self.open -= 1
                self.change.notify_all()

    def _taken(self) -> int | None:
        with self.change:
            if self.stop or self.next >= len(self.requests):
                return None
            self.next += 1
            return self.next - 1

    def _said(self, request: Request) -> Said:
        started, fault, finish = time.monotonic(), None, ""
        try:
            return self.chat.say(request, until=self.until)
        except (UserError, ServerError) as error:
            problem = str(error)
            if isinstance(error, Refused) and error.status in ONE_REQUEST:
                finish = "refused"
            elif isinstance(error, UserError):
                fault = error
        spent = time.monotonic() - started
        return Said(error=problem, fault=fault, finish=finish, seconds=spent)

    def _keep(self, index: int, said: Said) -> None:
        with self.change:
            if self.stop == "not answered in time":
                return  # the caller has gone on
            self.answers[index] = said
            if said.finish != "refused":
                self.failed = self.failed + 1 if said.error else 0
            if isinstance(said.fault, Refused):
                self.stop, self.fault = said.error, said.fault
            elif not self.stop and self.failed >= max(GIVE_UP, self.chat.concurrency):
                self.stop = f"given up after {self.failed} failures in a row: {said.error}"
                self.fault = said.fault
            if self.done is not None:
                self.done(index, said)
