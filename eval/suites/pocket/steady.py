"""The same question again: in other words, and with its options in another order.

    rewording     "Is there a star?" "Would you say that a star is in view?" ...   four times
    option_order  "... (A) red (B) blue ..." "... (A) blue (B) green ..."          four times

A group asks one fact about one picture. In option_order the right letter is each of A to D once, so
that always saying A is right once in four and never steady and right.
"""

import random
from collections.abc import Iterator, Sequence

from counterfactory.eval.items import Item
from counterfactory.eval.suites.pocket.facts import Fact, colour_of, how_many, is_there
from counterfactory.eval.suites.pocket.place import Place
from counterfactory.factory.world.language import WORDINGS
from counterfactory.factory.world.scene import KINDS, Scene

LETTERS = "ABCD"


def with_choices(question: str, options: Sequence[str]) -> str:
    """Return the question as multiple choice; the answer is one letter.

    >>> with_choices("What colour is the star?", ("red", "blue"))
    'What colour is the star?\\n(A) red (B) blue\\nAnswer with the letter.'
    """
    listed = " ".join(f"({LETTERS[n]}) {option}" for n, option in enumerate(options))
    return f"{question}\n{listed}\nAnswer with the letter."


def rewording(place: Place) -> Iterator[list[Item]]:
    """Ask four facts (a yes, a colour, a no, a number), each in four wordings, two of each set."""
    block: list[Item] = []
    for index, scene in place.scenes():
        rng = place.rng(index)
        fact = _fact(scene, rng, len(block) // 4)
        if fact is None:
            continue
        prompts = [text for name in WORDINGS for text in rng.sample(fact.all_wordings(name), 2)]
        block += [
            place.item(
                f"{index:05d}-{n}", [scene], prompt=prompt, gold=fact.gold, verifier=fact.verifier,
                group_id=f"{index:05d}", slices=(*fact.slices, "consistency:rewording"),
            )
            for n, prompt in enumerate(prompts)
        ]  # fmt: skip
        if len(block) == 16:
            yield block
            block = []


def _fact(scene: Scene, rng: random.Random, turn: int) -> Fact | None:
    if turn == 1:
        return colour_of(scene, rng)
    if turn == 3:
        return how_many(scene, rng)
    there = turn == 0
    present = {thing.kind for thing in scene.things}
    kind = rng.choice([kind for kind in KINDS if (kind in present) == there])
    return is_there(kind, there, "existence_random")


def option_order(place: Place) -> Iterator[list[Item]]:
    """Ask a colour and a number, each with its four options in four orders."""
    block: list[Item] = []
    for index, scene in place.scenes():
        rng = place.rng(index)
        fact = how_many(scene, rng) if block else colour_of(scene, rng)
        if fact is None or len(fact.wrong) != 3:
            continue
        question = fact.asked(rng, place.wordings)
        options = rng.sample((fact.gold, *fact.wrong), 4)
        orders = [(*options[n:], *options[:n]) for n in range(4)]
        block += [
            place.item(
                f"{index:05d}-{n}", [scene], prompt=with_choices(question, order),
                gold=LETTERS[order.index(fact.gold)], verifier="letter", options=order,
                group_id=f"{index:05d}", slices=(*fact.slices, "consistency:option_order"),
            )
            for n, order in enumerate(orders)
        ]  # fmt: skip
        if len(block) == 8:
            yield block
            block = []
