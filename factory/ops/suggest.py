"""A server names what shall stand in a thing's place, as Vicuna does in Img-Diff.

    caption "A dog on a red sofa", replace the dog   ->   server: {"kind": "cat", "colour": "", "size": ""}

`propose` still chooses which edit is made on which thing, so that shares follow the recipe; the
server is asked only for the replacement of a `replace` or `add`. An answer that is no thing, or
one that is there already, rejects the candidate.
"""

import json
import re
from dataclasses import replace
from typing import Any

from counterfactory.factory.ops import lexicon
from counterfactory.factory.ops.base import Outcome
from counterfactory.records import Candidate, Edit, Object, Reason
from counterfactory.served import Chat

SYSTEM = "You plan small edits of pictures. You answer with one JSON object and nothing else."
ASK = (
    "A picture shows: {caption}\n"
    "{wish} Choose a single thing of the same broad class that is physically plausible there and is "
    'not yet in the picture.\nAnswer as {{"kind": "one noun", "colour": "a colour or empty", "size": '
    '"small, large or empty"}}.'
)
WORD = re.compile(r"^[a-z][a-z -]{0,30}$")


class Suggester:
    """Asks a server for replacements."""

    def __init__(self, server: str) -> None:
        self.chat, self.server = Chat(server), server

    def __call__(self, candidate: Candidate) -> Outcome:
        """Return the candidate with the server's replacement, or a Reject."""
        edit = candidate.edit
        if edit is None or edit.kind not in ("replace", "add"):
            return candidate
        sample = candidate.sample
        known = sample.objects or lexicon.objects_in(sample.caption)
        answer = self.chat.ask(
            _question(edit, sample.caption or ", ".join(one.phrase for one in known)),
            images=[] if sample.caption or known else [sample.image],
            system=SYSTEM, max_tokens=80, seed=candidate.seed,
        )  # fmt: skip
        thing = read_thing(answer)
        if thing is None:
            return candidate.rejected(
                "propose", Reason.NO_TARGET, note=f"the server answered {answer[:120]!r}"
            )
        if any(lexicon.same(thing, other) for other in known):
            return candidate.rejected(
                "propose", Reason.NO_TARGET, note=f"{thing.phrase!r} is there already"
            )
        old = edit.replacement or Object(kind="")
        new = replace(thing, size=thing.size or old.size, box=old.box)
        slices = [
            one
            for one in candidate.slices
            if one not in (f"kind:{old.kind}", f"colour:{old.colour}")
        ]
        named = [f"kind:{new.kind}", *([f"colour:{new.colour}"] if new.colour else [])]
        return candidate.with_(
            edit=replace(edit, replacement=new, prompt_b=lexicon.article(new.phrase)),
            slices=tuple(dict.fromkeys((*slices, *_of_target(edit), *named))),
        )


def _question(edit: Edit, caption: str) -> str:
    wish = f"Replace the {edit.target.phrase}." if edit.target is not None else "Add one thing."
    return ASK.format(caption=caption or "see the picture", wish=wish)


def _of_target(edit: Edit) -> list[str]:
    target = edit.target
    if target is None:
        return []
    return [f"kind:{target.kind}", *([f"colour:{target.colour}"] if target.colour else [])]


def read_thing(answer: str) -> Object | None:
    """Return the thing in a server's answer; None for an answer that names none.

    >>> read_thing('Sure: {"kind": "Cat", "colour": "black", "size": ""}').phrase
    'black cat'
    """
    found = re.search(r"\{.*?\}", answer, re.DOTALL)
    try:
        values: Any = json.loads(found.group()) if found else None
    except ValueError:
        return None
    if not isinstance(values, dict):
        return None
    kind, colour, size = (
        str(values.get(key) or "").strip().lower() for key in ("kind", "colour", "size")
    )
    if (
        not WORD.match(kind)
        or (colour and not WORD.match(colour))
        or size not in ("", *lexicon.SIZES)
    ):
        return None
    return Object(kind=kind, colour=colour, size=size)
