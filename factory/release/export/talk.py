"""Questions and answers as trainers of chat models want them: `<image>` strings, each in its place.

led("<image>What is it?", 1)                  -> "<image>\\nWhat is it?"
as_messages([{"from": "human", "value": ...}]) -> [{"role": "user", "content": ...}]
"""

from collections.abc import Iterable, Mapping
from typing import Any

from counterfactory.factory.release.views import PLACEHOLDER

ROLES = {"human": "user", "gpt": "assistant"}


def led(text: str, images: int) -> str:
    """Return a text whose leading placeholders stand on lines of their own (LLaVA, InternVL).

    >>> led("<image><image>What differs?", 2)
    '<image>\\n<image>\\nWhat differs?'
    """
    lead = PLACEHOLDER * images
    return f"{PLACEHOLDER}\n" * images + text[len(lead) :] if text.startswith(lead) else text


def asked(prompt: Iterable[Mapping[str, Any]], images: int) -> str:
    """Return a prompt's text after as many placeholders as there are images."""
    return PLACEHOLDER * images + "\n".join(str(said["content"]) for said in prompt)


def as_messages(turns: Iterable[Mapping[str, str]]) -> list[dict[str, str]]:
    """Return turns of human and gpt as messages of user and assistant."""
    return [
        {"role": ROLES.get(turn["from"], turn["from"]), "content": turn["value"]} for turn in turns
    ]


def chat(*texts: str) -> list[dict[str, str]]:
    """Return texts as messages, user and assistant by turns."""
    return [
        {"role": ("user", "assistant")[number % 2], "content": text}
        for number, text in enumerate(texts)
    ]
