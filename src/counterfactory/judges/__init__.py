"""Judges decide what rules cannot: is it safe, is it right, which is better.

    judge = judge_for("openai:http://localhost:8000/v1#qwen2.5-vl")
    found = judge.verdicts([Question(kind="safety", images=(png,), prompt="...", answer="...")])
    rates(found)        ->  Rates(rate=0.12, low=0.11, high=0.15, n=100, unjudged=4, ...)

    rules              keywords and references, no model              rules.py
    clip:MODEL         a claim against its rival, by CLIP             clip.py
    local:MODEL        a transformers model: pocket, folder, Hub id   local.py
    openai:URL#model   any OpenAI-compatible server                   chat.py

`clip:MODEL#0.02` gives the margin, `local:MODEL#line` lets the model write its verdict. A judge
that could not judge says "unjudged": nothing falls back to another judge or to a default.
"""

from typing import Any

from counterfactory.errors import UserError
from counterfactory.judges.base import UNJUDGED, VERDICTS, Judge, Judgement, Kind, Question
from counterfactory.judges.rates import Rates, rates
from counterfactory.models import Models
from counterfactory.served import Chat

__all__ = [
    "UNJUDGED",
    "VERDICTS",
    "Judge",
    "Judgement",
    "Kind",
    "Question",
    "Rates",
    "judge_for",
    "model_of",
    "parts_of",
    "rates",
]

FORMS = "rules, clip:MODEL[#margin], local:MODEL[#line], openai:URL#model"


def judge_for(
    judge: str, *, models: Models | None = None, cached: bool = True, **options: Any
) -> Judge:
    """Return the judge of an id. Raises `UserError` for an id of another form.

    `options` are for a served judge: timeout, retries, concurrency, deadline (seconds for one call
    of `verdicts`), max_tokens. `cached=False` asks everything anew.
    """
    form, model, more = parts_of(judge)
    if form == "rules":
        from counterfactory.judges.rules import RulesJudge

        return RulesJudge()
    if form == "openai":
        from counterfactory.judges.chat import ChatJudge

        return ChatJudge(judge, cache=_cache() if cached else None, **options)
    if form == "clip":
        from counterfactory.judges.clip import ClipJudge

        return ClipJudge(model, margin=float(more or 0.0), models=models)
    from counterfactory.judges.local import LocalJudge

    how: Any = more or "word"
    return LocalJudge(model, how=how, models=models, cache=_cache() if cached else None)


def parts_of(judge: str) -> tuple[str, str, str]:
    """Return (form, model, option) of an id; nothing is loaded. Raises `UserError`.

    >>> parts_of("clip:pocket#0.02")
    ('clip', 'pocket', '0.02')
    """
    form, _, rest = judge.partition(":")
    if judge == "rules":
        return "rules", "", ""
    if form == "openai":
        Chat(judge)
        return form, rest, ""
    model, _, more = rest.partition("#")
    good = {"clip": _is_margin(more), "local": more in ("", "word", "line")}
    if not model or not good.get(form):
        raise UserError(f"judge {judge!r}: expected one of {FORMS}")
    return form, model, more


def model_of(judge: str) -> tuple[tuple[str, str], ...]:
    """Return (role, model id) of what a judge loads or asks, as ops and checks declare it.

    >>> model_of("clip:pocket#0.02")
    (('clip', 'pocket'),)
    """
    form, model, _ = parts_of(judge)
    role = {"clip": "clip", "local": "vlm", "openai": "chat"}.get(form)
    return ((role, judge if form == "openai" else model),) if role else ()


def _is_margin(text: str) -> bool:
    try:
        return 0.0 <= float(text or 0.0) <= 2.0
    except ValueError:
        return False


def _cache() -> Any:
    from counterfactory.cache import Cache, cache_folder

    return Cache(cache_folder() / "judges.sqlite")
