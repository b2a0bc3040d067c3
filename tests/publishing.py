"""Publishing in tests: a Hub behind a road that can be blocked, and a process that publishes over it.

    with serve(tmp_path / "hub") as hub, Road(hub) as road, Publisher(road.url) as publisher:
        road.block("POST", "/commit/", Fault("status", status=503), times=1)
        publisher.run("release", "publish", folder, "--to", "lab/tiny")    -> Done(code, json, stderr)

The process is `counterfactory` itself, kept warm between commands; nothing of it is replaced but the
clock it sleeps by, so that waiting for a Hub takes no time in tests.
"""

import json
import os
import subprocess
import sys
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

sys.path.append(str(Path(__file__).parent))
from road import Fault, Road

__all__ = ["Done", "Fault", "Publisher", "Road", "commit", "head", "tags", "told", "tree"]

DRIVER = """
import contextlib, io, json, os, sys, time
import datasets, huggingface_hub, pyarrow.parquet
import counterfactory.factory.release.publish.publish, counterfactory.cli as cli
sleep = time.sleep
time.sleep = lambda seconds: sleep(min(seconds, 0.01))
real = os.fdopen(os.dup(1), "w")
os.dup2(2, 1)

def command(argv):
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            code = cli.main(argv)
        except SystemExit as stop:
            code = stop.code
        except BaseException:
            import traceback
            traceback.print_exc()
            code = 1
    return {"code": code, "out": out.getvalue(), "err": err.getvalue()}

def load(repo, config, revision, streaming, place):
    rows = datasets.load_dataset(repo, config, revision=revision, cache_dir=place, streaming=streaming, split="train")
    first = next(iter(rows))
    images = first.get("images") or [first.get("image_a")]
    shown = [list(image.size) for image in images if image is not None]
    columns = rows.column_names
    rows = rows.select_columns(["id"])
    return {"columns": columns, "ids": [row["id"] for row in rows], "shown": shown}

def card(repo, kind, revision):
    from huggingface_hub import DatasetCard, ModelCard, hf_hub_download
    path = hf_hub_download(repo, "README.md", repo_type=kind, revision=revision)
    found = (ModelCard if kind == "model" else DatasetCard).load(path)
    found.validate(repo_type=kind)
    results = getattr(found.data, "eval_results", None) or []
    told = [[r.metric_name, r.metric_value, r.dataset_split] for r in results]
    return {"data": found.data.to_dict(), "text": found.text, "results": told}

def snapshot(repo, kind, revision, place):
    return huggingface_hub.snapshot_download(repo, repo_type=kind, revision=revision, local_dir=place)

def visible(repo, kind):
    info = huggingface_hub.HfApi().repo_info(repo, repo_type=kind)
    return {"private": info.private, "gated": info.gated}

CALLS = {"load": load, "card": card, "snapshot": snapshot, "visible": visible}

def called(name, values):
    try:
        return {"found": CALLS[name](*values)}
    except Exception as error:
        return {"error": f"{type(error).__name__}: {error}"}

print("ready", file=real, flush=True)
for line in sys.stdin:
    asked = json.loads(line)
    if "call" in asked:
        print(json.dumps(called(asked["call"], asked["values"])), file=real, flush=True)
        continue
    if not asked.get("fork"):
        print(json.dumps(command(asked["argv"])), file=real, flush=True)
        continue
    child = os.fork()
    if child == 0:
        done = command(asked["argv"])
        os._exit(done["code"])
    print(child, file=real, flush=True)
    status = os.waitpid(child, 0)[1]
    print(os.waitstatus_to_exitcode(status), file=real, flush=True)
"""


