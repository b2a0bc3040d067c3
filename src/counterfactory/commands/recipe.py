"""`counterfactory recipe list | show R | check R | schema [build|loop|METHOD]`."""

import argparse
import json
from importlib import import_module
from typing import Any

from counterfactory.commands.options import group, recipe_options, sub
from counterfactory.commands.output import answer, table
from counterfactory.errors import UserError
from counterfactory.training import METHODS


def add(commands: Any) -> None:
    """Declare the command."""
    recipes = group(commands, "recipe", "look at recipes: what to make, as YAML")
    sub(recipes, "list", "list the shipped recipes").set_defaults(run=run_list)
    show = sub(recipes, "show", "print a recipe with every default filled in, and its fingerprint")
    recipe_options(show)
    show.set_defaults(run=run_show)
    check = sub(recipes, "check", "say all that is wrong with a recipe, without loading a model")
    recipe_options(check)
    check.set_defaults(run=run_check)
    schema = sub(recipes, "schema", "print the JSON Schema of recipes or of a method's settings")
    schema.add_argument(
        "kind", nargs="?", choices=("build", "loop", *METHODS), default="build",
        help="of recipes: build or loop; of what `train METHOD --set` changes: a method (default: build)",
    )  # fmt: skip
    schema.set_defaults(run=run_schema)


def run_list(args: argparse.Namespace) -> int:
    """List the shipped recipes with their descriptions."""
    from counterfactory.factory.recipe_layers import (
        load,
        shipped_folder,
        shipped_loops,
        shipped_recipes,
    )

    about = {}
    for name in [*shipped_recipes(), *shipped_loops()]:
        values = load(shipped_folder() / f"{name}.yaml").values
        about[name] = " ".join(str(values.get("description", "")).split())
    result = {"recipes": [{"name": name, "description": text} for name, text in about.items()]}
    answer(args, result, table([(name, text) for name, text in about.items()]))
    return 0


def run_show(args: argparse.Namespace) -> int:
    """Print the resolved recipe."""
    from counterfactory.factory.recipe import resolve
    from counterfactory.loop.recipe import resolve_loop

    how = resolve_loop if kind_of(args) == "loop" else resolve
    recipe: Any = how(args.recipe, args.overrides)
    result = {"name": recipe.name, "fingerprint": recipe.fingerprint, "recipe": recipe.values()}
    answer(args, result, f"# fingerprint: {recipe.fingerprint}\n{recipe.yaml()}".rstrip())
    return 0


def run_check(args: argparse.Namespace) -> int:
    """Validate the file, then prove that every op and check finds what it reads."""
    try:
        recipe, steps = _checked_loop(args) if kind_of(args) == "loop" else _checked_build(args)
    except UserError as error:
        if not args.json:
            raise
        answer(args, {"ok": False, "problems": str(error).splitlines()}, "")
        return 2
    result = {"ok": True, "problems": [], "name": recipe.name, "fingerprint": recipe.fingerprint}
    answer(args, result, f"{recipe.name}: ok ({steps})\nfingerprint {recipe.fingerprint}")
    return 0


def kind_of(args: argparse.Namespace) -> str:
    """Return the `kind` that a recipe says it is."""
    from counterfactory.factory.recipe_layers import (
        find_recipe,
        load,
        shipped_loops,
        shipped_recipes,
    )

    known = [*shipped_recipes(), *shipped_loops()]
    values = load(find_recipe(args.recipe, known=known), args.overrides).values
    return str(values.get("kind", "")) if isinstance(values, dict) else ""


def _checked_build(args: argparse.Namespace) -> tuple[Any, str]:
    from counterfactory.factory.recipe import checked

    recipe = checked(args.recipe, args.overrides)
    views = ", ".join(recipe.views)
    return recipe, f"{len(recipe.ops)} ops, {len(recipe.checks)} checks, views {views}"


def _checked_loop(args: argparse.Namespace) -> tuple[Any, str]:
    from counterfactory.loop.recipe import checked_loop

    recipe = checked_loop(args.recipe, args.overrides)
    stages = ", ".join(stage.title for stage in recipe.trained)
    return recipe, f"{recipe.rounds} rounds of {len(recipe.builds)} builds, then {stages}"


def run_schema(args: argparse.Namespace) -> int:
    """Print the JSON Schema, which is JSON either way."""
    from counterfactory.factory.recipe import json_schema
    from counterfactory.loop.recipe_schema import loop_schema

    if args.kind in METHODS:
        schema = import_module(METHODS[args.kind]).Settings.model_json_schema()
    else:
        schema = loop_schema() if args.kind == "loop" else json_schema()
    answer(args, schema, json.dumps(schema, indent=2))
    return 0
