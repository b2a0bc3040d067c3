"""How long publishing takes beside writing and uploading the same bytes; how fast a release loads.

    python tests/bench/bench_publish.py                       # 5,000 rows with a picture of 20 kB each
    python tests/bench/bench_publish.py --rows 5000 --rounds 3

The Hub is `counterfactory hub serve` in a process of its own. Beside publishing stands the least that
one could do by hand: `datasets` writes the rows to parquet, `requests` uploads the files (LFS batch, PUT,
one commit), and nothing is checked. Publishing hashes, uploads, loads all back and compares every row.
`load_dataset` of the release's files stands beside that of the files that `datasets` wrote.
"""

import argparse
import hashlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

sys.path.append(str(Path(__file__).resolve().parents[1] / "factory"))
VIEW = "grpo"


def pictures(count: int, side: int = 80) -> Iterator[bytes]:
    """Yield pictures of noise: about 19 kB each, and none compresses."""
    from counterfactory.images import png

    chance = np.random.default_rng(0)
    for _ in range(count):
        yield png(chance.integers(0, 256, (side, side, 3), np.uint8))


def rows(images: list[bytes]) -> list[dict[str, Any]]:
    """Rows of a view with one picture each."""
    return [
        {
            "prompt": [{"role": "user", "content": f"How many boxes are there, in picture {n}?"}],
            "images": [{"bytes": image, "path": None}], "answer": str(n % 5), "verifier": "number",
            "harmful": False, "id": f"{n:032x}",
        }
        for n, image in enumerate(images)
    ]  # fmt: skip


def make_release(folder: Path, made: list[dict[str, Any]]) -> None:
    """Write the rows as the engine writes them."""
    import release_kit as kit

    from counterfactory.factory.release.views import VIEWS
    from counterfactory.factory.release.write import write_release
    from counterfactory.factory.run.shards import Shards

    shards = Shards(folder / "data" / VIEW, VIEWS[VIEW].schema())
    for row in made:
        shards.add(row)
    shards.close()
    write_release(folder, kit.facts_of([], []))


def write_by_datasets(folder: Path, made: list[dict[str, Any]]) -> None:
    """Write the rows as `datasets` writes them."""
    from datasets import Dataset

    from counterfactory.factory.release.views import VIEWS

    folder.mkdir(parents=True)
    data = Dataset.from_list(made, features=VIEWS[VIEW].features())
    data.to_parquet(folder / "train-00000-of-00001.parquet")


def upload_by_requests(url: str, repo: str, files: dict[str, Path]) -> None:
    """Upload files with plain requests: create, batch, PUT, one commit."""
    import requests

    session = requests.Session()
    name, organization = repo.partition("/")[2], repo.partition("/")[0]
    body = {"name": name, "organization": organization, "type": "dataset"}
    session.post(f"{url}/api/repos/create", json=body).raise_for_status()
    digests = {
        path: hashlib.file_digest(file.open("rb"), "sha256").hexdigest()
        for path, file in files.items()
    }
    objects = [{"oid": digests[path], "size": file.stat().st_size} for path, file in files.items()]
    answer = session.post(f"{url}/datasets/{repo}.git/info/lfs/objects/batch", json={
        "operation": "upload", "transfers": ["basic"], "hash_algo": "sha256", "objects": objects,
    })  # fmt: skip
    where = {one["oid"]: one["actions"]["upload"]["href"] for one in answer.json()["objects"]}
    for path, file in files.items():
        with file.open("rb") as stream:
            session.put(where[digests[path]], data=stream).raise_for_status()
    lines: list[dict[str, Any]] = [{"key": "header", "value": {"summary": "by hand"}}]
    for path, file in files.items():
        value = {"path": path, "algo": "sha256", "oid": digests[path], "size": file.stat().st_size}
        lines.append({"key": "lfsFile", "value": value})
    text = "".join(json.dumps(line) + "\n" for line in lines)
    session.post(
        f"{url}/api/datasets/{repo}/commit/main", data=text,
        headers={"Content-Type": "application/x-ndjson"},
    ).raise_for_status()  # fmt: skip


def timed(call: Callable[[], object]) -> tuple[float, float]:
    """Return seconds on the clock and of this process."""
    wall, own = time.perf_counter(), time.process_time()
    call()
    return time.perf_counter() - wall, time.process_time() - own


