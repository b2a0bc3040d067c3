"""A publish is killed (SIGKILL) at random moments; the Hub is looked at, and the same command runs again.

    python tests/crash/kill_publish.py 200          # points; a line for what was found at each

Killed at any point, `main` holds the version before or the whole new one, no tag is on anything but a
proven commit, and the second run ends in exactly one new version.
"""

import os
import random
import signal
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

sys.path.append(str(Path(__file__).parent))
import publish_faults as faults
import publishing
from publishing import Publisher, Road

from counterfactory.factory.release.hub import serve


def kill_points(bench: faults.Bench, count: int, seed: int = 7) -> Counter[str]:
    """Kill so many publishes; return how often each state was found. Raises `AssertionError`."""
    chance, found, repo = random.Random(seed), Counter[str](), bench.repo()
    whole = set(publishing.tree(bench.hub, repo))
    longest = _duration(bench, repo)
    for _ in range(count):
        tags = publishing.tags(bench.hub, repo)
        head = publishing.head(bench.hub, repo)
        folder = bench.release()
        arguments = ["release", "publish", folder, "--to", repo, "--json", "--patience", "5"]
        child = bench.publisher.start(*arguments)
        time.sleep(chance.random() * longest)
        try:
            os.kill(child, signal.SIGKILL)
        except ProcessLookupError:
            pass
        ended = bench.publisher.wait()
        found[_state(bench, repo, head, tags, whole, ended)] += 1
        done = bench.publisher.run(*arguments)
        assert done.code == 0, done.err
        now = publishing.tags(bench.hub, repo)
        assert set(tags.items()) < set(now.items()) and len(now) == len(tags) + 1, now
        assert now[done.json["tag"]] == publishing.head(bench.hub, repo) == done.json["commit"]
    return found


def _state(
    bench: faults.Bench, repo: str, head: str, tags: dict[str, str], whole: set[str], ended: int
) -> str:
    """Return in words what a killed publish left."""
    now, there = publishing.head(bench.hub, repo), publishing.tags(bench.hub, repo)
    assert set(publishing.tree(bench.hub, repo)) == whole, "main is half a version"
    new = set(there) - set(tags)
    assert all(there[tag] == commit for tag, commit in tags.items()), "a tag moved"
    if ended != -signal.SIGKILL:
        assert ended == 0 and len(new) == 1
        return "ended before the kill"
    if new:
        assert len(new) == 1 and there[new.pop()] == now != head
        return "the new version, tagged"
    return "the version before" if now == head else "the new version, whole, no tag yet"


def _duration(bench: faults.Bench, repo: str) -> float:
    times = []
    for _ in range(3):
        started = time.monotonic()
        bench.publisher.start("release", "publish", bench.release(), "--to", repo, "--json")
        assert bench.publisher.wait() == 0
        times.append(time.monotonic() - started)
    return sorted(times)[1]


def main() -> None:
    """Print what was found."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 200
    with tempfile.TemporaryDirectory(prefix="counterfactory-kills-") as place:
        with serve(Path(place) / "hub") as hub, Road(hub) as road, Publisher(road.url) as publisher:
            found = kill_points(faults.Bench(hub, road, publisher, Path(place)), count)
    for state, number in found.most_common():
        sys.stdout.write(f"{number:5d}  {state}\n")
    sys.stdout.write(f"{count} kills, every rerun ended in exactly one new version\n")


if __name__ == "__main__":
    main()
