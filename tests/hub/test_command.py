"""`counterfactory hub serve`: what it says, when it refuses to start, what it does on a full disk."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from hub_process import process
from huggingface_hub import HfApi
from raw_http import ask

from counterfactory.cli import main
from counterfactory.factory.release.hub import serve

LIMITED = """
import resource, sys
from counterfactory.cli import main
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
sys.exit(main(sys.argv[1:]))
"""
COMMAND = ("hub", "serve", "--port", "0", "--json", "--quiet", "--root")


def refused(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    """Return the line with which the command refuses to start."""
    assert main(["hub", "serve", *words]) == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1
    return lines[0]


def test_it_tells_its_address_and_ends_quietly_when_asked_to(tmp_path: Path) -> None:
    with process(tmp_path / "hub") as hub:
        HfApi(endpoint=hub.url, token="local").create_repo("lab/x")
        hub.child.send_signal(signal.SIGTERM)
        assert hub.child.wait(20) == 0
        assert hub.child.stdout is not None and hub.child.stdout.read() == ""


def test_it_refuses_to_start_in_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = str(tmp_path / "hub")
    assert "--port" in refused(capsys, "--port", "70000", "--root", root)
    assert "--token-file" in refused(capsys, "--host", "0.0.0.0", "--root", root)
    assert "No such file" in refused(capsys, "--token-file", root, "--root", root)
    (tmp_path / "file").write_text("")
    assert "file" in refused(capsys, "--port", "0", "--root", str(tmp_path / "file"))
    with serve(root) as url:
        assert "another hub at work" in refused(capsys, "--port", "0", "--root", root)
        port = url.rpartition(":")[2]
        said = refused(capsys, "--port", port, "--root", str(tmp_path / "other"))
        assert port in said and "in use" in said


def test_on_a_full_disk_it_says_so_keeps_nothing_and_goes_on(tmp_path: Path) -> None:
    child = subprocess.Popen(
        [sys.executable, "-c", LIMITED, *COMMAND, str(tmp_path / "hub")],
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
    )  # fmt: skip
    assert child.stdout
    try:
        url = json.loads(child.stdout.readline())["url"]
        api = HfApi(endpoint=url, token="local")
        api.create_repo("lab/x")
        large = os.urandom(200_000)
        with pytest.raises(Exception, match="507|cannot write|Error while uploading"):
            api.upload_file(path_or_fileobj=large, path_in_repo="a.bin", repo_id="lab/x")
        told = ask(url, "PUT", f"/lab/x.git/info/lfs/objects/{'0' * 64}", large)
        assert told.status == 507 and "cannot write" in told.json["error"]
        with pytest.raises(Exception, match="cannot write"):
            api.upload_file(
                path_or_fileobj=large.hex().encode(), path_in_repo="a.txt", repo_id="lab/x"
            )
        assert api.list_repo_files("lab/x") == []
        assert list((tmp_path / "hub" / "models" / "lab" / "x" / "incoming").iterdir()) == []
        api.upload_file(path_or_fileobj=b"small", path_in_repo="a.bin", repo_id="lab/x")
        assert api.list_repo_files("lab/x") == ["a.bin"]
    finally:
        child.terminate()
        child.wait()
        child.stdout.close()
