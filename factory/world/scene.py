"""What is in a scene, and how often: the graph of things, three distributions, five splits.

    >>> scene = scene_at("biased", "train", seed=0, index=17)
    >>> scene == scene_at("biased", "train", seed=0, index=17)
    True

`biased` is the world at large: usual colours (95 %), companions (90 %), habits of place (90 %), up
to four things on plain ground. `balanced` has none of these; `shifted` adds texture, more things
and only unusual colours. A scene's split follows from its fingerprint, so two splits never share
one.
"""

import hashlib
import random
from dataclasses import dataclass, replace

SIDE = 128  # pixels
USUAL = {
    "sun": "yellow",
    "leaf": "green",
    "heart": "red",
    "drop": "blue",
    "moon": "white",
    "brick": "brown",
}
PLAIN = ("ball", "box", "triangle", "star", "cross", "ring")
KINDS = (*USUAL, *PLAIN)
COLOURS = ("red", "green", "blue", "yellow", "white", "brown", "purple")
SIZES = {"small": 24, "large": 38}  # side of the bounding square, pixels
GROUNDS = ("grey", "sky", "sand", "slate", "rose", "mint")
TEXTURES = ("plain", "stripes", "checks", "dots", "gradient", "noise")
GAP = 9  # pixels that stay free between two bounding squares
EDGE = 4  # pixels that stay free at the border

# seen together in 90 % of biased scenes
COMPANIONS = {"sun": "leaf", "moon": "star", "brick": "box"}
HABITS = {("sun", "leaf"): "above", ("moon", "star"): "above", ("brick", "box"): "left of"}
DISTRIBUTIONS = ("biased", "balanced", "shifted")
SPLITS = {
    "train": (0, 70),
    "check": (70, 76),
    "mine": (76, 84),
    "gate": (84, 92),
    "final": (92, 100),
}
CLEAR = 14  # pixels by which two centres must differ before one is left of, or above, the other
NEAR, FAR = 52, 76  # centre distances, pixels
RELATIONS = ("left of", "right of", "above", "below", "near", "far from")


@dataclass(frozen=True, slots=True)
class Thing:
    """One object: what it is and the pixel its centre stands on."""

    kind: str
    colour: str
    size: str
    x: int
    y: int

    @property
    def half(self) -> float:
        """Half the side of the bounding square, pixels."""
        return SIZES[self.size] / 2

    @property
    def square(self) -> tuple[int, int, int, int]:
        """The bounding square x0, y0, x1, y1 in pixels, ends excluded."""
        half = SIZES[self.size] // 2
        return self.x - half, self.y - half, self.x + half, self.y + half

    @property
    def usual(self) -> bool | None:
        """Whether the colour is the usual one; None for kinds that have none."""
        return self.colour == USUAL[self.kind] if self.kind in USUAL else None


@dataclass(frozen=True, slots=True)
class Scene:
    """Things on a ground. The order of things is the order of drawing; they never overlap."""

    things: tuple[Thing, ...]
    ground: str = "grey"
    texture: str = "plain"
    texture_seed: int = 0

    @property
    def fingerprint(self) -> str:
        """The scene's identity: 32 hex digits, the same in whatever order things are listed."""
        things = sorted(f"{t.kind},{t.colour},{t.size},{t.x},{t.y}" for t in self.things)
        text = f"{self.ground};{self.texture};{self.texture_seed};" + ";".join(things)
        return hashlib.sha256(text.encode()).hexdigest()[:32]


def split_of(scene: Scene) -> str:
    """Return the one split that may hold this scene."""
    bucket = int(scene.fingerprint[:8], 16) % 100
    return next(name for name, (low, high) in SPLITS.items() if low <= bucket < high)


def holds(relation: str, one: Thing, other: Thing) -> bool:
    """Whether `one` stands in this relation to `other`: image axes, centre to centre."""
    dx, dy = one.x - other.x, one.y - other.y
    if relation in ("near", "far from"):
        distance = (dx * dx + dy * dy) ** 0.5
        return bool(distance <= NEAR if relation == "near" else distance >= FAR)
    return bool({"left of": -dx, "right of": dx, "above": -dy, "below": dy}[relation] >= CLEAR)


def scene_at(distribution: str, split: str, seed: int, index: int) -> Scene:
    """Return scene number `index` of an endless, random-access list."""
    rng = random.Random(f"{distribution}/{split}/{seed}/{index}")
    low, high = SPLITS[split]
    while True:
        scene = SAMPLERS[distribution](rng)
        if low <= int(scene.fingerprint[:8], 16) % 100 < high:
            return scene


