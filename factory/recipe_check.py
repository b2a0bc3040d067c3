"""All that is wrong with a recipe at once, each with its place and what would be right.

r.yaml:7: source.kind: found 'wrld', expected one of folder, hub, world (did you mean 'world'?)
r.yaml:12: ops.2.stepz: found an unknown key, expected one of op, steps (did you mean 'steps'?)
"""

import json
import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path as FilePath
from typing import Any, TypeVar, get_args

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo

from counterfactory.errors import UserError, did_you_mean
from counterfactory.factory.recipe import KEYS, Head
from counterfactory.factory.recipe_yaml import Document, Path, dotted

Problems = Iterable[tuple[Path, str]]

_EXPECTED = {
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "string_type": "text",
    "bool_type": "true or false",
    "tuple_type": "a list",
    "list_type": "a list",
    "dict_type": "a mapping",
    "model_type": "a mapping",
    "model_attributes_type": "a mapping",
}

LOADED = ("clip", "sam", "inpaint", "vlm")  # roles whose weights are loaded: a server has none


def checked_parts(document: Document) -> dict[str, Any]:
    """Return the validated parts of a recipe. Raises one `UserError` that lists every problem."""
    values = document.values
    if not isinstance(values, dict):
        text = f"found {_shown(values)}, expected a mapping of recipe keys"
        raise UserError(f"{document.place(()) or 'recipe'}: {text}")
    if values.get("kind") == "loop":
        text = "found 'loop', expected 'build' (`counterfactory loop run` runs loop recipes)"
        raise UserError(f"{document.place(('kind',))}: kind: {text}")
    checker = _Checker(document)
    parts = checker.head(values)
    parts["source"] = checker.source(values)
    parts["ops"] = checker.steps(values, "ops", "op")
    parts["checks"] = checker.steps(values, "checks", "check")
    if checker.problems:
        raise UserError("\n".join(_in_file_order(checker.problems)))
    return parts


M = TypeVar("M", bound=BaseModel)


def checked_as(model: type[M], document: Document, more: Callable[[M], Problems]) -> M:
    """Return a document as a model of another kind of recipe; all problems are one `UserError`.

    `more` looks at what fits the schema and gives (path, problem) of what still cannot be.
    """
    values = document.values
    checker = _Checker(document)
    if not isinstance(values, dict):
        checker.problem((), "", f"found {_shown(values)}, expected a mapping of recipe keys")
        values = {}
    built = checker.part(model, values, ()) if not checker.problems else None
    if isinstance(built, model) and not checker.problems:
        for path, text in more(built):
            checker.problem(path, "", text)
    if checker.problems or not isinstance(built, model):
        raise UserError("\n".join(_in_file_order(checker.problems)))
    return built


