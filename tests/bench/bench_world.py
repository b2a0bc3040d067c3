"""How fast the world makes annotated scenes, on one core.

    python tests/bench/bench_world.py
    scene, picture, caption, 6 questions: 2,741 scenes/s (wanted: 400)

The clock is this process's own CPU time, so a busy machine does not change the result much.
"""

import json
import random
import sys
import time
from collections.abc import Callable

from counterfactory.factory.sources.world import World
from counterfactory.factory.world.language import caption
from counterfactory.factory.world.questions import questions
from counterfactory.factory.world.render import render
from counterfactory.factory.world.scene import scene_at

WANTED = 400


def rate(work: Callable[[int], object], n: int = 1500, warm: int = 300) -> float:
    """Return calls per second of CPU time, after warming the caches of sprites and grounds."""
    for index in range(warm):
        work(index)
    start = time.process_time()
    for index in range(warm, warm + n):
        work(index)
    return n / (time.process_time() - start)


def whole(index: int, distribution: str = "biased") -> int:
    """Make one scene with everything; return the number of questions."""
    scene = scene_at(distribution, "train", 0, index)
    rng = random.Random(index)
    render(scene)
    caption(scene, rng)
    return len(questions(scene, rng, n=6))


def main() -> int:
    """Print the rates; exit 1 when below the target."""
    source = World(n=10**6).open(None, 0)  # type: ignore[arg-type]
    twins = World(n=10**6, questions=0, requests=True).open(None, 0)  # type: ignore[arg-type]
    rates = {
        "scene, picture, caption, 6 questions": rate(whole),
        "the same, shifted": rate(lambda index: whole(index, "shifted")),
        "scene graph alone": rate(lambda index: scene_at("biased", "train", 0, index)),
        "samples of the source": rate(source.load),
        "samples with twins": rate(twins.load, n=300, warm=60),
    }
    if "--json" in sys.argv:
        print(json.dumps({name: round(value, 1) for name, value in rates.items()}))
    else:
        for name, value in rates.items():
            print(f"{name}: {value:,.0f} a second (wanted: {WANTED})")
    return int(rates["scene, picture, caption, 6 questions"] < WANTED)


if __name__ == "__main__":
    sys.exit(main())
