"""The commands on a release that stands on a real S3 server: made, proved, explained, exported, read."""

import json
from pathlib import Path
from typing import Any

import pytest

from counterfactory.cli import main
from counterfactory.training.data import describe, load_view, views_of

URL = "s3://acme/commands/world-qa"
pytestmark = pytest.mark.usefixtures("s3", "cache")


def said(capsys: pytest.CaptureFixture[str], *words: str, code: int = 0) -> dict[str, Any]:
    """Run a command with --json; return its answer."""
    capsys.readouterr()
    assert main([*words, "--json"]) == code
    answer: dict[str, Any] = json.loads(capsys.readouterr().out)
    return answer


@pytest.fixture
def made(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    """The answer of the build; only the first of these tests makes anything."""
    return said(capsys, "build", "world-qa", "--out", URL, "--set", "source.n=24", "--workers", "1")


def test_a_build_at_a_url_answers_like_any_other(
    made: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    assert made["release"] == URL and made["finished"] and made["rows"]["sft"] > 0
    again = said(capsys, "build", "world-qa", "--out", URL, "--set", "source.n=24")
    assert (again["rows"], again["resumed"]) == (made["rows"], made["candidates"])
    assert main(["build", "world-qa", "--out", URL, "--set", "source.n=24"]) == 0
    text = capsys.readouterr().out
    assert f"release      {URL}" in text and "went on" in text


def test_the_release_commands_take_the_url(
    made: dict[str, Any], capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert said(capsys, "release", "validate", URL) == {"ok": True, "problems": []}
    row = load_view([URL], "sft")[0]["id"]
    assert said(capsys, "release", "explain", URL, row)["status"] == "kept"
    local = str(tmp_path / "local")
    said(capsys, "build", "world-qa", "--out", local, "--set", "source.n=24", "--workers", "1")
    diff = said(capsys, "release", "diff", URL, local)
    assert diff["same_data"] is True
    out = tmp_path / "llava"
    said(capsys, "release", "export", URL, "--to", "llava", "--out", str(out))
    assert list(out.rglob("*.json")) and list(out.rglob("*.png"))


def test_trainers_read_the_url(made: dict[str, Any]) -> None:
    assert views_of(URL) == made["rows"]
    rows = load_view([URL], "sft")
    assert len(rows) == made["rows"]["sft"] and rows[0]["release"] == URL
    assert rows[0]["images"][0].size[0] > 0
    assert describe(URL, ["sft"])["recipe_fingerprint"] == made["fingerprint"]


def test_a_url_without_a_release_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["release", "validate", "s3://acme/nothing/here"]) == 2
    assert capsys.readouterr().err.splitlines() == [
        "counterfactory: error: s3://acme/nothing/here: found no files, expected a folder with some"
    ]
    assert main(["build", "world-qa", "--out", "ftp://acme/x"]) == 2
    assert "found ftp://, expected one of s3" in capsys.readouterr().err
