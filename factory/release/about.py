"""What a card says of a release beyond its numbers: its bias, the methods behind it, how to cite it.

bias(facts)         ->  ["Scenes are drawn from a biased distribution: usual colours ...", ...]
methods_of(facts)   ->  ["img-diff", "clip"]          names of `cards.methods`
"""

import re
from collections.abc import Iterator

from counterfactory.cards.methods import OF_ROLES
from counterfactory.factory.release.facts import Facts

_BIASED = (
    "The pictures are drawn from a biased distribution on purpose: things mostly have their usual "
    "colour, their usual companions and their usual places. What is learnt from the originals alone "
    "is that bias; a counterfactual, or a question about an exception, works against it."
)
_WORLD = (
    "The pictures show a small drawn world of plain things in a few colours and sizes, with texts in "
    "English. What holds there need not hold for photographs."
)
_FOUND = (
    "The pictures carry the bias of their source: who and what was photographed or collected, where, "
    "and how it was described. Nothing here evens that out."
)
_FOCUSED = "Some kinds of rows were made more often than others, on purpose; the recipe's `focus` says which."


def bias(facts: Facts) -> list[str]:
    """Return what is known of the bias of the pictures and of what was made of them."""
    return list(_bias(facts))


def _bias(facts: Facts) -> Iterator[str]:
    kinds = {str(source.get("kind", "")) for source in facts.sources}
    if "world" in kinds:
        yield _WORLD
    if any(source.get("distribution") == "biased" for source in facts.sources):
        yield _BIASED
    if kinds - {"world"}:
        yield _FOUND
    if facts.recipe.get("focus"):
        yield _FOCUSED


def methods_of(facts: Facts) -> list[str]:
    """Return the names of the methods that the recipe's ops and models stand on."""
    ops = {str(op.get("op", "")) for op in facts.recipe.get("ops", ())}
    found = [OF_ROLES[model.role] for model in facts.models if model.role in OF_ROLES]
    if "diff" in ops or "img-diff" in facts.tags:
        found.append("img-diff")
    if facts.harmful_text or "safety" in facts.tags:
        found.append("spa-vl")
    return found


def citation(facts: Facts, title: str) -> str:
    """Return the BibTeX entry of the release itself; words that are data lose all markup."""
    key = re.sub(r"[^a-z0-9]+", "", facts.name.lower()) or "release"
    words = re.sub(r"[^\w .,:;()/-]+", " ", title)
    return (
        f"@misc{{{key},\n"
        f"  title = {{{' '.join(words.split())}}},\n"
        f"  howpublished = {{{facts.address}}},\n"
        f"  version = {{{facts.version}}},\n"
        f"  year = {{{facts.created[:4]}}},\n"
        "  note = {Made with Counterfactory}\n"
        "}"
    )
