"""How fast `hub serve` moves large files over loopback, beside Python's own `http.server` on the same file.

    python tests/bench/bench_hub.py [megabytes]

Both servers run in a process of their own; the client is a plain socket that throws the bytes away, so that
what is measured is the server. Then the same file goes up and down through unmodified huggingface_hub, which
hashes it before it sends. "write, hash, sync alone" is what no upload can beat. "per CPU second" counts only
the time that the server itself computes, which says what it could do on a machine that is not shared.
Prints one JSON object; exit 1 when a plain download stays below 300 MB/s and below `http.server`.
"""

import functools
import hashlib
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psutil
import requests

MEGABYTES = 256
WANTED = 300  # MB/s
REPEATS = 3
REPO = "lab/large"
WHERE = f"/datasets/{REPO}/resolve/main/large.bin"


def main() -> int:
    """Measure; see the module's text."""
    size = int(sys.argv[1] if len(sys.argv) > 1 else MEGABYTES) * 10**6
    found: dict[str, list[float]] = {}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "large.bin"
        with path.open("wb") as stream:
            for _ in range(size // 10**6):
                stream.write(os.urandom(10**6))
        with plain(path.parent) as (other, child), hub(Path(folder) / "hub") as (url, server):
            api = client(url)
            work = {
                "http.server download": (lambda: get(f"{other}/large.bin"), child),
                "hub download": (lambda: get(f"{url}{WHERE}"), server),
                "hub upload, plain PUT": (lambda: put(url, path, size), server),
                "hub upload, huggingface_hub": (lambda: upload(api, path), server),
                "hub download, huggingface_hub": (lambda: download(api), server),
                "write, hash, sync alone": (lambda: bare(path), os.getpid()),
            }
            upload(api, path)
            for _ in range(REPEATS):  # side by side, so that what else runs here hits all alike
                for name, (run, process) in work.items():
                    measure(found, name, run, process, size)
    best = {name: max(rates) for name, rates in sorted(found.items())}
    print(json.dumps({"megabytes": size // 10**6, "MB/s": best}))
    return 0 if best["hub download"] >= min(WANTED, best["http.server download"]) else 1


def measure(
    found: dict[str, list[float]], name: str, run: Callable[[], None], process: int, size: int
) -> None:
    """Time one run: MB/s, and MB per second that the process computed."""
    if name.startswith("hub upload"):
        forget()
    before, started = computed(process), time.perf_counter()
    run()
    found.setdefault(name, []).append(round(size / 1e6 / (time.perf_counter() - started), 1))
    used = max(computed(process) - before, 0.01)
    found.setdefault(f"{name}, per CPU second", []).append(round(size / 1e6 / used, 1))


def computed(process: int) -> float:
    """Return the CPU seconds that a process has used."""
    times = psutil.Process(process).cpu_times()
    return float(times.user + times.system)


FORGET: list[Callable[[], None]] = []


def forget() -> None:
    """Empty the repository, so that the next upload sends its bytes again."""
    for each in FORGET:
        each()


def client(url: str) -> Any:
    """Return huggingface_hub pointed at the server, with a fresh repository."""
    os.environ |= {
        "HF_HUB_DISABLE_XET": "1",
        "HF_HUB_OFFLINE": "0",
        "HF_HUB_DISABLE_PROGRESS_BARS": "1",
    }
    from huggingface_hub import HfApi

    api = HfApi(endpoint=url, token="local")

    def anew() -> None:
        api.delete_repo(REPO, repo_type="dataset", missing_ok=True)
        api.create_repo(REPO, repo_type="dataset")

    anew()
    FORGET.append(anew)
    return api


def upload(api: Any, path: Path) -> None:
    """Commit the file."""
    api.upload_file(
        path_or_fileobj=path, path_in_repo="large.bin", repo_id=REPO, repo_type="dataset"
    )


def download(api: Any) -> None:
    """Download the file to the disk."""
    with tempfile.TemporaryDirectory() as down:
        api.hf_hub_download(REPO, "large.bin", repo_type="dataset", local_dir=down)


def bare(path: Path) -> None:
    """Do to a file on the disk what the server must do to what it receives."""
    digest, buffer = hashlib.sha256(), memoryview(bytearray(2**20))
    copy = path.with_name("copy.bin")
    with path.open("rb", buffering=0) as stream, copy.open("wb", buffering=0) as out:
        while count := stream.readinto(buffer):
            digest.update(buffer[:count])
            out.write(buffer[:count])
        os.fsync(out.fileno())
    copy.unlink()


def put(url: str, path: Path, size: int) -> None:
    """PUT the file to the address that the LFS batch gives."""
    oid = digest(path)
    asked = {"operation": "upload", "objects": [{"oid": oid, "size": size}]}
    told = requests.post(
        f"{url}/datasets/{REPO}.git/info/lfs/objects/batch", json=asked, timeout=60
    )
    href = told.json()["objects"][0]["actions"]["upload"]["href"]
    parts = urlsplit(href)
    with socket.create_connection((parts.hostname, parts.port)) as link, path.open("rb") as stream:
        head = f"PUT {parts.path}?{parts.query} HTTP/1.1\r\nHost: {parts.netloc}\r\n"
        link.sendall(f"{head}Content-Length: {size}\r\nConnection: close\r\n\r\n".encode())
        link.sendfile(stream)
        answer = link.recv(65536)
    assert answer.startswith(b"HTTP/1.1 200"), answer


def get(url: str) -> None:
    """Download and throw away."""
    parts = urlsplit(url)
    buffer = bytearray(2**20)
    with socket.create_connection((parts.hostname, parts.port)) as link:
        head = f"GET {parts.path} HTTP/1.1\r\nHost: {parts.netloc}\r\nConnection: close\r\n\r\n"
        link.sendall(head.encode())
        while link.recv_into(buffer):
            continue


@functools.cache
def digest(path: Path) -> str:
    """Return a file's sha256; it is no part of what is measured."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


@contextmanager
def hub(root: Path) -> Iterator[tuple[str, int]]:
    """Serve a hub from a process of its own."""
    command = [sys.executable, "-m", "counterfactory", "hub", "serve", "--port", "0", "--json"]
    process = subprocess.Popen(
        [*command, "--quiet", "--root", str(root)], stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout
        yield json.loads(process.stdout.readline())["url"], process.pid
    finally:
        process.terminate()
        process.wait()


@contextmanager
def plain(folder: Path) -> Iterator[tuple[str, int]]:
    """Serve a folder by `python -m http.server`."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "http.server", str(port), "--bind", "127.0.0.1"]
    process = subprocess.Popen(
        [*command, "--directory", str(folder)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        for _ in range(200):
            try:
                socket.create_connection(("127.0.0.1", port)).close()
                break
            except OSError:
                time.sleep(0.05)
        yield f"http://127.0.0.1:{port}", process.pid
    finally:
        process.terminate()
        process.wait()


if __name__ == "__main__":
    sys.exit(main())
