"""One answer out of several: votes are counted once parsed, seeds are the item's own."""

from collections.abc import Sequence

import pytest
from tests.eval.toy_suite import toy_suite

from counterfactory.errors import UserError
from counterfactory.eval.asking import Ask, Reply
from counterfactory.eval.items import Item
from counterfactory.eval.select import choose, selection, winner

ITEMS = [next(toy_suite().task(name).items("gate")) for name in ("yes", "number")]


def scripted(*texts: str) -> tuple[list[Ask], object]:
    asked: list[Ask] = []

    def ask(asks: Sequence[Ask]) -> list[Reply]:
        start = len(asked)
        asked.extend(asks)
        said = [texts[(start + n) % len(texts)] for n in range(len(asks))]
        return [Reply(text=text, tokens=2, seconds=0.5) for text in said]

    return asked, ask


def item(verifier: str, **more: object) -> Item:
    return Item(id="1", task="t", cluster_id="c", prompt="?", gold="x", verifier=verifier, **more)  # type: ignore[arg-type]


def test_greedy_asks_once_without_temperature() -> None:
    asked, ask = scripted("no")
    chosen = choose(selection("greedy"), ITEMS, ask)  # type: ignore[arg-type]
    assert len(asked) == 2 and not any(one.temperature for one in asked)
    assert [one.raw for one in chosen] == ["no", "no"] and chosen[0].votes == ()


def test_a_vote_counts_values_and_not_spellings() -> None:
    yes = item("yes_no")
    assert winner(yes, ["no", "Yes, there is.", "yes"]) == "Yes, there is."
    assert winner(yes, ["hm", "perhaps", "No."]) == "No."
    assert winner(item("number"), ["three", "2", "3"]) == "three"
    letters = item("letter", options=("red", "blue"))
    assert winner(letters, ["(A)", "B) blue", "blue"]) == "B) blue"


def test_a_tie_goes_to_what_was_said_first_and_nothing_parsed_stays_unparsed() -> None:
    assert winner(item("yes_no"), ["no", "yes"]) == "no"
    assert winner(item("yes_no"), ["well ...", "who knows"]) == "well ..."


def test_samples_have_seeds_of_their_own_that_do_not_depend_on_the_company() -> None:
    asked, ask = scripted("yes")
    choose(selection("vote:4"), ITEMS, ask)  # type: ignore[arg-type]
    seeds = [one.seed for one in asked]
    assert len(set(seeds)) == 8 and all(one.temperature == 0.7 for one in asked)
    alone, ask = scripted("yes")
    choose(selection("vote:4"), ITEMS[1:], ask)  # type: ignore[arg-type]
    assert [one.seed for one in alone] == seeds[4:]
    other, ask = scripted("yes")
    choose(selection("vote:4", seed=1), ITEMS, ask)  # type: ignore[arg-type]
    assert not set(seeds) & {one.seed for one in other}


def test_self_selection_shows_the_samples_and_takes_the_last_word() -> None:
    asked, ask = scripted("2", "1 + 1\n= 2", "3", "two")
    chosen = choose(selection("self-select:3"), ITEMS[1:], ask)  # type: ignore[arg-type]
    assert len(asked) == 4 and asked[3].temperature == 0.0 and asked[3].images == ITEMS[1].images
    text = asked[3].content[-1]["text"]
    assert ITEMS[1].prompt in text and "Answer 2: 1 + 1 = 2" in text and "Answer 3: 3" in text
    assert chosen[0].raw == "two" and chosen[0].votes == ("2", "1 + 1\n= 2", "3")
    assert chosen[0].tokens == 8 and chosen[0].seconds == 2.0


def test_an_error_among_the_samples_is_an_error() -> None:
    def ask(asks: Sequence[Ask]) -> list[Reply]:
        return [Reply(error="gone") if n == 1 else Reply(text="yes") for n in range(len(asks))]

    assert choose(selection("vote:3"), ITEMS[:1], ask)[0].error == "gone"


@pytest.mark.parametrize("text", ["vote", "vote:1", "vote:x", "best:3", "", "self-select:0"])
def test_other_words_are_refused_with_what_would_be_right(text: str) -> None:
    with pytest.raises(UserError, match="expected one of greedy, vote:N, self-select:N"):
        selection(text)
