"""Which objects does a text mention? As CHAIR asks, with synonyms, plurals and repeats.

    find("Two stars, no rings and a water drop.", world_vocabulary())  ->  ["star", "drop"]

The longest name wins ("hot dog" is no dog); what is said not to be there is no mention.
"""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

Vocabulary = Mapping[str, Sequence[str]]  # the object's name -> other words for it

_NEGATIONS = {"no", "not", "without", "neither", "nor", "isn't", "aren't"}
_BETWEEN = {"a", "an", "any", "or", "nor", "other", "single", "more"}  # "no red or blue star"
COLOURS = (
    "red", "green", "blue", "yellow", "white", "brown", "purple", "black", "orange", "pink", "grey",
    "gray",
)  # fmt: skip
SIZES = {
    "small": "small", "smaller": "small", "little": "small", "tiny": "small", "shrank": "small",
    "large": "large", "larger": "large", "big": "large", "bigger": "large", "grew": "large",
}  # fmt: skip
_IRREGULAR = {
    "person": "people", "man": "men", "woman": "women", "child": "children", "mouse": "mice",
    "foot": "feet", "tooth": "teeth", "goose": "geese", "sheep": "sheep", "fish": "fish",
    "leaf": "leaves", "knife": "knives", "loaf": "loaves", "wolf": "wolves", "shelf": "shelves",
    "calf": "calves", "half": "halves",
}  # fmt: skip
_WORLD = {  # other words for the pocket world's kinds
    "ball": ("circle", "disc", "disk", "sphere", "dot"),
    "box": ("square", "cube"),
    "drop": ("droplet", "raindrop", "teardrop", "water drop"),
    "moon": ("crescent",),
    "cross": ("plus sign",),
}


@dataclass(frozen=True, slots=True)
class Named:
    """A thing as it is named: kind, and colour and size where said."""

    kind: str
    colour: str = ""
    size: str = ""

    def __str__(self) -> str:
        return " ".join(part for part in (self.size, self.colour, self.kind) if part)

    def fits(self, other: "Named", *, whole: bool = False) -> bool:
        """Whether nothing said here contradicts the other; `whole`: says all that the other says."""
        pairs = ((self.colour, other.colour), (self.size, other.size))
        return self.kind == other.kind and all(
            mine == its or ("" in (mine, its) and not (whole and its)) for mine, its in pairs
        )


def world_vocabulary() -> dict[str, tuple[str, ...]]:
    """Return the pocket world's kinds with other words for them."""
    from counterfactory.factory.world.scene import KINDS

    return {kind: _WORLD.get(kind, ()) for kind in KINDS}


def plural(word: str) -> str:
    """Return the plural of a noun; of several words the last one's."""
    head, _, last = word.rpartition(" ")
    if last in _IRREGULAR:
        last = _IRREGULAR[last]
    elif re.search(r"(?:s|x|z|ch|sh)$", last):
        last += "es"
    elif re.search(r"[^aeiou]y$", last):
        last = last[:-1] + "ies"
    else:
        last += "s"
    return f"{head} {last}".strip()


def words(text: str) -> list[str]:
    """Return the words of a text in lower case."""
    return re.findall(r"[^\W_]+(?:'[^\W_]+)?", text.lower())


def find(text: str, vocabulary: Vocabulary | None = None) -> list[str]:
    """Return the objects that a text says are there, in order, repeats included."""
    vocabulary = world_vocabulary() if vocabulary is None else vocabulary
    said = words(text)
    return [
        name for start, _, name in places(said, vocabulary) if not _denied(said, start, vocabulary)
    ]


def places(said: Sequence[str], vocabulary: Vocabulary) -> list[tuple[int, int, str]]:
    """Return (first word, word after, object) of each name in the words, denied ones too."""
    names, longest = _names(json.dumps(vocabulary, sort_keys=True))
    found, i = [], 0
    while i < len(said):
        for size in range(min(longest, len(said) - i), 0, -1):
            name = names.get(" ".join(said[i : i + size]))
            if name is not None:
                found.append((i, i + size, name))
                i += size
                break
        else:
            i += 1
    return found


def named(said: Sequence[str], vocabulary: Vocabulary) -> list[tuple[int, Named]]:
    """Return (position, thing) of each thing in the words, with its adjectives."""
    found = []
    for start, _, kind in places(said, vocabulary):
        if _denied(said, start, vocabulary):
            continue
        colour = size = ""
        for word in reversed(said[max(0, start - 3) : start]):
            if word in COLOURS and not colour:
                colour = word
            elif word in SIZES and not size:
                size = SIZES[word]
            else:
                break
        found.append((start, Named(kind, colour, size)))
    return found


@lru_cache(maxsize=64)
def _names(encoded: str) -> tuple[dict[str, str], int]:
    """Return every form of every name -> the object, and the most words in one."""
    names: dict[str, str] = {}
    for name, others in json.loads(encoded).items():
        for one in (name, *others):
            text = " ".join(words(one))
            names.setdefault(text, name)
            names.setdefault(plural(text), name)
    names.update({" ".join(words(name)): name for name in json.loads(encoded)})
    return names, max((len(text.split()) for text in names), default=0)


def _denied(said: Sequence[str], start: int, vocabulary: Vocabulary) -> bool:
    """Say whether "no", "without" or "not a" stands before a name, other names between them."""
    names = _names(json.dumps(vocabulary, sort_keys=True))[0]
    for word in reversed(said[max(0, start - 8) : start]):
        if word in _NEGATIONS:
            return True
        if word not in _BETWEEN and word not in COLOURS and word not in SIZES and word not in names:
            return False
    return False


def count(
    text: str,
    objects: Iterable[str],
    vocabulary: Vocabulary | None = None,
    colours: Mapping[str, Sequence[str]] | None = None,
    ignore: Sequence[str] = (),
) -> tuple[int, int, int, int]:
    """Return CHAIR's sums: mentions, mentions of what is not there, found, and there to be found.

    With `colours` (object -> the colours it has), a mention in another colour is not there either.
    `ignore` are names that hold the name of an object and mean none: "orange juice".
    """
    there = set(objects)
    known = dict(world_vocabulary() if vocabulary is None else vocabulary)
    known |= {name: () for name in there if name not in known}
    known |= {name: () for name in ignore if name not in known}
    said = [thing for _, thing in named(words(text), known) if thing.kind not in ignore]
    true = [
        thing.kind for thing in said
        if thing.kind in there
        and (colours is None or not thing.colour or thing.colour in colours.get(thing.kind, ()))
    ]  # fmt: skip
    return len(said), len(said) - len(true), len(set(true)), len(there)
