"""How fast `hub serve` moves large files over loopback, beside Python's own `http.server` on the same file.

    python tests/bench/bench_hub.py [megabytes]

Both servers run in a process of their own; the client is a plain socket that throws the bytes away, so that
what is measured is the server. Then the same file goes up and down through unmodified huggingface_hub, which
hashes it before it sends. Prints one JSON object; exit 1 below 300 MB/s for a plain download.
"""

import hashlib
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

MEGABYTES = 512
WANTED = 300  # MB/s
REPEATS = 3


def main() -> int:
    """Measure; see the module's text."""
    size = int(sys.argv[1] if len(sys.argv) > 1 else MEGABYTES) * 10**6
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "large.bin"
        with path.open("wb") as stream:
            for _ in range(size // 10**6):
                stream.write(os.urandom(10**6))
        with plain(path.parent) as url:
            found = {"http.server download": best(lambda: get(f"{url}/large.bin"), size)}
        with hub(Path(folder) / "hub") as url:
            found |= through_the_hub(url, path, size)
        found |= {"sha256 alone": best(lambda: digest(path), size)}
    print(json.dumps({"megabytes": size // 10**6, "MB/s": found}))
    return 0 if found["hub download"] >= WANTED else 1


def through_the_hub(url: str, path: Path, size: int) -> dict[str, float]:
    """Return MB/s of uploads and downloads, plain and through the client library."""
    os.environ |= {
        "HF_HUB_DISABLE_XET": "1",
        "HF_HUB_OFFLINE": "0",
        "HF_HUB_DISABLE_PROGRESS_BARS": "1",
    }
    from huggingface_hub import HfApi

    api = HfApi(endpoint=url, token="local")
    api.create_repo("lab/large", repo_type="dataset")
    found = {}
    started = time.perf_counter()
    api.upload_file(
        path_or_fileobj=path, path_in_repo="large.bin", repo_id="lab/large", repo_type="dataset"
    )
    found["hub upload, huggingface_hub"] = rate(size, started)
    found["hub download"] = best(
        lambda: get(f"{url}/datasets/lab/large/resolve/main/large.bin"), size
    )
    started = time.perf_counter()
    with tempfile.TemporaryDirectory() as down:
        api.hf_hub_download("lab/large", "large.bin", repo_type="dataset", local_dir=down)
    found["hub download, huggingface_hub"] = rate(size, started)
    api.create_repo("lab/put", repo_type="dataset")
    found["hub upload, plain PUT"] = put(url, path, size)
    return found


def put(url: str, path: Path, size: int) -> float:
    """Return MB/s of one PUT to an address that the LFS batch gives."""
    import requests

    oid = digest(path)
    asked = {"operation": "upload", "objects": [{"oid": oid, "size": size}]}
    told = requests.post(
        f"{url}/datasets/lab/put.git/info/lfs/objects/batch", json=asked, timeout=60
    )
    href = told.json()["objects"][0]["actions"]["upload"]["href"]
    parts = urlsplit(href)
    started = time.perf_counter()
    with socket.create_connection((parts.hostname, parts.port)) as link, path.open("rb") as stream:
        head = f"PUT {parts.path}?{parts.query} HTTP/1.1\r\nHost: {parts.netloc}\r\n"
        link.sendall(f"{head}Content-Length: {size}\r\nConnection: close\r\n\r\n".encode())
        link.sendfile(stream)
        answer = link.recv(65536)
    assert answer.startswith(b"HTTP/1.1 200"), answer
    return rate(size, started)


def get(url: str) -> None:
    """Download and throw away."""
    parts = urlsplit(url)
    buffer = bytearray(2**20)
    with socket.create_connection((parts.hostname, parts.port)) as link:
        head = f"GET {parts.path} HTTP/1.1\r\nHost: {parts.netloc}\r\nConnection: close\r\n\r\n"
        link.sendall(head.encode())
        while link.recv_into(buffer):
            continue


def digest(path: Path) -> str:
    """Return a file's sha256."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def best(work, size: int) -> float:
    """Return the best MB/s of some repeats."""
    found = []
    for _ in range(REPEATS):
        started = time.perf_counter()
        work()
        found.append(rate(size, started))
    return max(found)


def rate(size: int, started: float) -> float:
    """Return MB/s since a moment."""
    return round(size / 1e6 / (time.perf_counter() - started), 1)


@contextmanager
def hub(root: Path) -> Iterator[str]:
    """Serve a hub from a process of its own."""
    command = [sys.executable, "-m", "counterfactory", "hub", "serve", "--port", "0", "--json"]
    process = subprocess.Popen(
        [*command, "--quiet", "--root", str(root)], stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout
        yield json.loads(process.stdout.readline())["url"]
    finally:
        process.terminate()
        process.wait()


@contextmanager
def plain(folder: Path) -> Iterator[str]:
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
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait()


if __name__ == "__main__":
    sys.exit(main())