def free_place(
    rng: random.Random, taken: list[tuple[int, int, int]], size: str, tries: int = 40
) -> tuple[int, int] | None:
    """Return a centre where a thing of this size touches nothing, or None.

    `taken`: (x, y, side).
    """
    side = SIZES[size]
    low, high = EDGE + side // 2, SIDE - EDGE - side // 2
    for _ in range(tries):
        x, y = rng.randint(low, high), rng.randint(low, high)
        if all(max(abs(x - a), abs(y - b)) >= (side + s) // 2 + GAP for a, b, s in taken):
            return x, y
    return None


def _place(rng: random.Random, wanted: list[tuple[str, str, str]]) -> list[Thing]:
    """Put (kind, colour, size) somewhere free each; those that find no place are left out."""
    things: list[Thing] = []
    taken: list[tuple[int, int, int]] = []
    for kind, colour, size in wanted:
        if place := free_place(rng, taken, size):
            things.append(Thing(kind, colour, size, *place))
            taken.append((*place, SIZES[size]))
    return things


def _size(rng: random.Random) -> str:
    return "small" if rng.random() < 0.5 else "large"


def _biased_colour(rng: random.Random, kind: str) -> str:
    usual = USUAL.get(kind)
    if usual and rng.random() < 0.95:
        return usual
    return rng.choice([colour for colour in COLOURS if colour != usual])


def _kinds(rng: random.Random, count: int, repeat: float = 0.25) -> list[str]:
    """Draw kinds; with probability `repeat` a thing repeats a kind that is already there."""
    kinds = [rng.choice(KINDS)]
    while len(kinds) < count:
        kinds.append(rng.choice(kinds if rng.random() < repeat else KINDS))
    return kinds


def _swap_places(things: list[Thing], one: int, other: int) -> None:
    """Exchange the places of two things of the same size class in the list."""
    a, b = things[one], things[other]
    things[one], things[other] = replace(a, x=b.x, y=b.y), replace(b, x=a.x, y=a.y)


def _add_companions(rng: random.Random, kinds: list[str]) -> set[str]:
    """Give kinds their companions in 90 % of cases, in place; return the companions that must be there."""
    wanted = set()
    for kind, companion in COMPANIONS.items():
        if kind not in kinds or rng.random() >= 0.9:
            continue
        wanted.add(companion)
        if companion in kinds:
            continue
        if len(kinds) < 4:
            kinds.append(companion)
        else:  # take the place of a thing that is not the pair's own
            spare = [i for i, k in enumerate(kinds) if k != kind]
            kinds[rng.choice(spare or [3])] = companion
    return wanted


def _biased(rng: random.Random) -> Scene:
    while True:  # until the companions have found a place
        kinds = _kinds(rng, rng.choices((1, 2, 3, 4), (15, 30, 30, 25))[0])
        wanted = _add_companions(rng, kinds)
        things = _habitual(rng, kinds)
        if wanted <= {thing.kind for thing in things}:
            return Scene(tuple(things), ground=rng.choice(GROUNDS))


def _habitual(rng: random.Random, kinds: list[str]) -> list[Thing]:
    """Place things of these kinds with their usual colours and their habits of place."""
    sizes = {kind: _size(rng) for kind in kinds}
    for one, other in HABITS:  # a pair with a habit has one size, so that places can be exchanged
        if one in sizes and other in sizes:
            sizes[other] = sizes[one]
    habit_kinds = {kind for pair in HABITS for kind in pair}
    things = _place(
        rng,
        [(k, _biased_colour(rng, k), sizes[k] if k in habit_kinds else _size(rng)) for k in kinds],
    )
    for (one, other), relation in HABITS.items():
        i = next((n for n, t in enumerate(things) if t.kind == one), None)
        j = next((n for n, t in enumerate(things) if t.kind == other), None)
        if (
            i is not None
            and j is not None
            and holds(relation, things[j], things[i])
            and rng.random() < 0.9
        ):
            _swap_places(things, i, j)
    return things


def _balanced(rng: random.Random) -> Scene:
    kinds = _kinds(rng, rng.randint(1, 4))
    things = _place(rng, [(kind, rng.choice(COLOURS), _size(rng)) for kind in kinds])
    return Scene(tuple(things), ground=rng.choice(GROUNDS))


def _shifted(rng: random.Random) -> Scene:
    kinds = _kinds(rng, rng.randint(3, 6))
    wanted = [
        (
            kind,
            rng.choice([c for c in COLOURS if c != USUAL.get(kind)]),
            "small" if rng.random() < 0.65 else "large",
        )
        for kind in kinds
    ]
    texture = rng.choice(TEXTURES[1:])
    return Scene(tuple(_place(rng, wanted)), rng.choice(GROUNDS), texture, rng.randrange(1000))


SAMPLERS = {"biased": _biased, "balanced": _balanced, "shifted": _shifted}