class _Checker:
    """Collects problems while it validates one part after the other."""

    def __init__(self, document: Document) -> None:
        self.document = document
        self.problems = list(document.problems)

    def head(self, values: dict[str, Any]) -> dict[str, Any]:
        """Validate all but source, ops and checks."""
        rest = {
            key: value for key, value in values.items() if key not in ("source", "ops", "checks")
        }
        head = self.part(Head, rest, ())
        return (
            {key: getattr(head, key) for key in Head.model_fields} if isinstance(head, Head) else {}
        )

    def source(self, values: dict[str, Any]) -> BaseModel | None:
        """Validate the source by the class that its `kind` names."""
        from counterfactory.factory.sources import SOURCES

        if "source" not in values:
            self.problem(
                (), "source", f"found nothing, expected a mapping with kind: {_listed(SOURCES)}"
            )
            return None
        return self.one_of(SOURCES, "kind", values["source"], ("source",))

    def steps(self, values: dict[str, Any], key: str, word: str) -> tuple[BaseModel, ...]:
        """Validate the list of ops or checks, each by the class that it names."""
        from counterfactory.factory.checks import CHECKS
        from counterfactory.factory.ops import OPS
        from counterfactory.factory.sources import ORACLE_OPS

        registry: Mapping[str, type[BaseModel]] = OPS | ORACLE_OPS if word == "op" else CHECKS
        items = values.get(key, [])
        if not isinstance(items, list):
            self.problem((key,), "", f"found {_shown(items)}, expected a list")
            return ()
        built = [
            self.one_of(registry, word, item, (key, index)) for index, item in enumerate(items)
        ]
        return tuple(step for step in built if step is not None)

    def one_of(
        self, registry: Mapping[str, type[BaseModel]], word: str, item: Any, path: Path
    ) -> BaseModel | None:
        """Validate `item` by the class that its key `word` names."""
        if not isinstance(item, dict):
            self.problem(
                path,
                "",
                f"found {_shown(item)}, expected a mapping with {word}: {_listed(registry)}",
            )
            return None
        if word not in item:
            self.problem(path, word, f"found nothing, expected one of {_listed(registry)}")
            return None
        name = item[word]
        if not isinstance(name, str) or name not in registry:
            hint = did_you_mean(str(name), registry)
            text = f"found {_shown(name)}, expected one of {_listed(registry)}{hint}"
            self.problem((*path, word), "", text)
            return None
        built = self.part(registry[name], item, path)
        if built is not None:
            self.models(built, item, path)
        return built

    def part(self, model: type[BaseModel], values: dict[str, Any], path: Path) -> BaseModel | None:
        """Validate one mapping strictly, as JSON: no text for numbers, no true for 1.

        The second pass puts the mappings among the defaults in the one key order, too.
        """
        try:
            built = model.model_validate_json(json.dumps(values), strict=True)
            whole = json.dumps(_sorted(built.model_dump(mode="json")))
            return model.model_validate_json(whole, strict=True)
        except ValidationError as error:
            for text in _explained(error, model, values, path, self.document):
                if text not in self.problems:
                    self.problems.append(text)
            return None

    def models(self, built: BaseModel, item: dict[str, Any], path: Path) -> None:
        """Say which model ids can never be one."""
        ids = built.models() if hasattr(built, "models") else ()
        for role, model_id in ids:
            if text := model_problem(model_id, role):
                key = next((key for key, value in item.items() if value == model_id), "model")
                self.problem((*path, key), "", text)

    def problem(self, path: Path, key: str, text: str) -> None:
        """Note one problem at `path`; `key` is a key that is missing there."""
        full = dotted((*path, key) if key else path)
        self.problems.append(f"{self.document.place(path)}: {full}: {text}")


def model_problem(model_id: str, role: str = "") -> str:
    """Return what is wrong with the form of a model id, or nothing. That it is there shows at load.

    >>> model_problem("pockt").removeprefix("found 'pockt', expected pocket, a local folder, ")
    "a Hub id (org/name) or openai:URL#model (did you mean 'pocket'?)"
    >>> model_problem("openai:http://localhost:8000/v1#sam", "sam").partition(", ")[2]
    'expected pocket, a local folder or a Hub id (org/name)'
    """
    served = model_id.startswith("openai:")
    if role == "chat":
        return "" if served else f"found {model_id!r}, expected openai:URL#model"
    known = ("", "pocket")
    is_path = "/" in model_id or model_id.endswith((".pth", ".pt", ".safetensors"))
    named = model_id in known or is_path or ":" in model_id or FilePath(model_id).is_dir()
    if named and not (served and role in LOADED):
        return ""
    others = "a local folder, a Hub id (org/name) or openai:URL#model"
    if role in LOADED:
        others = "a local folder or a Hub id (org/name)"
    return f"found {model_id!r}, expected pocket, {others}{did_you_mean(model_id, known)}"


def _explained(
    error: ValidationError, model: type[BaseModel], values: Any, base: Path, document: Document
) -> list[str]:
    """Return one line for each wrong value; alternatives for one value are joined by "or"."""
    lines: dict[tuple[str, str, str], list[str]] = {}
    for item in error.errors(include_url=False, include_context=True):
        location = item["loc"]
        if item["type"] == "too_short" and item["input"]:
            continue  # short only because what is in it is wrong, which is said
        if item["type"] in ("missing", "extra_forbidden"):
            holder = _existing(values, location[:-1])
            path = (*base, *holder, location[-1])
        else:
            holder = _existing(values, location)
            path = (*base, *holder)
        found, expected = _found_expected(item, model, holder)
        if match := re.match(
            r"([a-z_][\w.]*): ", found
        ):  # a check of the whole mapping names its key
            path, found = (*path, *match[1].split(".")), found[match.end() :]
        lines.setdefault((document.place(path), dotted(path), found), []).append(expected)
    return [
        f"{place}: {path}: {found}, expected {' or '.join(dict.fromkeys(expected))}"
        for (place, path, found), expected in lines.items()
    ]


