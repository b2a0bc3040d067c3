"""The card of a trained model: README.md, from what run.json holds.

    render(run, Path("runs/sft"))          # run: method, model, data, settings, final, versions ...

Facts in, text out. Names and numbers from elsewhere pass `cell` and `code` in the template.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from counterfactory.cards import markdown

TEMPLATES = Path(__file__).parent
PIPELINES = {"transformers": "image-text-to-text", "open_clip": "zero-shot-image-classification"}


def render(run: Mapping[str, Any], out: Path, evaluation: Mapping[str, Any] | None = None) -> str:
    """Return the card of the model in `out`; `evaluation` is the result of `eval run`."""
    import jinja2
    import yaml

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES), autoescape=False,  # the filters escape
        undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True,
        keep_trailing_newline=True,
    )  # fmt: skip
    environment.filters |= {
        "cell": markdown.cell, "code": markdown.code, "number": markdown.number,
    }  # fmt: skip
    environment.globals["table"] = markdown.table
    header = yaml.safe_dump(_header(run, out), sort_keys=False, allow_unicode=True)
    body = environment.get_template("model.md.jinja").render(
        run=run, name=out.name, base=named(run["model"]["id"]), evaluation=evaluation,
        settings=_flat(run["settings"]), data=[*run["data"], *run["replay"]],
    )  # fmt: skip
    return f"---\n{header}---\n\n{body.strip()}\n"


def named(model: str) -> str:
    """Return a model's name without the path of a machine."""
    return Path(model).name if _is_path(model) else model


def _header(run: Mapping[str, Any], out: Path) -> dict[str, Any]:
    """Return the YAML that the Hub reads; releases in folders are named relative to the model."""
    data = [one["release"] for one in (*run["data"], *run["replay"])]
    paths = [os.path.relpath(Path(d).expanduser(), out) if _is_path(d) else d for d in data]
    library = run.get("library", "transformers")
    header: dict[str, Any] = {
        "library_name": library, "pipeline_tag": PIPELINES[library],
        "tags": ["counterfactory", run["method"]], "datasets": list(dict.fromkeys(paths)),
    }  # fmt: skip
    model = run["model"]["id"]
    if not _is_path(model) and model != "pocket":
        header["base_model"] = model.partition("@")[0]
    return header


def _is_path(name: str) -> bool:
    return name.startswith(("/", ".", "~")) or name.count("/") > 1 or Path(name).is_dir()


def _flat(values: Mapping[str, Any], path: str = "") -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in values.items():
        if isinstance(value, Mapping):
            found |= _flat(value, f"{path}{key}.")
        else:
            found[f"{path}{key}"] = value
    return found
