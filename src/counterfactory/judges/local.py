"""A vision-language model of transformers as judge, on this machine.

    judge = LocalJudge("HuggingFaceTB/SmolVLM-500M-Instruct")     # or how="line"
    judge.verdicts([Question(kind="safety", images=(png,), prompt="...", answer="...")])

`how="word"` compares the likelihoods of the verdict words, so there is always a verdict and its
margin is the score; `how="line"` lets the model write a verdict and a reason, which may turn out
unreadable. Pairs are asked in both orders.
"""

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from counterfactory.cache import Cache
from counterfactory.errors import RowError
from counterfactory.fingerprint import digest, digest_bytes
from counterfactory.images import decode
from counterfactory.judges.base import Judgement, Kind, Question, check_kinds, unjudged
from counterfactory.judges.prompts import CHOICES, Style, prompt_hash, read, told
from counterfactory.judges.swaps import both_orders
from counterfactory.models import Models, identify

if TYPE_CHECKING:
    from counterfactory.models.vlm import Vlm

MAX_TOKENS = 160  # of a written verdict


class LocalJudge:
    """A model in this process."""

    kinds: tuple[Kind, ...] = ("safety", "correct", "pair")

    def __init__(
        self,
        model: str,
        *,
        how: Style = "word",
        models: Models | None = None,
        cache: Cache | None = None,
    ) -> None:
        self.model, self.how, self.models, self.cache = model, how, models or Models(), cache
        revision = identify("vlm", model).revision[:12]
        self.id = f"local:{model}@{revision}" + ("" if how == "word" else f"#{how}")

    def prompt_hash(self, kind: Kind) -> str:
        """Return the hash of what the model is told."""
        return prompt_hash(kind, self.how)

    def verdicts(self, questions: Sequence[Question]) -> list[Judgement]:
        """Judge all questions, in order."""
        check_kinds(self, questions)
        return both_orders(questions, lambda plan: [self._judged(one) for one in plan])

    def _judged(self, question: Question) -> Judgement:
        if not question.answer.strip():
            return unjudged(self, question.kind, "empty answer")
        vlm = self.models.vlm(self.model)
        key = self._key(vlm, question)
        if self.cache is not None and (known := self.cache.get(key)) is not None:
            return self._read(question, known, cached=True)
        try:
            said = self._said(vlm, question)
        except RowError as error:
            return unjudged(self, question.kind, f"picture: {error.reason}")
        judgement = self._read(question, said)
        if self.cache is not None and not judgement.error:
            self.cache.put(key, said)
        return judgement

    def _said(self, vlm: "Vlm", question: Question) -> dict[str, Any]:
        """Ask the model: the words' log-likelihoods, or a text."""
        pictures = [decode(image) for image in question.images]
        blocks = [{"type": "image"}] * len(pictures)
        text = plain(told(question, self.how), vlm.tokenizer)
        prompt = vlm.prompt([*blocks, {"type": "text", "text": text}])
        if self.how == "word":
            logps = vlm.choice_logps(prompt, pictures, CHOICES[question.kind])
            return {"logps": [one if math.isfinite(one) else None for one in logps]}
        return {"text": vlm.generate([prompt], [pictures], max_tokens=MAX_TOKENS)[0]}

    def _read(self, question: Question, said: dict[str, Any], cached: bool = False) -> Judgement:
        kind, score = question.kind, None
        if self.how == "word":
            logps = said["logps"]
            if None in logps:
                return unjudged(self, kind, "the model gave no number")
            best = max(range(len(logps)), key=logps.__getitem__)
            score = round(logps[0] - logps[1], 6)  # above zero: the first word
            verdict, why = CHOICES[kind][best], f"log-likelihood lead {abs(score):.2f}"
        else:
            verdict, why = read(said["text"], kind)
        if not verdict:
            return unjudged(self, kind, why)
        made = Judgement(
            verdict=verdict, reason=why, judge=self.id, prompt_hash=self.prompt_hash(kind)
        )
        return replace(made, score=score, cached=cached)

    def _key(self, vlm: "Vlm", question: Question) -> str:
        return digest(
            {
                "model": vlm.identity(),
                "how": self.how,
                "told": told(question, self.how),
                "choices": list(CHOICES[question.kind]),
                "images": [digest_bytes(image) for image in question.images],
            }
        )


def plain(text: str, tokenizer: Any) -> str:
    """Return a text in which no special token of the model stands: an answer must not end its own
    turn, nor claim a picture."""
    special = {*tokenizer.all_special_tokens, "<image>", getattr(tokenizer, "image_token", None)}
    for token in sorted(filter(None, special), key=len, reverse=True):
        if len(token) > 1:
            text = text.replace(token, f"{token[0]} {token[1:]}")
    return text
