"""The command line: quick help, one JSON object, exit codes, and errors a user can act on."""

import argparse
import json
import os
import re
import resource
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from counterfactory.cli import COMMANDS, main, parser

HEAVY = (
    "torch", "numpy", "diffusers", "transformers", "cv2", "skimage", "datasets", "pyarrow",
    "pydantic", "yaml", "huggingface_hub", "open_clip", "segment_anything", "sklearn", "PIL",
    "jinja2",
)  # fmt: skip


def run(*args: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "counterfactory", *args]
    return subprocess.run(command, capture_output=True, text=True, cwd=cwd, timeout=120)


def test_help_takes_under_half_a_second_of_a_core() -> None:
    taken = []
    for _ in range(3):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        assert run("--help").returncode == 0
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        taken.append(after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime)
    assert min(taken) < 0.5


@pytest.mark.parametrize(
    "args", [["--help"], ["build", "--help"], ["recipe", "show", "--help"], ["doctor", "--help"]]
)
def test_help_imports_nothing_heavy(args: list[str]) -> None:
    code = (
        "import sys\nfrom counterfactory.cli import main\n"
        "try:\n    main(sys.argv[1:])\nexcept SystemExit:\n    pass\n"
        f"sys.exit(' '.join(set({HEAVY!r}) & set(sys.modules)) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code, *args], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


def test_every_command_has_help_that_ends_with_0(capsys: pytest.CaptureFixture[str]) -> None:
    for name in COMMANDS:
        with pytest.raises(SystemExit) as left:
            main([name, "--help"])
        assert left.value.code == 0 and "usage: counterfactory" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("args", "hint"),
    [(["biuld"], "did you mean 'build'?"), (["recipe", "shwo"], "did you mean 'show'?"),
     (["build", "r", "--out", "o", "--engine", "raay"], "did you mean 'ray'?"),
     (["recipe", "list", "--jso"], "did you mean '--json'?"), (["build", "r"], "required: --out"),
     (["build", "r", "--out", "o", "--workers", "0"], "a whole number from 1 on"),
     (["build", "r", "--out", "o", "--budget", "-3"], "seconds above 0"), ([], "required: COMMAND"),
     (["recipe", "show", "region-dif"], "did you mean 'region-diff'?"),
     (["recipe", "show", "./nowhere.yaml"], "nowhere.yaml: found no such file"),
     (["build", "r", "--out", "o", "--sett", "a=b"], "did you mean '--set'?"),
     (["eval", "run", "m", "--suite", "s", "--out", "o", "--tasks", "a"], "did you mean '--task'?")],
)  # fmt: skip
def test_a_mistake_is_one_line_with_a_hint_and_exit_2(args: list[str], hint: str) -> None:
    done = run(*args)
    assert done.returncode == 2 and done.stdout == ""
    assert len(done.stderr.splitlines()) == 1 and done.stderr.startswith("counterfactory: error: ")
    assert hint in done.stderr


@pytest.mark.parametrize(
    ("args", "error"),
    [(["recipe", "show", "region-dif"], "did you mean 'region-diff'?"),
     (["build", "region-diff"], "required: --out"), (["biuld"], "did you mean 'build'?"),
     (["recipe", "list", "--al"], "unrecognised arguments: --al")],
)  # fmt: skip
def test_json_is_one_object_and_nothing_else_even_for_an_error(args: list[str], error: str) -> None:
    done = run(*args, "--json")
    assert done.returncode == 2
    assert error in json.loads(done.stdout)["error"]
    assert done.stderr.startswith("counterfactory: error: ")


def parsers(top: argparse.ArgumentParser) -> Iterator[argparse.ArgumentParser]:
    """Yield the parser of every command."""
    yield top
    for action in top._actions:
        if isinstance(action, argparse._SubParsersAction):
            for below in action.choices.values():
                yield from parsers(below)


def test_every_argument_of_every_command_has_a_word_of_help() -> None:
    silent = [
        f"{one.prog} {action.metavar or action.dest}"
        for one in parsers(parser())
        for action in one._actions
        if not action.help and not isinstance(action, argparse._SubParsersAction)
    ]
    assert silent == []