def steps(
    url: str, place: Path, number: int, made: list[dict[str, Any]]
) -> dict[str, Callable[[], object]]:
    """Return what is measured in one round, in order."""
    from datasets import load_dataset

    from counterfactory.factory.release.publish import publish

    folder, cache = place / f"by-hand-{number}", place / f"cache-{number}"
    file = folder / "train-00000-of-00001.parquet"
    return {
        "write by datasets": lambda: write_by_datasets(folder, made),
        "upload by requests": lambda: upload_by_requests(
            url, f"lab/hand{number}", {f"data/{file.name}": file}
        ),
        "publish": lambda: publish(place / "release", f"lab/published{number}"),
        "load, written by datasets": lambda: load_dataset(
            "parquet", data_files=[str(file)], cache_dir=str(cache / "a")
        ),
        "load, the release": lambda: load_dataset(
            str(place / "release"), VIEW, cache_dir=str(cache / "b")
        ),
    }


def measure(url: str, place: Path, count: int, rounds: int) -> dict[str, Any]:
    """Measure by turns; return the times of every round but the first, which pays for imports."""
    images = list(pictures(count))
    made, found = rows(images), dict[str, list[tuple[float, float]]]()
    make_release(place / "release", made)
    for number in range(rounds + 1):
        for name, call in steps(url, place, number, made).items():
            taken = timed(call)
            if number:
                found.setdefault(name, []).append(taken)
    size = sum(p.stat().st_size for p in (place / "release/data").rglob("*.parquet"))
    return {"rows": count, "megabytes": round(size / 1e6, 1), "times": found}


def report(found: dict[str, Any]) -> None:
    """Print medians and ratios."""
    clock = {
        name: sorted(t for t, _ in times)[len(times) // 2] for name, times in found["times"].items()
    }
    own = {
        name: sorted(t for _, t in times)[len(times) // 2] for name, times in found["times"].items()
    }
    print(f"{found['rows']:,} rows, {found['megabytes']} MB\n")
    print("| | seconds (median) | seconds of the process |\n|---|---|---|")
    for name in clock:
        print(f"| {name} | {clock[name]:.2f} | {own[name]:.2f} |")
    for title, times in (("clock", clock), ("process", own)):
        hand = times["write by datasets"] + times["upload by requests"]
        loads = times["load, the release"] / times["load, written by datasets"]
        print(f"\n{title}: publish / (write + upload) = {times['publish'] / hand:.2f} (at most 1.3); "
              f"load release / load datasets = {loads:.2f} (at most 1)")  # fmt: skip


@contextmanager
def served(root: Path) -> Iterator[str]:
    """A Hub in a process of its own, on a free port."""
    command = [
        sys.executable,
        "-m",
        "counterfactory",
        "hub",
        "serve",
        "--port",
        "0",
        "--root",
        str(root),
        "--quiet",
        "--json",
    ]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout
    try:
        yield json.loads(process.stdout.readline())["url"]
    finally:
        process.terminate()
        process.wait()


def main() -> None:
    """Run the Hub, measure in a process that knows of it, report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=5000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--measure", nargs=2, metavar=("URL", "PLACE"), help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.measure:
        url, place = args.measure
        print(json.dumps(measure(url, Path(place), args.rows, args.rounds)))
        return
    with tempfile.TemporaryDirectory(prefix="counterfactory-bench-") as place:
        with served(Path(place) / "hub") as url:
            asked = {
                "HF_ENDPOINT": url, "HF_TOKEN": "local", "HF_HUB_OFFLINE": "0", "HF_DATASETS_OFFLINE": "0",
                "HF_HUB_DISABLE_PROGRESS_BARS": "1", "HF_DATASETS_DISABLE_PROGRESS_BARS": "1",
                "HF_HUB_DISABLE_XET": "1", "HF_HUB_DISABLE_TELEMETRY": "1", "OMP_NUM_THREADS": "1",
            }  # fmt: skip
            command = [
                sys.executable,
                __file__,
                "--rows",
                str(args.rows),
                "--rounds",
                str(args.rounds),
            ]
            done = subprocess.run(
                [*command, "--measure", url, f"{place}/work"], env=os.environ | asked, check=True,
                stdout=subprocess.PIPE, text=True,
            )  # fmt: skip
    report(json.loads(done.stdout.splitlines()[-1]))


if __name__ == "__main__":
    main()
