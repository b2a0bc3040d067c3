"""The cross-examination: explain, split into claims, ask each claim again from the image alone.

    rows = reflect(items, answers, ask)
    rows[0]  ->  {"item_id": "...", "source": "rationale", "claim": "there is a leaf",
                  "question": "Is there a leaf in the picture?", "claimed": "yes", "answered": "no",
                  "p_claimed": 0.08, "contradiction": True, "region": [0.5, 0.0, 1.0, 0.5], ...}

`ask` answers a list of `Ask` in order (the run's answerer with its cache). A question is scored by
the likelihood of its choices, so `p_claimed` says how firmly the model stands by its own claim.
Claims that it denies are asked again on overlapping crops; the region to blame is the crop in which
the claim looks truest: what is there, or seems to be, made the model say it.
"""

import io
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from counterfactory.eval.asking import Ask, Reply
from counterfactory.eval.items import Item
from counterfactory.eval.marking import mark
from counterfactory.eval.reflect.claims import Claim, claims_of
from counterfactory.selecting import THINK

Asker = Callable[[Sequence[Ask]], list[Reply]]
MOST_TOKENS = 128  # of an explanation
CROPS = tuple(  # x0, y0, x1, y1: half the side, a quarter apart
    (x / 4, y / 4, x / 4 + 0.5, y / 4 + 0.5) for y in range(3) for x in range(3)
)
DESCRIPTIONS = ("description", "judged")  # the answer itself is the text that makes claims
SKIPPED = ("refusal",)  # an answer to a request claims nothing of the image


@dataclass(frozen=True, slots=True)
class Statement:
    """One claim that an item's text made."""

    item: Item
    answer: str
    explanation: str
    source: str  # answer, rationale, conclusion
    claim: Claim


def reflect(items: Sequence[Item], answers: Sequence[str], ask: Asker) -> list[dict[str, Any]]:
    """Return one row for each claim, and one that says whether answer and conclusion agree.

    Items without exactly one image are left out: a claim would not say of which it is.
    """
    chosen = [
        (item, answer)
        for item, answer in zip(items, answers, strict=True)
        if len(item.images) == 1 and item.verifier not in SKIPPED
    ]
    explanations = _explanations(chosen, ask)
    rows: list[dict[str, Any]] = []
    statements: list[Statement] = []
    for (item, answer), text in zip(chosen, explanations, strict=True):
        source = "answer" if item.verifier in DESCRIPTIONS else "rationale"
        if source == "rationale" and (row := _conclusion(item, answer, text)):
            rows.append(row)
        statements += [Statement(item, answer, text, source, claim) for claim in claims_of(text)]
    return rows + _examined(statements, ask)


def _explanations(chosen: Sequence[tuple[Item, str]], ask: Asker) -> list[str]:
    """Return each item's text: a rationale that the model gives now, or the description it gave."""
    needed = [n for n, (item, _) in enumerate(chosen) if item.verifier not in DESCRIPTIONS]
    asks = [_explain(chosen[n][0]) for n in needed]
    told = dict(zip(needed, ask(asks), strict=True))
    return [told[n].text if n in told else answer for n, (_, answer) in enumerate(chosen)]


def _explain(item: Item) -> Ask:
    content = item.content()
    if THINK.strip() not in item.prompt:
        content = [*content[:-1], {"type": "text", "text": content[-1]["text"] + THINK}]
    return Ask(content=content, images=item.images, max_tokens=MOST_TOKENS)


def _conclusion(item: Item, answer: str, explanation: str) -> dict[str, Any] | None:
    """Return the row that holds the answer against the rationale's own conclusion."""
    said, concluded = mark(item, answer), mark(item, explanation)
    if not said.parse_ok or not concluded.parse_ok:
        return None
    same = said.parsed == concluded.parsed
    return _row(
        item, answer, explanation, source="conclusion", claim_kind="conclusion",
        claim=f"the answer is {said.parsed}", question=item.prompt, claimed=said.parsed,
        answered=concluded.parsed, p_claimed=float(same), contradiction=not same,
        claim_slices=[], region=None,
    )  # fmt: skip