@dataclass(frozen=True)
class Done:
    """A finished command."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> dict[str, Any]:
        """What `--json` printed."""
        found = json.loads(self.out)
        assert isinstance(found, dict)
        return found

    @property
    def errors(self) -> list[str]:
        """The lines that say what the user must mend."""
        start = "counterfactory: error: "
        lines = self.err.splitlines()
        return [line.removeprefix(start) for line in lines if line.startswith(start)]


class Publisher:
    """A warm `counterfactory` whose Hub is at `url`."""

    def __init__(self, url: str, token: str = "hf_localtoken123", **env: str) -> None:
        asked = {
            "HF_ENDPOINT": url, "HF_TOKEN": token, "HF_HUB_OFFLINE": "0", "HF_DATASETS_OFFLINE": "0",
            "HF_HUB_DOWNLOAD_TIMEOUT": "2", "HF_HUB_ETAG_TIMEOUT": "2", "NO_PROXY": "*", "USE_TORCH": "0", **env,
        }  # fmt: skip
        self.process = subprocess.Popen(
            [sys.executable, "-c", DRIVER], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            env=os.environ | asked, text=True,
        )  # fmt: skip
        self._first = True

    def run(self, *argv: str | Path) -> Done:
        """Run one command to its end."""
        self._send({"argv": [str(word) for word in argv]})
        return Done(**json.loads(self._line()))

    def publish(self, folder: Path, to: str, *more: str) -> Done:
        """Publish with little patience."""
        return self.run(
            "release", "publish", folder, "--to", to, "--json", "--patience", "4", *more
        )

    def call(self, name: str, *values: Any) -> Any:
        """Do what any user does with huggingface_hub and datasets: load, card, snapshot, visible."""
        self._send({"call": name, "values": [str(v) if isinstance(v, Path) else v for v in values]})
        answer = json.loads(self._line())
        assert "error" not in answer, answer["error"]
        return answer["found"]

    def start(self, *argv: str | Path) -> int:
        """Start a command in a process of its own; `wait` gives its exit code."""
        self._send({"argv": [str(word) for word in argv], "fork": True})
        return int(self._line())

    def wait(self) -> int:
        """Return how the process that `start` made has ended; negative: by a signal."""
        return int(self._line())

    def _send(self, asked: Mapping[str, Any]) -> None:
        assert self.process.stdin
        if self._first:
            assert self._line() == "ready\n"
            self._first = False
        self.process.stdin.write(json.dumps(asked) + "\n")
        self.process.stdin.flush()

    def _line(self) -> str:
        assert self.process.stdout
        line = self.process.stdout.readline()
        assert line, "the publisher died"
        return line

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        assert self.process.stdin
        self.process.stdin.close()
        self.process.wait(20)


def told(url: str, path: str) -> Any:
    """Return the JSON of an address of a Hub."""
    with urllib.request.urlopen(f"{url}/{path}") as answer:
        return json.load(answer)


def tags(url: str, repo: str, kind: str = "datasets") -> dict[str, str]:
    """Return the tags of a repository: name -> commit."""
    return {r["name"]: r["targetCommit"] for r in told(url, f"api/{kind}/{repo}/refs")["tags"]}


def tree(url: str, repo: str, revision: str = "main", kind: str = "datasets") -> dict[str, str]:
    """Return the files of a revision: path -> id of the content."""
    found = told(url, f"api/{kind}/{repo}/tree/{revision}?recursive=true")
    return {one["path"]: one["oid"] for one in found if one["type"] == "file"}


def head(url: str, repo: str, kind: str = "datasets") -> str:
    """Return the commit at the head of main."""
    return str(told(url, f"api/{kind}/{repo}/revision/main")["sha"])


def commit(url: str, repo: str, files: Mapping[str, str]) -> None:
    """Commit some text files as somebody else would."""
    from base64 import b64encode

    lines: list[dict[str, Any]] = [{"key": "header", "value": {"summary": "somebody else"}}]
    for path, text in files.items():
        content = b64encode(text.encode()).decode()
        lines.append(
            {"key": "file", "value": {"path": path, "content": content, "encoding": "base64"}}
        )
    body = "".join(json.dumps(line) + "\n" for line in lines).encode()
    asked = urllib.request.Request(
        f"{url}/api/datasets/{repo}/commit/main", body, {"Content-Type": "application/x-ndjson"}
    )
    urllib.request.urlopen(asked).close()
