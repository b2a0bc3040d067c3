"""Imports go one way: spine <- cards, factory <- eval <- training <- loop <- the command line."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

SPINE = Path(__file__).parents[2] / "src" / "counterfactory"

LEVEL = {
    "buckets": 1, "cache": 1, "environment": 1, "errors": 1, "fingerprint": 1, "images": 1, "journal": 1,
    "judges": 1, "mirror": 1, "models": 1, "parse": 1, "pocket": 1, "progress": 1, "records": 1, "selecting": 1,
    "served": 1,
    "cards": 2, "recipes": 2,
    "factory": 3,
    "eval": 4,
    "training": 5,  # trainers mark and sample with what measures
    "loop": 6,
    "cli": 7, "commands": 7, "__main__": 7,
}  # fmt: skip
"""A part may import itself and every part of a lower level; parts of the spine may import each other."""

BLIND = ("factory.ops", "factory.checks", "factory.run", "factory.release")
"""Code that makes or judges data: it may see an image and its annotations, never the scene behind.
"""

TRUTH = ("counterfactory.factory.world", "counterfactory.factory.sources.world")


def imports(path: Path) -> Iterator[tuple[int, str]]:
    """Yield (line, absolute name) of everything that a file imports from this project."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [f"{'.' * node.level}{node.module or ''}.{alias.name}" for alias in node.names]
        else:
            continue
        for name in names:
            yield node.lineno, name


def modules() -> list[tuple[str, Path]]:
    """Return (dotted name below counterfactory, file) of every module in the namespace."""
    found = []
    for entry in sorted(SPINE.iterdir()):
        files = [entry] if entry.suffix == ".py" else sorted(entry.resolve().rglob("*.py"))
        root = SPINE if entry.suffix == ".py" else entry.resolve().parent
        for path in files:
            parts = path.relative_to(root).with_suffix("").parts
            found.append((".".join(part for part in parts if part != "__init__"), path))
    return [(name, path) for name, path in found if name]


def allowed(owner: str, name: str) -> bool:
    """Say whether `owner` (a part) may import `name` (absolute)."""
    if name.startswith("."):
        return False
    if not name.startswith("counterfactory."):
        return True
    target = name.split(".")[1]
    if target not in LEVEL:
        return target.startswith("_")  # counterfactory.__version__
    return (
        target == owner
        or LEVEL[target] < LEVEL[owner]
        or LEVEL[target] == LEVEL[owner] == 1
        or LEVEL[target] == LEVEL[owner] == LEVEL["cli"]
    )


def test_every_part_of_the_namespace_has_a_level() -> None:
    parts = {name.split(".")[0] for name, _ in modules()}
    assert {"records", "factory", "training", "eval", "recipes", "cards"} <= parts
    assert parts <= LEVEL.keys(), "give the new part its level in LEVEL above"


def test_imports_go_one_way() -> None:
    wrong = [
        f"{path}:{line} {name}"
        for module, path in modules()
        for line, name in imports(path)
        if not allowed(module.split(".")[0], name)
    ]
    assert wrong == []


@pytest.mark.parametrize(
    ("owner", "name", "verdict"),
    [
        ("records", "counterfactory.factory.recipe.load", False),
        ("models", "counterfactory.images.png", True),
        ("factory", "counterfactory.training.pocket.clip", False),
        ("factory", "counterfactory.cards.render", True),
        ("cards", "counterfactory.factory.recipe", False),
        ("eval", "counterfactory.training.pocket", False),
        ("training", "counterfactory.eval.marking", True),
        ("factory", ".recipe", False),
        ("cli", "counterfactory.commands.build", True),
    ],
)
def test_the_order_refuses_what_it_should(owner: str, name: str, verdict: bool) -> None:
    assert allowed(owner, name) is verdict


def sees_truth(name: str) -> bool:
    """Say whether an import reaches the scenes or the oracle that is made from them."""
    return name.startswith(TRUTH) or (
        name.startswith("counterfactory.factory") and "oracle" in name
    )


def test_ops_checks_and_engine_never_see_the_world_or_its_oracle() -> None:
    blind = [(name, path) for name, path in modules() if name.startswith(BLIND)]
    assert len(blind) >= len(BLIND)
    wrong = [
        f"{path}:{line} {name}"
        for module, path in blind
        if "oracle" not in module
        for line, name in imports(path)
        if sees_truth(name)
    ]
    assert wrong == []


def test_recipes_hold_data_and_no_code() -> None:
    code = [path for name, path in modules() if name.startswith("recipes") and any(imports(path))]
    assert code == []