def _examined(statements: Sequence[Statement], ask: Asker) -> list[dict[str, Any]]:
    """Ask every claim on the whole image, and those it denies on the crops."""
    asks = [_question(s.claim, s.item.images[0]) for s in statements]
    replies = list(zip(statements, ask(asks), strict=True))
    heard = [(s, shares(reply.logps)) for s, reply in replies if not reply.error]
    denied = [s for s, p in heard if _best(s.claim, p) != s.claim.expected]
    regions = dict(zip(map(id, denied), _blamed(denied, ask), strict=True))
    return [_claim_row(s, p, regions.get(id(s))) for s, p in heard]


def _claim_row(
    s: Statement, p: Sequence[float], region: tuple[float, ...] | None
) -> dict[str, Any]:
    answered = _best(s.claim, p)
    return _row(
        s.item, s.answer, s.explanation, source=s.source, claim_kind=s.claim.kind,
        claim=s.claim.text, question=s.claim.question, claimed=s.claim.expected,
        answered=answered, p_claimed=p[s.claim.choices.index(s.claim.expected)],
        contradiction=answered != s.claim.expected, claim_slices=list(s.claim.slices),
        region=list(region) if region else None,
    )  # fmt: skip


def _question(claim: Claim, image: bytes) -> Ask:
    content = [{"type": "image"}, {"type": "text", "text": claim.question}]
    return Ask(content=content, images=(image,), choices=claim.choices)


def shares(logps: Sequence[float]) -> list[float]:
    """Return probabilities that sum to one over the choices."""
    most = max(logps)
    weights = [math.exp(value - most) for value in logps]
    return [weight / sum(weights) for weight in weights]


def _best(claim: Claim, p: Sequence[float]) -> str:
    return claim.choices[max(range(len(p)), key=p.__getitem__)]


def _blamed(denied: Sequence[Statement], ask: Asker) -> list[tuple[float, ...] | None]:
    """Return for each denied claim the crop in which it looks truest."""
    cut: dict[bytes, list[bytes]] = {}
    for s in denied:
        image = s.item.images[0]
        if image not in cut:
            cut[image] = [crop(image, box) for box in CROPS]
    asks = [_question(s.claim, part) for s in denied for part in cut[s.item.images[0]]]
    replies = ask(asks)
    found: list[tuple[float, ...] | None] = []
    for n, s in enumerate(denied):
        mine = replies[n * len(CROPS) : (n + 1) * len(CROPS)]
        place = s.claim.choices.index(s.claim.expected)
        p = [shares(reply.logps)[place] if reply.logps else -1.0 for reply in mine]
        best = max(range(len(p)), key=p.__getitem__)
        found.append(CROPS[best] if p[best] >= 0 else None)
    return found


def crop(image: bytes, box: tuple[float, float, float, float]) -> bytes:
    """Return a part of an encoded picture as PNG; `box` is x0, y0, x1, y1 in 0..1."""
    from PIL import Image

    with Image.open(io.BytesIO(image)) as opened:
        width, height = opened.size
        left, top, right, bottom = box
        part = opened.convert("RGB").crop(
            (round(left * width), round(top * height), round(right * width), round(bottom * height))
        )
    stream = io.BytesIO()
    part.save(stream, "PNG", compress_level=1)
    return stream.getvalue()


COLUMNS = (
    "task", "item_id", "cluster_id", "slices", "prompt", "answer", "explanation", "source",
    "claim_kind", "claim", "claim_slices", "question", "claimed", "answered", "p_claimed",
    "contradiction", "region",
)  # fmt: skip


def _row(item: Item, answer: str, explanation: str, **values: Any) -> dict[str, Any]:
    row = {
        "task": item.task, "item_id": item.id, "cluster_id": item.cluster_id,
        "slices": list(item.slices), "prompt": item.prompt, "answer": answer,
        "explanation": explanation, **values,
    }  # fmt: skip
    return {name: row[name] for name in COLUMNS}