def test_what_libraries_print_does_not_reach_json() -> None:
    code = (
        "import os, sys, subprocess\n"
        "from counterfactory.commands.output import own_stdout, write_json\n"
        "with own_stdout(True):\n    print('chatter')\n    os.write(1, b'from C')\n"
        "    subprocess.run([sys.executable, '-c', 'print(5)'])\n    write_json({'ok': True})\n"
        "print('after')\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.splitlines() == ['{"ok": true}', "after"]
    assert "chatter" in done.stderr and "from C" in done.stderr and "5" in done.stderr


def test_a_reader_that_has_seen_enough_is_no_error() -> None:
    command = (
        f"{sys.executable} -m counterfactory recipe schema | head -n 1; echo ${{PIPESTATUS[0]}}"
    )
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True)
    assert done.stdout.splitlines() == ["{", "0"] and done.stderr == ""


def test_recipe_list_names_every_shipped_recipe_and_what_it_is_for() -> None:
    shipped = json.loads(run("recipe", "list", "--json").stdout)["recipes"]
    assert {"region-diff", "photo-edits", "world-qa", "world-safety", "region-diff-hub"} <= {
        r["name"] for r in shipped
    }
    assert all(recipe["description"] for recipe in shipped)


def test_recipe_show_reads_back_to_the_same_recipe(tmp_path: Path) -> None:
    shown = run("recipe", "show", "region-diff", "--set", "source.n=500").stdout
    copy = tmp_path / "copy.yaml"
    copy.write_text(shown, encoding="utf-8")
    again = json.loads(run("recipe", "show", str(copy), "--json").stdout)
    assert shown.splitlines()[0] == f"# fingerprint: {again['fingerprint']}"
    assert again["recipe"]["source"]["n"] == 500


def test_recipe_check_lists_every_problem_of_a_file(tmp_path: Path) -> None:
    path = tmp_path / "r.yaml"
    path.write_text(
        "kind: build\nname: X\nsource:\n  kind: wrld\nops: []\nviews: [pears]\n", encoding="utf-8"
    )
    done = run("recipe", "check", "r.yaml", cwd=tmp_path)
    assert done.returncode == 2
    assert [line.split(": ")[2] for line in done.stderr.splitlines()] == [
        "r.yaml:2",
        "r.yaml:4",
        "r.yaml:6",
    ]
    answer = json.loads(run("recipe", "check", "r.yaml", "--json", cwd=tmp_path).stdout)
    assert answer["ok"] is False and len(answer["problems"]) == 3


def test_recipe_schema_is_json_either_way() -> None:
    plain, asked = run("recipe", "schema"), run("recipe", "schema", "--json")
    assert json.loads(plain.stdout) == json.loads(asked.stdout)


@pytest.mark.parametrize(
    ("command", "recipe"),
    [("build", "region-diff"), ("loop run", "loop/pocket"), ("loop run", "loop/pocket-quick")],
)
def test_what_the_help_of_set_offers_can_be_set(command: str, recipe: str) -> None:
    (one,) = (one for one in parsers(parser()) if one.prog == f"counterfactory {command}")
    offered = re.findall(r"[\w.-]+=\w+", one._option_string_actions["--set"].help or "")
    assert len(offered) == 3
    assert main(["recipe", "check", recipe, *(f"--set={words}" for words in offered)]) == 0


@pytest.mark.slow
def test_doctor_finds_a_cache_that_cannot_be_written(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("in the way")
    env = {**os.environ, "COUNTERFACTORY_CACHE": str(blocked)}
    command = [sys.executable, "-m", "counterfactory", "doctor", "--json"]
    done = subprocess.run(command, capture_output=True, text=True, env=env, timeout=120)
    found = json.loads(done.stdout)
    assert done.returncode == 2 and found["ok"] is False
    assert [
        check["name"] for check in found["checks"] if not check["ok"] and check["name"] == "cache"
    ] == ["cache"]
