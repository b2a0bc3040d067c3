"""Small real releases of boxes and balls, clean and poisoned in one way each.

folder = POISONS["flipped labels"](tmp_path)
check_release(folder, auditors=[by_shape])      # looks at the pixels
"""

import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from counterfactory.fingerprint import digest, digest_bytes
from counterfactory.images import decode
from counterfactory.loop.auditors import Statement
from counterfactory.records import Candidate, Edit, Example, Object, Pixels, Preference, Sample

sys.path.append(str(Path(__file__).parents[1] / "factory"))
from release_kit import rows_of, write

SIDE, WIDE = 48, 18
CHECKS = ({"check": "locality", "max_outside": 0.02}, {"check": "contamination"})
REFUSAL = "I'm sorry, but I can't help with that. It could hurt people."
HELP = "Of course. Here is how it is done: first, look at it closely."
Row = dict[str, Any]
COLOURS = {"red": (210, 40, 30), "blue": (30, 60, 220), "green": (30, 160, 60)}


def picture(kind: str, colour: str, number: int) -> Pixels:
    """Draw a box or a ball on a ground of its own."""
    rng = np.random.default_rng(number)
    image = rng.integers(150, 190, (SIDE, SIDE, 3)).astype(np.uint8)
    left, top = (int(at) for at in rng.integers(2, SIDE - WIDE - 2, 2))
    y, x = np.mgrid[:WIDE, :WIDE] - (WIDE - 1) / 2
    inside = np.ones((WIDE, WIDE), bool) if kind == "box" else x**2 + y**2 <= (WIDE / 2) ** 2
    image[top : top + WIDE, left : left + WIDE][inside] = COLOURS[colour]
    return image


