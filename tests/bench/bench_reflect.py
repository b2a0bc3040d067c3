"""How long reflection takes to sample: wanted, 1,000 questions three times in under 3 minutes on 2 cores.

    python tests/bench/bench_reflect.py                        # the pocket model
    python tests/bench/bench_reflect.py --questions 64 --model runs/reflect

Questions are those of the recipe world-math; the marking is part of the time. The CPU seconds are
printed too: they change little on a busy machine.
"""

import argparse
import sys
import tempfile
import time
from pathlib import Path

from counterfactory.eval.crew import Crew
from counterfactory.factory.recipe import checked
from counterfactory.factory.run.build import build
from counterfactory.training.data import load_view
from counterfactory.training.outfit import load_outfit
from counterfactory.training.reflect import Settings
from counterfactory.training.reflect_pool import Pool, questions_of

WANTED = 180.0  # seconds for 1,000 questions


def main() -> int:
    """Measure, print, and fail when the goal is missed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default="pocket")
    parser.add_argument("--questions", type=int, default=1000)
    parser.add_argument("--batch", type=int, default=Settings().sample_batch)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        count = args.questions // 2 + 8  # three questions a scene, of which some are left out
        build(checked("world-math", [f"source.n={count}"]), folder / "data", workers=1)
        rows = load_view([str(folder / "data")], "grpo")
        settings = Settings(questions=args.questions, sample_batch=args.batch)
        questions = questions_of(rows, settings)
        outfit = load_outfit(args.model)
        pool = Pool(folder / "replies", settings)
        start, busy = time.perf_counter(), time.process_time()
        pool.ask(1, outfit, rows, questions, Crew())
        pool.read(1, questions)
        seconds, cpu = time.perf_counter() - start, time.process_time() - busy
    samples = [one for question in questions for one in question.samples]
    length = sum(len(one.text) for one in samples) / len(samples)
    right = sum(one.right for one in samples) / len(samples)
    thousand = seconds * 1000 / len(questions)
    sys.stdout.write(
        f"{len(questions)} questions x {settings.samples}: {seconds:.1f} s, CPU {cpu:.1f} s; "
        f"{length:.0f} characters a reply, {right:.1%} right; 1,000 questions: {thousand:.0f} s "
        f"(wanted {WANTED:.0f})\n"
    )
    return 0 if thousand <= WANTED else 1


if __name__ == "__main__":
    sys.exit(main())
