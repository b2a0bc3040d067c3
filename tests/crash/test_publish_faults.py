"""A publish meets trouble at every step: it goes on, or says one line, and nothing is half-published.

The whole table: `python tests/crash/publish_faults.py`.
"""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from counterfactory.factory.release.hub import serve

sys.path += [str(Path(__file__).parent), str(Path(__file__).parents[1])]
import publish_faults as faults
import publishing
from publishing import Fault, Publisher, Road


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[faults.Bench]:
    place = tmp_path_factory.mktemp("faults")
    with serve(place / "hub") as hub, Road(hub) as road, Publisher(road.url) as publisher:
        yield faults.Bench(hub, road, publisher, place)


@pytest.fixture(scope="module")
def repo(bench: faults.Bench) -> str:
    return bench.repo()


TOLD = [
    ("create", "403", True), ("upload", "cut in the middle of sending", False), ("upload", "507", True),
    ("commit", "done, but the answer is lost", False), ("commit", "429", True), ("load back", "503", True),
    ("tag", "done, but the answer is lost", False),
]  # fmt: skip


@pytest.mark.parametrize(("step", "fault", "always"), TOLD)
def test_trouble_at_a_step_leaves_nothing_half_published(
    bench: faults.Bench, repo: str, step: str, fault: str, always: bool
) -> None:
    outcome = faults.run(bench, repo, step, fault, always=always)
    assert outcome.met, "no request met the fault: does publishing go another way now?"
    assert outcome.wrong == ""


@pytest.mark.slow
@pytest.mark.parametrize(("step", "fault", "always"), list(faults.cases()))
def test_any_fault_at_any_step_leaves_nothing_half_published(
    bench: faults.Bench, repo: str, step: str, fault: str, always: bool
) -> None:
    assert faults.run(bench, repo, step, fault, always=always).wrong == ""


def test_a_refused_token_is_not_told(bench: faults.Bench) -> None:
    bench.road.clear()
    bench.road.block(
        "GET",
        "/revision/main",
        Fault("status", 401, {"X-Error-Message": "Invalid hf_localtoken123"}),
    )
    done = bench.publisher.publish(bench.release(), "lab/token")
    bench.road.clear()
    assert done.code == 2 and "hf_localtoken" not in done.err and "HF_TOKEN" in done.errors[0]


def test_a_pull_request_that_breaks_off_is_gone_on_with(
    bench: faults.Bench, tmp_path: Path
) -> None:
    import json

    sys.path.append(str(Path(__file__).parents[1] / "factory"))
    from test_publish import many_files

    folder = many_files(tmp_path / "many", 100)
    for method, path in (("POST", "/commit/refs"), ("POST", "/merge")):
        bench.road.clear()
        bench.road.block(method, path, Fault("status", 500))
        done = bench.publisher.publish(folder, "lab/pulls")
        assert done.code == 2 and bench.road.hits, done.err
        assert set(publishing.tree(bench.hub, "lab/pulls")) <= {".gitattributes"}
    bench.road.clear()
    bench.road.block("POST", "/merge", Fault("lost"), times=1)
    done = bench.publisher.publish(folder, "lab/pulls")
    assert done.code == 0, done.err
    pulls = publishing.told(bench.hub, "api/datasets/lab/pulls/discussions")
    assert pulls["count"] == 1, json.dumps(pulls)
    assert publishing.tags(bench.hub, "lab/pulls") == {done.json["tag"]: done.json["commit"]}
    bench.road.clear()


def test_a_full_disk_here_is_said_in_one_line(bench: faults.Bench, tmp_path: Path) -> None:
    """What is downloaded goes to a folder that takes no more."""
    folder = bench.release()
    assert bench.publisher.publish(bench.release(), "lab/disk").code == 0
    (tmp_path / "tmp").mkdir()
    limited = "ulimit -f 2; trap '' XFSZ; exec"
    import os
    import subprocess

    command = [
        sys.executable,
        "-m",
        "counterfactory",
        "release",
        "publish",
        str(folder),
        "--to",
        "lab/disk",
    ]
    done = subprocess.run(
        ["bash", "-c", f'{limited} "$@"', "bash", *command], capture_output=True, text=True,
        env={**os.environ, "HF_ENDPOINT": bench.road.url, "HF_HUB_OFFLINE": "0", "HF_TOKEN": "x",
             "HF_DATASETS_OFFLINE": "0", "TMPDIR": str(tmp_path / "tmp")},
    )  # fmt: skip
    lines = [line for line in done.stderr.splitlines() if line.startswith("counterfactory: error")]
    assert done.returncode == 2 and len(lines) == 1, done.stderr
    assert "beyond the size" in lines[0] and "run the same command again" in lines[0]


def test_a_publish_that_is_killed_leaves_a_whole_version_and_is_gone_on_with(
    bench: faults.Bench,
) -> None:
    import kill_publish

    bench.road.clear()
    assert sum(kill_publish.kill_points(bench, 3).values()) == 3
