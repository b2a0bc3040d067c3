"""Conditions -> a name that a person understands.

>>> name_of(("task:existence", "kind:leaf", "category:adversarial"))
'existence of leaves, adversarial'
>>> name_of(("request:harmful", "twin:image"))
'harmful requests, twins that differ in the image'
>>> name_of(("task:count", "answer:5+"))
'count questions, answer 5 or more'
"""

from collections.abc import Sequence

from counterfactory.factory.ops.lexicon import plural
from counterfactory.loop.text_patterns import PREFIX, described

HEADS = (
    "request",
    "task",
    "attribute",
    "test",
    "edit",
    "relation",
    "consistency",
    "asks",
)  # the first one names the slice
BARE = ("task", "attribute", "test", "relation", "consistency")  # say "... questions"
ASKS = {"yes_no": "yes-or-no questions", "letter": "multiple choice"}
WORDS = {
    "habit:against": "where the answer is not the model's usual one",
    "habit:with": "where the answer is the model's usual one",
}


def name_of(conditions: Sequence[str]) -> str:
    """Return the name of a conjunction."""
    parts = [one.partition(":")[::2] for one in conditions if not one.startswith(PREFIX)]
    heads = sorted((p for p in parts if p[0] in HEADS), key=lambda p: HEADS.index(p[0]))
    kinds = [plural(value) for key, value in parts if key == "kind"]
    colours = [value for key, value in parts if key == "colour"]
    things = " ".join([*colours, " and ".join(kinds) or ("things" if colours else "")]).strip()
    head = _head(*heads[0]) if heads else "questions"
    if things:
        name = f"{head} {'of' if heads else 'about'} {things}"
    else:
        name = f"{head} questions" if heads and heads[0][0] in BARE else head
    rest = [
        _rest(key, value) for key, value in [*heads[1:], *parts] if (key, value) not in heads[:1]
    ]
    texts = [described(one) for one in conditions if one.startswith(PREFIX)]
    return ", ".join(dict.fromkeys([name, *(text for text in rest if text), *texts]))


def _head(key: str, value: str) -> str:
    text = _plain(value)
    if key == "request":
        return f"{text} requests"
    if key == "asks":
        return ASKS.get(value, f"questions for a {text}")
    return {"edit": f"edits: {text}", "relation": f"{text!r}"}.get(key, text)


def _rest(key: str, value: str) -> str:
    """Return a further condition in words; kinds and colours stand in the name already."""
    if key in ("kind", "colour"):
        return ""
    if key == "asks":
        return _head(key, value)
    if key == "answer":
        least = value.removesuffix("+")
        return f"answer {least} or more" if value != least else f"answer {value}"
    if key == "twin":
        return f"twins that differ in the {value}"
    if key == "variant":
        return f"{_plain(value)} scenes"
    return WORDS.get(f"{key}:{value}", _plain(value))


def _plain(value: str) -> str:
    return value.replace("_", " ")
