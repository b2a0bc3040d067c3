"""kill -9 of a real server while clients write: nothing that was acknowledged is lost, nothing is half done."""

import json
import random
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from hub_folder import problems
from hub_process import process
from kill_writer import Writer, no_patience

from counterfactory.errors import UserError
from counterfactory.factory.release.hub import serve

HERE = Path(__file__).parent


@pytest.fixture(autouse=True)
def hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.utils._http.time", None)  # given back after each test
    no_patience()


@pytest.mark.parametrize("seed", [0, 1])
def test_a_killed_server_has_all_that_it_acknowledged(tmp_path: Path, seed: int) -> None:
    root, rng = tmp_path / "hub", random.Random(seed)
    writers = [Writer(f"lab/{n}", random.Random(rng.random())) for n in range(2)]
    with process(root) as hub:
        threads = [
            threading.Thread(target=writer.until_dead, args=(hub.url,)) for writer in writers
        ]
        for thread in threads:
            thread.start()
        threads[0].join(rng.uniform(2.0, 4.0))
        hub.kill()
        for thread in threads:
            thread.join()
    assert sum(writer.answered for writer in writers) > 0
    with serve(root) as url:
        assert {writer.check(url) for writer in writers} <= {"all", "none", "no request"}
        assert problems(root) == []


@pytest.mark.slow
def test_a_kill_before_any_single_write_leaves_the_old_or_the_new(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, str(HERE / "kill_steps.py"), str(tmp_path)], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr[-2000:]
    told = json.loads(done.stdout)
    assert told.keys() == {"commit", "merge", "tag", "move", "delete"}
    for name, counts in told.items():
        assert counts["steps"] == counts["old"] + counts["new"] >= 1, name
        assert counts["old"] >= 1, name
    assert told["commit"]["steps"] >= 10 and told["commit"]["new"] >= 1


def test_two_servers_never_share_a_folder(tmp_path: Path) -> None:
    with serve(tmp_path / "hub"):
        with pytest.raises(UserError, match="another hub at work"):
            with serve(tmp_path / "hub"):
                pass
