"""How fast a release is exported as tar files, and that memory does not grow with its rows.

    python tests/bench/bench_export.py                    # about a minute on 2 cores
    python tests/bench/bench_export.py --rows 4000 16000 --kilobytes 20

Rows of a `clip` view are made with random bytes behind a PNG's first bytes: an export copies them, so
no picture has to be drawn. Beside it stands a bare loop: the same rows read by pyarrow and written by
`tarfile`. Each part runs in a process of its own; its peak memory is that of the process.
"""

import argparse
import io
import json
import os
import resource
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

sys.path.append(str(Path(__file__).resolve().parents[1] / "factory"))
PNG = b"\x89PNG\r\n\x1a\n"


def rows(count: int, size: int) -> Iterator[dict[str, Any]]:
    """Yield pairs of rows, each the other's negative."""
    for number in range(count // 2):
        one, other = (PNG + os.urandom(size - len(PNG)) for _ in "ab")
        for side, mine, yours in (("a", one, other), ("b", other, one)):
            yield {
                "image": {"bytes": mine, "path": None}, "neg_image": {"bytes": yours, "path": None},
                "caption": f"A red box, number {number}.", "id": f"{number:032x}-{side}",
                "neg_caption": f"A blue box, number {number}.",
            }  # fmt: skip


def make(folder: Path, count: int, size: int) -> None:
    """Write a release that holds nothing but a `clip` view."""
    import release_kit as kit

    from counterfactory.factory.release.views import VIEWS
    from counterfactory.factory.release.write import write_release
    from counterfactory.factory.run.shards import Shards

    shards = Shards(folder / "data/clip", VIEWS["clip"].schema())
    for row in rows(count, size):
        shards.add(row)
    shards.close()
    write_release(folder, kit.facts_of([], []))


def export(folder: Path, target: str, out: Path) -> None:
    """Export with the factory."""
    from counterfactory.factory.release.export import export

    export(folder, target, out)


def bare(folder: Path, _: str, out: Path) -> None:
    """Read with pyarrow, write with tarfile: the same members."""
    import pyarrow.parquet as pq

    out.mkdir()
    with tarfile.open(out / "all.tar", "w") as tar:
        for path in sorted((folder / "data/clip").glob("*.parquet")):
            for batch in pq.ParquetFile(path).iter_batches(16, use_threads=False):
                for row in batch.to_pylist():
                    about = json.dumps({"id": row["id"], "neg_caption": row["neg_caption"]})
                    for kind, data in (
                        ("png", row["image"]["bytes"]), ("txt", row["caption"].encode()),
                        ("neg.png", row["neg_image"]["bytes"]), ("json", about.encode()),
                    ):  # fmt: skip
                        member = tarfile.TarInfo(f"{row['id']}.{kind}")
                        member.size = len(data)
                        tar.addfile(member, io.BytesIO(data))


def part(name: str, folder: str, target: str, out: str) -> None:
    """Run one part and print seconds, processor seconds and peak memory."""
    import counterfactory.factory.release.export.run  # noqa: F401 - what is imported is not timed

    started, spent = time.perf_counter(), time.process_time()
    {"export": export, "bare": bare}[name](Path(folder), target, Path(out))
    peak = peak_mb()
    print(
        json.dumps(
            {
                "seconds": time.perf_counter() - started,
                "cpu": time.process_time() - spent,
                "peak_mb": peak,
            }
        )
    )


def peak_mb() -> float:
    """Return the most memory this process held; `ru_maxrss` would count its parent's too."""
    status = Path("/proc/self/status")
    if status.exists():
        lines = status.read_text().splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def timed(name: str, folder: Path, target: str, out: Path) -> dict[str, float]:
    """Run one part in a process of its own."""
    command = [sys.executable, __file__, "--part", name, str(folder), target, str(out)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return dict(json.loads(done.stdout.splitlines()[-1]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, nargs="+", default=[2000, 8000])
    parser.add_argument("--kilobytes", type=int, default=20, help="of one picture")
    parser.add_argument("--part", nargs=4, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.part:
        return part(*asked.part)
    print(f"{'what':<24}{'rows':>7}{'rows/s':>9}{'rows/cpu s':>12}{'MB/s':>8}{'peak MB':>9}")
    for count in asked.rows:
        with tempfile.TemporaryDirectory() as place:
            home = Path(place)
            make(home / "release", count, asked.kilobytes * 1024)
            for what, name, target in (
                ("export webdataset", "export", "webdataset"),
                ("pyarrow + tarfile", "bare", "webdataset"),
                ("export openclip-csv", "export", "openclip-csv"),
            ):
                found = timed(name, home / "release", target, home / what.replace(" ", "-"))
                pictures = 1 if target == "openclip-csv" else 2
                size = count * pictures * asked.kilobytes / 1024
                print(
                    f"{what:<24}{count:>7}{count / found['seconds']:>9.0f}{count / found['cpu']:>12.0f}"
                    f"{size / found['seconds']:>8.0f}{found['peak_mb']:>9.0f}",
                    flush=True,
                )


if __name__ == "__main__":
    main()
