"""The card of a trained model: README.md, from what run.json holds.

    render(run, Path("runs/sft"))          # run: method, model, data, settings, final, versions ...
    render(run, Path("runs/sft"), [evaluation], Address(repo="org/sft", version="v1"))   # published

Facts in, text out. Names and numbers from elsewhere pass `cell` and `code` in the template.
"""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from counterfactory.cards import methods
from counterfactory.cards.templates import card

PIPELINES = {"transformers": "image-text-to-text", "open_clip": "zero-shot-image-classification"}
POCKET_LICENSE = "apache-2.0"  # of the weights in the package


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """Where a model is published, and where the releases it was trained on are."""

    repo: str
    version: str
    changes: str = ""  # markdown
    releases: Mapping[str, str] = field(
        default_factory=dict
    )  # as run.json names it -> org/name@tag


def render(
    run: Mapping[str, Any], out: Path, evaluation: Mapping[str, Any] | Sequence[Mapping[str, Any]] | None = None,
    address: Address | None = None,
) -> str:  # fmt: skip
    """Return the card of the model in `out`; `evaluation` holds results of `eval run`."""
    evaluations = [evaluation] if isinstance(evaluation, Mapping) else list(evaluation or ())
    name = address.repo.partition("/")[2] if address else out.name
    header = _header(run, out, address) | _results(name, evaluations, address)
    trainer = methods.OF_TRAINERS.get(run["method"])
    return card(
        header, "model.md.jinja", run=run, name=name, base=named(run["model"]["id"]),
        evaluations=evaluations, address=address,
        settings=_flat(run["settings"]), data=[_linked(one, address) for one in (*run["data"], *run["replay"])],
        methods=methods.cited([trainer] if trainer else []),
        library=run.get("library", "transformers"),
    )  # fmt: skip


def named(model: str) -> str:
    """Return a model's name without the path of a machine."""
    return Path(model).name if is_path(model) else model


def is_path(name: str) -> bool:
    """Say whether a name is that of a folder here, not of a repository."""
    return name.startswith(("/", ".", "~")) or name.count("/") > 1 or Path(name).is_dir()


def is_local(release: Mapping[str, Any]) -> bool:
    """Say whether a release of run.json was read from a folder; what is published is never `dev`."""
    return is_path(str(release["release"])) or release.get("version") in ("dev", "", None)


def _header(run: Mapping[str, Any], out: Path, address: Address | None) -> dict[str, Any]:
    """Return the YAML that the Hub reads; releases in folders are named relative to the model.

    A published card names what is published alone, as org/name.
    """
    library = run.get("library", "transformers")
    header: dict[str, Any] = {
        "library_name": library, "pipeline_tag": PIPELINES[library],
        "tags": ["counterfactory", run["method"]],
    }  # fmt: skip
    held = (*run["data"], *run["replay"])
    if address is None:
        paths = [one["release"] for one in held]
        names = [os.path.relpath(Path(d).expanduser(), out) if is_path(d) else d for d in paths]
        header["datasets"] = list(dict.fromkeys(names))
    elif linked := [name for one in held if (name := _published(one, address))]:
        header["datasets"] = list(dict.fromkeys(one.partition("@")[0] for one in linked))
    model = run["model"]["id"]
    if model == "pocket":
        header["license"] = POCKET_LICENSE
    elif not is_path(model):
        header["base_model"] = model.partition("@")[0]
    return header


def _results(
    name: str, evaluations: Sequence[Mapping[str, Any]], address: Address | None
) -> dict[str, Any]:
    """Return the results as the Hub reads them: `model-index`."""
    results = [
        {
            "task": {"type": "visual-question-answering", "name": "Visual question answering"},
            "dataset": {
                "name": f"{one['suite']} ({one['split']})", "type": f"counterfactory-{one['suite']}",
                "split": one["split"],
            },
            "metrics": [
                {"type": "accuracy", "name": axis, "value": round(float(part["value"]), 4)}
                for axis, part in one["axes"].items()
                if part["value"] is not None
            ],
        }
        for one in evaluations
    ]  # fmt: skip
    results = [one for one in results if one["metrics"]]
    return {"model-index": [{"name": name, "results": results}]} if address and results else {}


def _linked(one: Mapping[str, Any], address: Address | None) -> dict[str, Any]:
    """Return a release of the run with where it is published, "" where that is not known."""
    return {**one, "published": _published(one, address) if address else ""}


def _published(one: Mapping[str, Any], address: Address) -> str:
    name = str(one["release"])
    return address.releases.get(name, "") or ("" if is_local(one) else name)


def _flat(values: Mapping[str, Any], path: str = "") -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in values.items():
        if isinstance(value, Mapping):
            found |= _flat(value, f"{path}{key}.")
        else:
            found[f"{path}{key}"] = value
    return found
