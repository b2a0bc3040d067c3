"""Unmodified `datasets`, huggingface_hub and the `hf` command, in processes that know only HF_ENDPOINT."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from hub_process import environment, process

HERE = Path(__file__).parent
HF = shutil.which("hf", path=str(Path(sys.executable).parent)) or "hf"


def test_datasets_pushes_loads_streams_and_cards(tmp_path: Path) -> None:
    with process(tmp_path / "hub") as hub:
        done = subprocess.run(
            [sys.executable, str(HERE / "library_script.py")],
            env=environment(hub.url, tmp_path / "home"), capture_output=True, text=True,
        )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    assert json.loads(done.stdout.splitlines()[-1]) == {
        "configs": ["pairs", "sft"],
        "at v1": 20,
        "at main": 7,
        "picture": [[16, 16], [16, 16]],
        "streamed": [0, 1, 2, 3, 4],
        "files": 20,
        "card configs": ["pairs", "sft"],
        "license": "mit",
        "snapshot": [
            "pairs/train-00000-of-00003.parquet",
            "pairs/train-00001-of-00003.parquet",
            "pairs/train-00002-of-00003.parquet",
            "sft/test-00000-of-00001.parquet",
        ],
        "model card": "transformers",
    }


@pytest.mark.slow  # each command starts Python anew
def test_the_hf_command_uploads_downloads_and_manages(tmp_path: Path) -> None:
    up = tmp_path / "up"
    (up / "data").mkdir(parents=True)
    (up / "README.md").write_text("---\nlicense: mit\n---\n# Hi\n")
    (up / "data" / "x.bin").write_bytes(os.urandom(100_000))
    with process(tmp_path / "hub") as hub:

        def hf(*words: str) -> str:
            done = subprocess.run(
                [HF, *words],
                env=environment(hub.url, tmp_path / "home"),
                capture_output=True,
                text=True,
            )
            assert done.returncode == 0, f"hf {' '.join(words)}: {done.stderr[-2000:]}"
            return done.stdout

        sort = ("--type", "dataset")
        assert "local" in hf("auth", "whoami")
        hf("repos", "create", "lab/cli", *sort)
        hf("upload", "lab/cli", str(up), ".", *sort, "--commit-message", "by hand")
        hf("repos", "tag", "create", "lab/cli", "v1", *sort)
        assert "v1" in hf("repos", "tag", "list", "lab/cli", *sort)
        hf("upload", "lab/cli", str(up / "README.md"), "notes/more.md", *sort, "--create-pr")
        hf("discussions", "merge", "lab/cli", "1", *sort, "--yes")
        assert "notes" in hf("datasets", "ls", "lab/cli")
        hf("download", "lab/cli", *sort, "--revision", "v1", "--local-dir", str(tmp_path / "down"))
        assert "lab/cli" in hf("datasets", "list", "--author", "lab")
        hf("repos", "delete", "lab/cli", *sort, "--yes")
    for path in ("README.md", "data/x.bin"):
        assert (tmp_path / "down" / path).read_bytes() == (up / path).read_bytes()
    assert not (tmp_path / "down" / "notes").exists()
