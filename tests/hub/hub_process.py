"""`counterfactory hub serve` as a process of its own, to be used by other processes and to be killed.

with process(root) as hub:
    hub.url, hub.kill()
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path


@dataclass
class Hub:
    url: str
    child: subprocess.Popen[str]

    def kill(self) -> None:
        """End it as `kill -9` does."""
        self.child.kill()
        self.child.wait()


@contextmanager
def process(root: Path, *options: str) -> Iterator[Hub]:
    """Start a server and wait until it listens."""
    command = [sys.executable, "-m", "counterfactory", "hub", "serve", "--port", "0", "--json"]
    child = subprocess.Popen(
        [*command, "--quiet", "--root", str(root), *options], stdout=subprocess.PIPE, text=True
    )
    assert child.stdout
    try:
        yield Hub(json.loads(child.stdout.readline())["url"], child)
    finally:
        child.terminate()
        child.wait()
        child.stdout.close()


def environment(url: str, home: Path) -> dict[str, str]:
    """Return the environment of a client that uses this server and nothing else."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith("HF_")}
    kept.pop("TRANSFORMERS_OFFLINE", None)
    return kept | {
        "HF_ENDPOINT": url, "HF_HOME": str(home), "HF_TOKEN": "local", "HF_HUB_DISABLE_XET": "1",
        "HF_HUB_DISABLE_TELEMETRY": "1", "HF_HUB_DISABLE_PROGRESS_BARS": "1", "NO_COLOR": "1",
        "HF_HUB_DISABLE_UPDATE_CHECK": "1",
    }  # fmt: skip