def _found_expected(item: Any, model: type[BaseModel], holder: Path) -> tuple[str, str]:
    kind, value, message = item["type"], item["input"], str(item["msg"])
    if kind == "missing":
        field = _fields(model, holder).get(str(item["loc"][-1]))
        return "found nothing", _field_words(field)
    if kind == "extra_forbidden":
        known = _known_keys(model, holder)
        hint = did_you_mean(str(item["loc"][-1]), known)
        return (
            "found an unknown key",
            f"one of {', '.join(known)}{hint}" if known else "no such key",
        )
    if kind == "literal_error":
        choices = re.findall(r"'([^']*)'", item["ctx"]["expected"])
        hint = did_you_mean(str(value), choices)
        return (
            f"found {_shown(value)}",
            f"one of {', '.join(choices)}{hint}" if choices else message,
        )
    if kind == "too_short":
        return f"found {_shown(value)}", f"at least {item['ctx']['min_length']} item"
    message = message.removeprefix("Value error, ")
    if match := re.fullmatch(
        r"((?:[a-z_][\w.]*: )?[^,]*|.*?found .*?), expected (.*)", message, re.S
    ):
        return match[1], match[2]
    message = message.removeprefix("Input should be ").removeprefix("a valid ")
    message = message.replace("String should match pattern", "text like")
    return f"found {_shown(value)}", _EXPECTED.get(kind, message)


def _existing(values: Any, location: tuple[Any, ...]) -> Path:
    """Return the part of `location` that exists in the values: pydantic adds union branches."""
    path: list[str | int] = []
    for part in location:
        if isinstance(values, dict) and part in values:
            values = values[part]
        elif isinstance(values, list) and isinstance(part, int) and part < len(values):
            values = values[part]
        else:
            continue
        path.append(part)
    return tuple(path)


def _fields(model: type[BaseModel], path: Path) -> dict[str, FieldInfo]:
    """Return the fields of the mapping at `path` below `model`; empty when it has no fixed ones."""
    fields = model.model_fields
    for part in path:
        if isinstance(part, int):
            continue
        if part not in fields:
            return {}
        inner = _model_in(fields[part].annotation)
        if inner is None:
            return {}
        fields = inner.model_fields
    return fields


def _model_in(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((found for arg in get_args(annotation) if (found := _model_in(arg))), None)


def _known_keys(model: type[BaseModel], path: Path) -> list[str]:
    return list(KEYS) if model is Head and not path else list(_fields(model, path))


def _field_words(field: FieldInfo | None) -> str:
    if field is None:
        return "a value"
    words = {int: "a whole number", float: "a number", str: "text", bool: "true or false"}
    kind = words.get(field.annotation, "a value")  # type: ignore[arg-type]
    if str(field.annotation).startswith("tuple"):
        kind = "a list"
    choices = [repr(choice) for choice in get_args(field.annotation) if isinstance(choice, str)]
    kind = " or ".join(choices) or kind
    return f"{kind} ({field.description})" if field.description else kind


def _listed(registry: Mapping[str, object]) -> str:
    return ", ".join(sorted(registry))


def _shown(value: Any) -> str:
    text = repr(value) if isinstance(value, str) else json.dumps(value, default=str)
    return text if len(text) <= 60 else text[:57] + "..."


def _sorted(value: Any) -> Any:
    """Return the value with all mappings in one key order, so that no op can depend on it."""
    if isinstance(value, dict):
        return {key: _sorted(value[key]) for key in sorted(value)}
    return [_sorted(item) for item in value] if isinstance(value, list) else value


def _in_file_order(problems: list[str]) -> list[str]:
    def place(text: str) -> tuple[str, int, str]:
        match = re.match(r"(.*?):(\d+): ", text)
        return (match[1], int(match[2]), text) if match else (text, 0, text)

    return sorted(dict.fromkeys(problems), key=place)
