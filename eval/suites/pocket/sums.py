"""Counting, and counting with one or two steps, reasoned aloud.

count           "How many red things are there?"  ->  "2"
arithmetic_two  "Remove all stars, then add two balls. How many things are there then?
                 Think step by step, then give the answer as "Answer: X"."  ->  "4"
"""

from collections.abc import Iterator

from counterfactory.eval.items import Item
from counterfactory.eval.suites.pocket.place import REASONED, SHORT, Place
from counterfactory.factory.world.questions import ask
from counterfactory.selecting import THINK


def count(place: Place) -> Iterator[list[Item]]:
    """Ask how many things belong to a group."""
    return _numbers(place, "count")


def arithmetic_one(place: Place) -> Iterator[list[Item]]:
    """Ask for one step."""
    return _numbers(place, "arithmetic_one", THINK, REASONED)


def arithmetic_two(place: Place) -> Iterator[list[Item]]:
    """Ask for two steps."""
    return _numbers(place, "arithmetic_two", THINK, REASONED)


def _numbers(
    place: Place, task: str, suffix: str = "", max_tokens: int = SHORT
) -> Iterator[list[Item]]:
    for index, scene in place.scenes():
        for example in ask(task, scene, place.rng(index), place.wordings):
            yield [
                place.item(
                    f"{index:05d}", [scene], prompt=example.question + suffix, gold=example.answer,
                    verifier="number", slices=example.slices, max_tokens=max_tokens,
                )
            ]  # fmt: skip
