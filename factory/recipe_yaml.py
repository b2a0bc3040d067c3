"""YAML as data: values, and the line each of them stands on.

    document = read("source:\\n  n: 500\\n", "r.yaml")
    document.values                      {"source": {"n": 500}}
    document.place(("source", "n"))      "r.yaml:2"

Scalars follow YAML 1.2: `no` is a word and `1e-3` is a number (in YAML 1.1, which PyYAML reads by
default, `no` is false and `1e-3` is text). Nothing is ever constructed but mappings, lists, text,
numbers, booleans and null.
"""

import math
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import yaml

from counterfactory.errors import UserError

Path = tuple[str | int, ...]  # ("ops", 2, "steps")

MAX_BYTES = 1_000_000
MAX_NODES = 20_000  # values after aliases are expanded: a bomb ends here
MAX_DEPTH = 30
MAX_SCALAR = 300  # characters of one number

_SCALARS = [
    ("null", re.compile(r"^(?:~|null|Null|NULL|)$"), ["~", "n", "N", ""]),
    ("bool", re.compile(r"^(?:true|True|TRUE|false|False|FALSE)$"), list("tTfF")),
    ("int", re.compile(r"^[-+]?[0-9]+$"), list("-+0123456789")),
    (
        "float",
        re.compile(r"^[-+]?(?:[0-9]+\.[0-9]*|\.[0-9]+|[0-9]+(?=[eE]))(?:[eE][-+]?[0-9]+)?$"),
        list("-+.0123456789"),
    ),
]

_PATTERNS = {tag: pattern for tag, pattern, _ in _SCALARS}
_CONSTRUCT: dict[str, Callable[[str], Any]] = {
    "null": lambda text: None,
    "bool": lambda text: text.lower() == "true",
    "int": int,
    "float": float,
}


class _Loader(yaml.SafeLoader):
    """SafeLoader with the scalars of YAML 1.2; only its `compose` half is used."""

    yaml_implicit_resolvers: dict[str, Any] = {}


class _Dumper(yaml.SafeDumper):
    """Writes what `_Loader` reads back to the same values."""

    yaml_implicit_resolvers: dict[str, Any] = {}

    def ignore_aliases(self, data: Any) -> bool:
        return True

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> Any:
        return super().increase_indent(flow, False)


def _text(dumper: _Dumper, text: str) -> yaml.ScalarNode:
    """Quote and escape line ends that PyYAML would write bare and read back as a blank."""
    style = '"' if re.search("[\x85\u2028\u2029\ufeff]", text) else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _text)
for _tag, _pattern, _first in _SCALARS:
    for _class in (_Loader, _Dumper):
        _class.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", _pattern, _first)


@dataclass(slots=True)
class Document:
    """The values of one file, where each stands, and what was wrong with it."""

    values: Any
    places: dict[Path, str] = field(default_factory=dict)  # path -> "file:line"
    problems: list[str] = field(default_factory=list)  # "file:line: path: found X, expected Y"

    def place(self, path: Path) -> str:
        """Return where `path` stands, or the nearest mapping around it."""
        while path and path not in self.places:
            path = path[:-1]
        return self.places.get(path, "")


def dotted(path: Path) -> str:
    """Return a path to read: `ops.2.steps`."""
    return ".".join(str(part) for part in path)


def read(text: str, name: str) -> Document:
    """Return the values of `text`. Raises `UserError` when it is no YAML at all."""
    if len(text.encode("utf-8", "surrogatepass")) > MAX_BYTES:
        raise UserError(f"{name}: found more than {MAX_BYTES} bytes, expected a recipe of less")
    try:
        loader = _Loader(text)
        try:
            node = loader.get_single_node()
        finally:
            loader.dispose()
    except yaml.YAMLError as error:
        raise UserError(_syntax_problem(error, name)) from None
    except RecursionError:
        text = f"found brackets nested too deep, expected at most {MAX_DEPTH} levels"
        raise UserError(f"{name}: {text}") from None
    if node is None:
        return Document(None, {(): f"{name}:1"})
    return _Builder(name).build(node)


