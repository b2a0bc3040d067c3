"""The wordings of `caption_region`, by edit kind. What stands in braces was measured.

{colour} {place} {point}                       the area in the original
{new}  {new_place} {new_point}  {new_size}     what is otherwise in the counterfactual
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Words:
    """Templates for one kind of edit."""

    task: str
    captions: tuple[str, str]  # of the original and of the counterfactual, where none is given
    change: str  # goes behind a given caption, after "but"
    differences: tuple[str, ...]
    questions: tuple[str, ...]
    answers: tuple[str, str]


_YES_NO = ("yes", "no")

WORDS = {
    "recolour": Words(
        task="attribute",
        captions=(
            "A photograph in which the area {place} is mostly {colour}.",
            "A photograph in which the area {place} is mostly {new}.",
        ),
        change="the {colour} area {place} is now {new}",
        differences=(
            "The {colour} area {place} has become {new}.",
            "What is mostly {colour} {place} of the first image is mostly {new} in the second.",
            "The area {place} changed its colour from {colour} to {new}.",
            "In the second image the area {place} is {new} instead of {colour}.",
            "Between the two images, the {colour} area {place} was recoloured to {new}.",
        ),
        questions=(
            "Is the area {place} ({point}) mostly {colour} or mostly {new}?",
            "Which colour does the area {place} ({point}) have, {new} or {colour}?",
            "Look {place}, at {point}: is the area there {colour} or {new}?",
            "What is the main colour of the area at {point}: {new} or {colour}?",
            "At {point}, is the image mostly {colour} or mostly {new}?",
        ),
        answers=("{colour}", "{new}"),
    ),
    "remove": Words(
        task="existence",
        captions=(
            "A photograph with a distinct {colour} area {place}.",
            "A photograph without the distinct {colour} area {place}.",
        ),
        change="the {colour} area {place} is gone",
        differences=(
            "The {colour} area {place} is gone.",
            "The second image lacks the {colour} area {place}; its surroundings take its place.",
            "{A_colour} area that stands out {place} of the first image is missing in the second.",
            "The {colour} area {place} was removed and painted over.",
            "Where the first image has {a_colour} area {place}, the second shows only what was around it.",
        ),
        questions=(
            "Does a distinct {colour} area stand out {place} ({point})?",
            "Is there {a_colour} area that stands out from its surroundings at {point}?",
            "Look {place}, at {point}: is a separate {colour} area visible there?",
            "Can a distinct {colour} area be seen at {point}?",
            "Does the image show {a_colour} area {place} ({point}) that differs from what is around it?",
        ),
        answers=_YES_NO,
    ),
    "move": Words(
        task="relation",
        captions=(
            "A photograph with a distinct {colour} area {place}.",
            "A photograph with a distinct {colour} area {new_place} and none {place}.",
        ),
        change="the {colour} area {place} has moved; it is {new_place} now",
        differences=(
            "The {colour} area {place} is now {new_place}.",
            "{A_colour} area moved: it was {place} and is {new_place} in the second image.",
            "In the second image the {colour} area stands {new_place} instead of {place}.",
            "The {colour} area that the first image has {place} is found {new_place} in the second.",
            "Between the two images, the {colour} area went from {point} to {new_point}.",
        ),
        questions=(
            "Where does a distinct {colour} area stand out, at {point} or at {new_point}?",
            "Which of two places shows {a_colour} area: {place} ({point}) or {new_place} ({new_point})?",
            "Is the {colour} area at {new_point} or at {point}?",
            "One of these places holds {a_colour} area: {point}; {new_point}. Which one?",
            "At which place is there {a_colour} area, {new_place} ({new_point}) or {place} ({point})?",
        ),
        answers=("{place}, at {point}", "{new_place}, at {new_point}"),
    ),
    "add": Words(
        task="existence",
        captions=(
            "A photograph with a distinct {colour} area {place}.",
            "A photograph with two alike {colour} areas, one {place} and one {new_place}.",
        ),
        change="a second {colour} area like the one {place} is {new_place}",
        differences=(
            "A second {colour} area, like the one {place}, has appeared {new_place}.",
            "The {colour} area {place} has a copy {new_place} in the second image.",
            "In the second image the {colour} area is there twice: {place} and {new_place}.",
            "A copy of the {colour} area {place} was added {new_place}.",
            "The second image shows one more {colour} area, {new_place}.",
        ),
        questions=(
            "Is there {a_colour} area at {new_point}?",
            "Does a distinct {colour} area stand out {new_place} ({new_point})?",
            "Look {new_place}, at {new_point}: is {a_colour} area visible there?",
            "Can {a_colour} area be seen at {new_point}?",
            "Besides the one {place}, is there such {a_colour} area at {new_point}?",
        ),
        answers=("no", "yes"),
    ),
    "resize": Words(
        task="attribute",
        captions=(
            "A photograph with {a_colour} area {place} that is {size} of the width across.",
            "A photograph with {a_colour} area {place} that is {new_size} of the width across.",
        ),
        change="the {colour} area {place} is {change}",
        differences=(
            "The {colour} area {place} is {change}.",
            "In the second image the {colour} area {place} has become {change}.",
            "The {colour} area {place} was {size} of the width across and is {new_size} now.",
            "The {colour} area {place} changed its size: it is {change} in the second image.",
            "The second image shows the {colour} area {place} {change} than the first.",
        ),
        questions=(
            "How wide is the {colour} area {place} ({point}), about {size} or about {new_size} of the image?",
            "Is the {colour} area {place} about {new_size} or about {size} of the width across?",
            "Which share of the width does the {colour} area at {point} take, {size} or {new_size}?",
            "About how wide is the {colour} area {place}: {new_size} or {size} of the image's width?",
            "Does the {colour} area at {point} span about {size} or about {new_size} of the width?",
        ),
        answers=("{size}", "{new_size}"),
    ),
}
