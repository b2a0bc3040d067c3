"""Kill `hub serve` with SIGKILL at random points while two clients write, start it again, check every promise.

    python tests/bench/kill_points_hub.py 200 [--seed 0]

One folder lives through all points. Each point: the command is started, two clients commit, tag, open and merge pull
requests without a pause, the server is killed after a random time; at the next start, what was acknowledged must be
there, of each request under way all or nothing, and every digest on the disk is recomputed. Prints one line a point and
a summary as JSON; exit 1 when a promise is broken.
"""

import argparse
import collections
import json
import os
import random
import sys
import tempfile
import threading
from pathlib import Path

os.environ |= {"HF_HUB_DISABLE_XET": "1", "HF_HUB_DISABLE_TELEMETRY": "1", "HF_HUB_OFFLINE": "0",
               "HF_HUB_DISABLE_PROGRESS_BARS": "1"}  # fmt: skip
sys.path.append(str(Path(__file__).parents[1] / "hub"))


def main() -> int:
    """Run the points; see the module's text."""
    from hub_folder import problems
    from hub_process import process
    from kill_writer import Writer, no_patience

    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("points", nargs="?", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    no_patience()
    rng = random.Random(args.seed)
    outcomes: collections.Counter[str] = collections.Counter()
    broken = 0
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "hub"
        writers = [Writer(f"lab/{n}", random.Random(rng.random())) for n in range(2)]
        for point in range(args.points + 1):
            with process(root) as hub:
                told = []
                for writer in writers if point else []:
                    what = writer.under_way or "nothing"
                    try:
                        told.append(f"{what}: {writer.check(hub.url)}")
                    except AssertionError as error:
                        broken += 1
                        told.append(f"BROKEN: {error}")
                if damage := problems(root):
                    broken += 1
                    told.append(f"DAMAGED: {damage[:3]}")
                outcomes.update(told)
                if point:
                    print(f"{point:3d}: {'; '.join(told)}", flush=True)
                if point < args.points:
                    end = rng.uniform(0.1, 3.0)
                    threads = [
                        threading.Thread(target=w.until_dead, args=(hub.url,)) for w in writers
                    ]
                    for thread in threads:
                        thread.start()
                    threading.Event().wait(end)
                    hub.kill()
                    for thread in threads:
                        thread.join()
        answered = sum(writer.answered for writer in writers)
        commits = sum(len(writer.commits) for writer in writers)
    told = {
        "points": args.points,
        "broken": broken,
        "requests answered": answered,
        "commits": commits,
    }
    print(json.dumps(told | {"under way when killed": dict(sorted(outcomes.items()))}))
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