def read_value(text: str, name: str) -> Any:
    """Return one value, as `--set` gives it; a problem in it is a `UserError`."""
    document = read(text, name)
    if document.problems:
        raise UserError("\n".join(document.problems))
    return document.values


def write(values: Any) -> str:
    """Return YAML that `read` gives back as equal values, keys in the order given."""
    text = yaml.dump(values, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=100)
    return text.removesuffix("...\n")


def _syntax_problem(error: yaml.YAMLError, name: str) -> str:
    mark = getattr(error, "problem_mark", None)
    problem = getattr(error, "problem", None) or getattr(error, "reason", None) or str(error)
    line = f":{mark.line + 1}" if mark is not None else ""
    problem = " ".join(str(problem).split())
    return f"{name}{line}: found {problem}, expected YAML"


class _Builder:
    """Turns a node graph into values, counting nodes and depth."""

    def __init__(self, name: str) -> None:
        self.name, self.nodes = name, 0
        self.document = Document(None)

    def build(self, node: yaml.Node) -> Document:
        self.document.values = self._value(node, ())
        return self.document

    def _problem(self, node: yaml.Node, path: Path, text: str) -> None:
        where = f"{dotted(path)}: " if path else ""
        self.document.problems.append(f"{self.name}:{node.start_mark.line + 1}: {where}{text}")

    def _value(self, node: yaml.Node, path: Path) -> Any:
        self.nodes += 1
        if self.nodes > MAX_NODES:
            text = f"found more than {MAX_NODES} values, expected fewer"
            raise UserError(f"{self.name}: {text}")
        if len(path) > MAX_DEPTH:
            text = f"found more than {MAX_DEPTH} levels, expected fewer"
            raise UserError(f"{self.name}: {dotted(path[:3])}...: {text}")
        self.document.places[path] = f"{self.name}:{node.start_mark.line + 1}"
        if isinstance(node, yaml.MappingNode) and node.tag.endswith(":map"):
            return {key: self._value(value, (*path, key)) for key, value in self._items(node, path)}
        if isinstance(node, yaml.SequenceNode) and node.tag.endswith(":seq"):
            return [self._value(item, (*path, index)) for index, item in enumerate(node.value)]
        if isinstance(node, yaml.ScalarNode):
            return self._scalar(node, path)
        self._problem(node, path, f"found the tag {node.tag!r}, expected plain values")
        return None

    def _items(self, node: yaml.MappingNode, path: Path) -> Iterator[tuple[str, yaml.Node]]:
        seen: dict[str, int] = {}
        for key_node, value_node in node.value:
            key = key_node.value if isinstance(key_node, yaml.ScalarNode) else None
            if key is None:
                self._problem(key_node, path, "found a list or mapping as a key, expected a word")
            elif key in seen:
                text = f"found the key a second time (first in line {seen[key]}), expected it once"
                self._problem(key_node, (*path, key), text)
            else:
                seen[key] = key_node.start_mark.line + 1
                yield key, value_node

    def _scalar(self, node: yaml.ScalarNode, path: Path) -> Any:
        kind, text = node.tag.rpartition(":")[2], str(node.value)
        fits = kind in _PATTERNS and _PATTERNS[kind].match(text) and len(text) <= MAX_SCALAR
        if node.tag == "tag:yaml.org,2002:str":
            return text
        if node.tag.startswith("tag:yaml.org,2002:") and fits:
            value = _CONSTRUCT[kind](text)
            if not (isinstance(value, float) and math.isinf(value)):
                return value
        found = f"{node.tag.removeprefix('tag:yaml.org,2002:')} {text[:40]!r}"
        self._problem(node, path, f"found {found}, expected a plain value")
        return None
