"""A served model as judge, many questions at a time.

    judge = ChatJudge("openai:http://localhost:8000/v1#qwen2.5-vl", concurrency=16, deadline=600)
    judge.verdicts(questions)

A question whose answer does not come, or cannot be read, is unjudged, and the others go on. What
the user must change (wrong key, unknown model, nobody there at all) is a `UserError`. What could
be read is cached by content at once, so a stopped run pays nothing twice. The cache knows a served
model by its URL and name alone: where other weights are served under an old name, judge with
`cache=None`.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from counterfactory.cache import Cache
from counterfactory.fingerprint import digest, digest_bytes
from counterfactory.judges.base import Judgement, Kind, Question, check_kinds, unjudged
from counterfactory.judges.prompts import prompt_hash, read, told
from counterfactory.judges.swaps import both_orders
from counterfactory.served import Chat, Picture, Refused, Request, Said, Unreachable

MAX_TOKENS = 300  # a verdict and a sentence, with room for some thinking aloud


class ChatJudge:
    """A model behind an OpenAI-compatible server."""

    kinds: tuple[Kind, ...] = ("safety", "correct", "pair")

    def __init__(
        self,
        spec: str,
        *,
        cache: Cache | None = None,
        deadline: float | None = None,
        max_tokens: int = MAX_TOKENS,
        **chat: Any,
    ) -> None:
        """Take `openai:URL#model`; `chat` are options of `served.Chat`."""
        self.id, self.chat = spec, Chat(spec, **chat)
        self.cache, self.deadline, self.max_tokens = cache, deadline, max_tokens
        self.answered = False  # whether the server has ever answered

    def prompt_hash(self, kind: Kind) -> str:
        """Return the hash of what the model is told."""
        return prompt_hash(kind, "line")

    def verdicts(self, questions: Sequence[Question]) -> list[Judgement]:
        """Judge all questions, in order; equal ones are asked once."""
        check_kinds(self, questions)
        return both_orders(questions, self._judged)

    def _judged(self, questions: list[Question]) -> list[Judgement]:
        keys = [self._key(question) for question in questions]
        found: dict[str, Judgement] = {}
        for key, question in zip(keys, questions, strict=True):
            if key in found:
                continue
            if not question.answer.strip():
                found[key] = unjudged(self, question.kind, "empty answer")
            elif self.cache is not None and (known := self.cache.get(key)) is not None:
                found[key] = replace(self._read(question, Said(**known)), cached=True)
        asked = {
            key: question for key, question in zip(keys, questions, strict=True) if key not in found
        }
        found |= self._asked(asked)
        return self._once_each(keys, found)

    def _asked(self, questions: dict[str, Question]) -> dict[str, Judgement]:
        """Send what is not known; keep each answer as it comes."""
        keys, found = list(questions), dict[str, Judgement]()

        def done(index: int, said: Said) -> None:
            key = keys[index]
            found[key] = self._read(questions[key], said)
            if self.cache is not None and not found[key].error:
                kept = {"text": said.text, "finish": said.finish}
                self.cache.put(
                    key, kept | {"tokens_in": said.tokens_in, "tokens_out": said.tokens_out}
                )

        requests = [self._request(question) for question in questions.values()]
        answers = self.chat.many(requests, deadline=self.deadline, done=done)
        self.answered = self.answered or any(not said.error for said in answers)
        self._users_fault(answers)
        for key, said in zip(keys, answers, strict=True):
            found.setdefault(key, self._read(questions[key], said))
        return found

    def _users_fault(self, answers: Sequence[Said]) -> None:
        """Raise when the user must change something before this can ever work."""
        faults = [said.fault for said in answers if said.fault is not None]
        for fault in faults:
            if isinstance(fault, Refused):
                raise fault
            if isinstance(fault, Unreachable) and not fault.connected and not self.answered:
                raise fault

    def _request(self, question: Question) -> Request:
        content: tuple[str | Picture, ...] = (*question.images, told(question, "line"))
        return Request(content=content, max_tokens=self.max_tokens)

    def _read(self, question: Question, said: Said) -> Judgement:
        if said.error:
            return unjudged(self, question.kind, said.error)
        verdict, why = read(said.text, question.kind)
        made = (
            Judgement(verdict=verdict, reason=why, judge=self.id, prompt_hash=self.prompt_hash(question.kind))
            if verdict
            else unjudged(self, question.kind, f"cut off: {why}" if said.finish == "length" else why)
        )  # fmt: skip
        return replace(made, tokens_in=said.tokens_in, tokens_out=said.tokens_out)

    def _once_each(self, keys: list[str], found: dict[str, Judgement]) -> list[Judgement]:
        """Return the judgements in order; of equal questions the first one pays."""
        seen: set[str] = set()
        judged = []
        for key in keys:
            judged.append(replace(found[key], cached=True) if key in seen else found[key])
            seen.add(key)
        return judged

    def _key(self, question: Question) -> str:
        return digest(
            {
                "judge": self.id,
                "kind": question.kind,
                "told": told(question, "line"),
                "max_tokens": self.max_tokens,
                "images": [digest_bytes(image) for image in question.images],
            }
        )
