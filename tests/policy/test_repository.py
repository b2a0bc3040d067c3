"""What is committed: working links, a truthful README, nothing of one person's machine."""

import ast
import os
import re
import tomllib
from pathlib import Path

import pytest
import yaml

LINKED = ("cards", "eval", "factory", "recipes", "training")
PRIVATE = re.compile(
    r"(?<![\w.])/(?:ho" r"me|ro" r"ot|Us" r"ers|wo" r"rk|fa" r"rm|op" r"t)/\w"
    r"|/tm" r"p/bash_jobs"
    r"|pypi\.or" r"g|pythonhosted\.or" r"g|registry\.npmj" r"s"
    r"|index-ur" r"l|https?://\S*/simpl" r"e\b"
)  # fmt: skip
"""Paths of one machine and hosts of packages, written so that this file does not match itself."""


@pytest.mark.parametrize("name", LINKED)
def test_each_link_is_relative_and_leads_to_its_folder(name: str, root: Path) -> None:
    link = root / "src" / "counterfactory" / name
    assert link.is_symlink(), "a checkout with core.symlinks=false cannot work: enable links"
    assert os.readlink(link) == f"../../{name}"
    assert (link / "__init__.py").samefile(root / name / "__init__.py")


def texts(root: Path, tracked: list[Path]) -> dict[Path, str]:
    """Return every tracked text file with its text."""
    found = {}
    for path in tracked:
        if (root / path).is_file() and not (root / path).is_symlink():
            data = (root / path).read_bytes()
            if b"\0" not in data[:8192]:
                found[path] = data.decode("utf-8", errors="replace")
    return found


def test_no_file_names_a_package_host_or_a_path_of_one_machine(
    root: Path, tracked: list[Path]
) -> None:
    read = texts(root, tracked)
    assert Path("pyproject.toml") in read
    hits = [
        f"{path}:{number}: {line.strip()[:120]}"
        for path, text in read.items()
        for number, line in enumerate(text.splitlines(), 1)
        if PRIVATE.search(line)
    ]
    assert hits == []


def test_constraints_hold_names_and_versions_only(root: Path) -> None:
    lines = (root / "constraints.txt").read_text().splitlines()
    assert len(lines) > 50
    assert [line for line in lines if not re.fullmatch(r"[a-z0-9-]+==[0-9][\w.]*", line)] == []


def test_every_dependency_is_constrained(root: Path) -> None:
    project = tomllib.loads((root / "pyproject.toml").read_text())["project"]
    wanted = [*project["dependencies"], *project["optional-dependencies"]["dev"]]
    names = {re.split(r"[^\w-]", item)[0].lower().replace("_", "-") for item in wanted}
    held = {line.split("==")[0] for line in (root / "constraints.txt").read_text().splitlines()}
    assert names - held == set()


def fenced(text: str, marker: str) -> list[str]:
    """Return the lines of the first fenced block after a marker comment."""
    match = re.search(rf"<!-- {marker} -->\s*```\w*\n(.*?)```", text, re.DOTALL)
    assert match, f"no fenced block after <!-- {marker} -->"
    return match.group(1).splitlines()


def paths_in(tree: list[str]) -> list[str]:
    """Return the paths of an indented tree: two blanks a level, a name first, then its caption."""
    found: list[str] = []
    parents: list[str] = []
    for line in tree:
        depth = (len(line) - len(line.lstrip())) // 2
        name = line.split()[0]
        parents = [*parents[:depth], name]
        found.append("".join(parents))
    return found


def test_the_tree_in_the_readme_is_the_real_one(root: Path, tracked: list[Path]) -> None:
    told = paths_in(fenced((root / "README.md").read_text(), "tree"))
    absent = [path for path in told if not (root / path).exists()]
    assert absent == []

    def folders(parent: str) -> set[str]:
        inside = [p.as_posix() for p in tracked if p.as_posix().startswith(parent)]
        names = {path[len(parent) :].split("/")[0] for path in inside if "/" in path[len(parent) :]}
        return {f"{parent}{name}/" for name in names if not name.startswith(".")}

    told_folders = {path for path in told if path.endswith("/")}
    for parent in ("", "factory/"):
        assert folders(parent) - told_folders == set(), "README does not tell of these folders"


def test_the_links_in_the_documents_lead_somewhere(root: Path, tracked: list[Path]) -> None:
    broken = []
    for path in tracked:
        if path.suffix != ".md" or "pocket" in path.parts:
            continue
        for target in re.findall(r"\]\(([^)#\s]+)", (root / path).read_text(encoding="utf-8")):
            if "://" not in target and not (root / path.parent / target).exists():
                broken.append(f"{path}: {target}")
    assert broken == []


def test_the_pre_commit_hooks_are_local(root: Path) -> None:
    config = yaml.safe_load((root / ".pre-commit-config.yaml").read_text())
    assert [repo["repo"] for repo in config["repos"]] == ["local"]


@pytest.fixture(scope="module")
def code(root: Path, tracked: list[Path]) -> dict[Path, ast.Module]:
    """The syntax tree of every Python file outside the tests."""
    paths = [p for p in tracked if p.suffix == ".py" and p.parts[0] != "tests"]
    return {path: ast.parse((root / path).read_text(encoding="utf-8")) for path in paths}


def test_every_module_says_what_it_is(code: dict[Path, ast.Module]) -> None:
    assert Path("src/counterfactory/records.py") in code
    silent = [str(p) for p, tree in code.items() if not (ast.get_docstring(tree) or "").strip()]
    assert silent == []


def test_no_function_is_longer_than_sixty_lines(code: dict[Path, ast.Module]) -> None:
    long = [
        f"{path}:{node.lineno} {node.name}"
        for path, tree in code.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef) and (node.end_lineno or 0) - node.lineno >= 60
    ]
    assert long == []


def test_nothing_is_left_unfinished(root: Path, tracked: list[Path]) -> None:
    unfinished = re.compile(r"\b(TO" r"DO|FIX" r"ME|XX" r"X)\b")
    hits = [
        str(path)
        for path, text in texts(root, tracked).items()
        if path.suffix in {".py", ".yaml", ".md", ".toml"} and unfinished.search(text)
    ]
    assert hits == []
