"""A real OpenAI-compatible server on this machine: `transformers serve` with a model from disk.

    with transformers_serve(tiny_vlm.llava(tmp_path), tmp_path) as spec:
        Chat(spec).ask("What is it?", images=[picture])

It takes ten seconds of processor time to start, so tests with it are marked slow.
"""

import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def transformers_serve(folder: Path, logs: Path, patience: float = 300) -> Iterator[str]:
    """Serve the model of a folder; yield its `openai:URL#model`."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [
        Path(sys.executable).with_name("transformers"), "serve", str(folder),
        "--host", "127.0.0.1", "--port", str(port), "--device", "cpu",
    ]  # fmt: skip
    log = logs / "serve.log"
    env = os.environ | {"NO_PROXY": "127.0.0.1", "OMP_NUM_THREADS": "1"}
    with log.open("wb") as stream:
        server = subprocess.Popen(command, stdout=stream, stderr=stream, env=env)
    try:
        end = time.monotonic() + patience
        while not _up(port):
            assert server.poll() is None and time.monotonic() < end, log.read_text()[-3000:]
            time.sleep(0.5)
        yield f"openai:http://127.0.0.1:{port}/v1#{folder}"
    finally:
        server.terminate()
        try:
            server.wait(20)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait(20)


def _up(port: int) -> bool:
    plain = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with plain.open(f"http://127.0.0.1:{port}/health", timeout=2) as reply:
            return reply.status == 200
    except OSError:
        return False
