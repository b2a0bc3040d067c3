"""Layers of a recipe: the file, what it `extends`, and `--set` on top.

    base.yaml   source: {kind: world, n: 2000}     ops: [propose, mask, edit]
    mine.yaml   extends: base.yaml                 source: {n: 500}
    --set ops.edit.steps=4
    ->          source: {kind: world, n: 500}      ops: [propose, mask, edit(steps 4)]

Mappings merge key by key; lists and single values replace. A `source` of another kind replaces the
whole `source`: the keys of one kind mean nothing to another. A file that extends another reaches into
its lists by `set`, as the command line does: `set: {ops.edit.steps: 4}`. Only the layering is checked
here.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from counterfactory.errors import UserError, did_you_mean
from counterfactory.factory import recipe_yaml
from counterfactory.factory.recipe_yaml import Document, dotted

MAX_EXTENDS = 10
ITEM_NAMES = ("name", "op", "check", "slice", "train", "recipe")  # by which --set finds an item


def shipped_folder() -> Path:
    """Return the folder with the recipes of the package."""
    import counterfactory.recipes

    return Path(counterfactory.recipes.__path__[0])


def shipped_recipes() -> list[str]:
    """Return the names of the recipes of the package."""
    return sorted(path.stem for path in shipped_folder().glob("*.yaml"))


def shipped_loops() -> list[str]:
    """Return the names of the loop recipes of the package: `loop/pocket`, `loop/ablations/no-rl`."""
    folder = shipped_folder()
    found = (path.relative_to(folder).with_suffix("") for path in folder.glob("loop/**/*.yaml"))
    return sorted(path.as_posix() for path in found)


def find_recipe(name: str, near: Path | None = None, known: Sequence[str] = ()) -> Path:
    """Return the file of a recipe: a path (relative to `near`) or a shipped name.

    `known` are the names to choose from where there is no such one; none: the build recipes.
    """
    if name.startswith("loop/") and name in shipped_loops():
        return shipped_folder() / f"{name}.yaml"
    looks_like_path = name.endswith((".yaml", ".yml")) or "/" in name or "\\" in name
    path = Path(name) if near is None else near / name
    if looks_like_path:
        if not path.is_file():
            hint = did_you_mean(name, shipped_loops() if name.startswith("loop/") else ())
            raise UserError(f"{path}: found no such file, expected a recipe{hint}")
        return path
    if near is None and path.is_file():
        return path
    shipped = shipped_recipes()
    if name not in shipped:
        known = known or shipped
        hint = did_you_mean(name, known)
        raise UserError(
            f"found recipe {name!r}, expected a .yaml file or one of {', '.join(known)}{hint}"
        )
    return shipped_folder() / f"{name}.yaml"


def load(path: Path, overrides: Sequence[str] = ()) -> Document:
    """Return the merged document of `path`, all it extends, and `overrides` ("a.b=c")."""
    document = _load(path, [])
    for override in overrides:
        set_value(document, override)
    return document


def _load(path: Path, seen: list[Path]) -> Document:
    resolved = path.resolve()
    if resolved in seen:
        circle = " -> ".join(part.name for part in [*seen[seen.index(resolved) :], resolved])
        raise UserError(f"{path}: extends: found a circle ({circle}), expected an end")
    if len(seen) >= MAX_EXTENDS:
        raise UserError(f"{path}: extends: found more than {MAX_EXTENDS} layers, expected fewer")
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "not UTF-8 text"
        raise UserError(
            f"{path}: found {str(reason).lower()}, expected a readable recipe"
        ) from None
    document = recipe_yaml.read(text, str(path))
    if not isinstance(document.values, dict):
        found = type(document.values).__name__ if document.values is not None else "an empty file"
        raise UserError(f"{path}:1: found {found}, expected a mapping of recipe keys")
    if "extends" not in document.values:
        return document
    base_name = document.values["extends"]
    place = document.place(("extends",))
    if not isinstance(base_name, str) or not base_name:
        raise UserError(
            f"{place}: extends: found {base_name!r}, expected a recipe name or a relative path"
        )
    try:
        base = _load(find_recipe(base_name, path.parent), [*seen, resolved])
    except UserError as error:
        if str(error).startswith("found recipe"):
            raise UserError(f"{place}: extends: {error}") from None
        raise
    return _with_set(merge(base, document))


def _with_set(document: Document) -> Document:
    """Lay the values below `set` over the document, each as `--set` would be."""
    changes = document.values.pop("set", {})
    place = document.place(("set",))
    if not isinstance(changes, dict):
        raise UserError(f"{place}: set: found {changes!r}, expected a mapping such as a.b: c")
    for key, value in changes.items():
        put(document, str(key), value, f"{document.place(('set', key)) or place}: set.{key}")
    for path in [path for path in document.places if path[:1] == ("set",)]:
        del document.places[path]
    return document


def merge(base: Document, top: Document) -> Document:
    """Return `base` with `top` laid over it; every value keeps the place it came from."""
    places = dict(base.places)
    values = _merged(base.values, top.values, (), places, top.places)
    values.pop("extends", None)
    places.pop(("extends",), None)
    return Document(values, places, [*base.problems, *top.problems])


def _merged(
    base: Any,
    top: Any,
    path: recipe_yaml.Path,
    places: dict[recipe_yaml.Path, str],
    top_places: dict[recipe_yaml.Path, str],
) -> Any:
    other_kind = (
        path == ("source",)
        and isinstance(base, dict)
        and isinstance(top, dict)
        and top.get("kind", base.get("kind")) != base.get("kind")
    )
    if isinstance(base, dict) and isinstance(top, dict) and not other_kind:
        places[path] = top_places[path]
        result = dict(base)
        for key, value in top.items():
            below = (*path, key)
            result[key] = _merged(base.get(key), value, below, places, top_places)
        return result
    _replace_places(path, places, top_places)
    return top


def _replace_places(
    path: recipe_yaml.Path,
    places: dict[recipe_yaml.Path, str],
    new: dict[recipe_yaml.Path, str],
) -> None:
    depth = len(path)
    for old in [key for key in places if key[:depth] == path]:
        del places[old]
    places.update({key: place for key, place in new.items() if key[:depth] == path})


def set_value(document: Document, override: str) -> None:
    """Lay one `a.b=c` over the document; list items go by index or by the name of their op."""
    label = f"--set {override}"
    target, equals, text = override.partition("=")
    if not equals or not all(target.strip().split(".")):
        raise UserError(f"{label}: found no key and value, expected a.b=c")
    put(document, target.strip(), recipe_yaml.read_value(text, label), label)


def put(document: Document, target: str, value: Any, label: str) -> None:
    """Set the value at `a.b`; `label` says who wants it, should there be no such place."""
    parts = target.split(".")
    if not all(parts):
        raise UserError(f"{label}: found {target!r}, expected keys such as a.b")
    if parts in (["extends"], ["set"]):
        raise UserError(f"{label}: found {target}, expected a key of the recipe itself")
    holder: Any = document.values
    path: recipe_yaml.Path = ()
    for part in parts[:-1]:
        key = _step(holder, part, path, label)
        if isinstance(holder, dict) and holder.get(key) is None:
            holder[key] = {}
        holder, path = holder[key], (*path, key)
    last = _step(holder, parts[-1], path, label)
    holder[last] = value
    _replace_places((*path, last), document.places, {})
    document.places[(*path, last)] = label


def _step(holder: Any, part: str, path: recipe_yaml.Path, label: str) -> Any:
    """Return the key or the index that `part` means in `holder`."""
    if isinstance(holder, dict):
        return part
    if not isinstance(holder, list):
        raise UserError(
            f"{label}: {dotted(path)}: found a single value, expected a mapping or a list"
        )
    if part.isdecimal():
        if int(part) >= len(holder):
            text = f"found index {part}, expected one below {len(holder)}"
            raise UserError(f"{label}: {dotted(path)}: {text}")
        return int(part)
    names = [_item_name(item) for item in holder]
    if names.count(part) > 1:
        at = ", ".join(str(index) for index, name in enumerate(names) if name == part)
        raise UserError(
            f"{label}: {dotted(path)}: found several {part!r}, expected one of the indexes {at}"
        )
    if part not in names:
        known = [name for name in names if name]
        text = f"found {part!r}, expected an index or one of {', '.join(known)}"
        raise UserError(f"{label}: {dotted(path)}: {text}{did_you_mean(part, known)}")
    return names.index(part)


def _item_name(item: Any) -> str:
    if not isinstance(item, dict):
        return str(item) if isinstance(item, str) else ""
    name = next((item[key] for key in ITEM_NAMES if item.get(key)), "")
    return name if isinstance(name, str) else ""