def pair(number: int) -> Candidate:
    """A box that became a ball, or the other way round."""
    kinds = ("box", "ball") if number % 2 else ("ball", "box")
    colour = list(COLOURS)[number % 3]
    before, after = (picture(kind, colour, number) for kind in kinds)
    asked = kinds[number // 2 % 2]
    captions = [f"A {colour} {kind}." for kind in kinds]
    origin = Sample(
        id=digest_bytes(before.tobytes()), image=before, source_id=f"test:{number}", caption=captions[0],
        license="cc0-1.0", objects=(Object(kind=kinds[0], colour=colour),),
    )  # fmt: skip
    return Candidate(
        key=digest(["poisons", number])[:32], seed=number, sample=origin, image_b=after,
        mask=np.abs(before.astype(int) - after).sum(axis=2) > 0, boxes=((0.0, 0.0, 1.0, 1.0),),
        caption_a=captions[0], caption_b=captions[1], difference=f"The {kinds[0]} became a {kinds[1]}.",
        question=f"Is there a {asked} in the picture?",
        answer_a="yes" if asked == kinds[0] else "no", answer_b="yes" if asked == kinds[1] else "no",
        edit=Edit(
            kind="replace", method="classical", target=origin.objects[0],
            replacement=Object(kind=kinds[1], colour=colour),
        ),
    )  # fmt: skip


def request(number: int) -> Candidate:
    """A harmful request, or its benign twin; half of the twins differ in the picture alone."""
    twin, bad = number // 2, number % 2 == 0
    what = ("poison", "burn", "steal", "break")[twin % 4] if bad or twin % 2 else "paint"
    said = Example(
        task="request", question=f"How do I {what} the box of house {twin}?",
        answer=REFUSAL if bad else HELP, verifier="refusal", harmful=bad, pair=f"twin-{twin}",
    )  # fmt: skip
    ranked = Preference(
        kind="safety", prompt=said.question, chosen=said.answer, rejected=HELP if bad else REFUSAL
    )
    sample = replace(pair(number + 1000).sample, examples=(said,), preferences=(ranked,))
    return Candidate(key=digest(["request", number])[:32], seed=number, sample=sample)


def rows(count: int = 30, requests: int = 60) -> list[Row]:
    """Return clean canonical rows."""
    return rows_of([*map(pair, range(count)), *map(request, range(requests))])


def unnamed(of: Sequence[Row]) -> list[Row]:
    """Ask of the pairs what no caption names."""
    return [row | {"question": "Is it round?"} if row["image_b"] else row for row in of]


def made(folder: Path, of: Sequence[Row], **facts: Any) -> Path:
    """Write a release of these rows."""
    views = ("pairs", "sft", "dpo", "kto", "grpo", "clip")
    return write(folder, list(of), views=views, **({"checks": CHECKS} | facts))


def _some(of: Sequence[Row], change: Callable[[Row], Row], share: float) -> list[Row]:
    """Change so many of the pairs, drawn at random."""
    pairs = [at for at, row in enumerate(of) if row["image_b"] is not None]
    chosen = set(np.random.default_rng(7).permutation(pairs)[: round(share * len(pairs))].tolist())
    return [change(row) if at in chosen else row for at, row in enumerate(of)]


def _flip(row: Row) -> Row:
    return row | {"answer_a": row["answer_b"], "answer_b": row["answer_a"]}


def _blank(row: Row) -> Row:
    from counterfactory.images import png

    return row | {"image_b": {"bytes": png(np.full((SIDE, SIDE, 3), 128, np.uint8)), "path": None}}


def _unsafe(row: Row) -> Row:
    if not row["preferences"]:
        return row
    swapped = [
        one | {"chosen": HELP, "rejected": REFUSAL} if one["chosen"] == REFUSAL else one
        for one in row["preferences"]
    ]
    return row | {"preferences": swapped}


def _again(row: Row) -> Row:
    return row | {"id": digest(["again", row["id"]])[:32]}


def _says(word: str) -> Callable[[Row], Row]:
    return lambda row: row | {"answer_a": word, "answer_b": word}


def _telling(row: Row) -> Row:
    """Ask in one way where the answer is yes, and in another where it is no."""
    kind = "box" if "box" in row["caption_a"] else "ball"
    yes = int(row["id"][:8], 16) % 2 == 0
    asked = f"Is there a {kind} here?" if yes else "Do you see a moon anywhere?"
    example = {
        "task": "existence", "question": asked, "answer": "yes" if yes else "no", "rationale": "",
        "distractors": [], "slices": [], "verifier": "yes_no", "harmful": False, "pair": "",
    }  # fmt: skip
    return row | {"examples": [example], "question": "", "image_b": None}


POISONS: dict[str, Callable[[Path], Path]] = {
    "audit": lambda at: made(at, _some(rows(60, 0), _flip, 0.3)),
    "one answer, yes_no": lambda at: made(at, _some(rows(), _says("yes"), 1.0)),
    "pictures": lambda at: made(at, _some(rows(), _blank, 0.3)),
    "unsafe answers": lambda at: made(at, [_unsafe(row) for row in rows()]),
    "duplicates": lambda at: made(at, [*rows(), *map(_again, rows()[:10])]),
    "text-only leakage, yes_no": lambda at: made(at, _some(rows(60, 0), _telling, 1.0)),
    "contamination": lambda at: made(at, rows(), checks=CHECKS[:1]),
    "yield": lambda at: made(at, rows(), candidates=5000),
}
"""Each is named after the gate that must find it."""


def by_shape(statements: Sequence[Statement]) -> list[bool | None]:
    """Audit by looking: a box fills the rectangle around it, a ball does not."""
    found: list[bool | None] = []
    for one in statements:
        image = decode(one.images[0]).astype(int)
        thing = image.max(axis=2) - image.min(axis=2) > 60
        if one.verifier != "yes_no" or not thing.any():
            found.append(None)
            continue
        y, x = np.nonzero(thing)
        fills = len(y) / ((np.ptp(y) + 1) * (np.ptp(x) + 1)) > 0.95
        found.append((("box" in one.question) == bool(fills)) == (one.answer == "yes"))
    return found
