"""What a finished run leaves: the model, its card, and the record of how it came to be.

    OUT/  model.safetensors config.json generation_config.json chat_template.jinja processor files
          README.md  run.json  training.jsonl  curves.png  adapter/ (with LoRA)  what the method adds

Everything is written beside and renamed: OUT is there whole or not at all.
"""

import json
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from counterfactory.cards.model import render
from counterfactory.errors import UserError
from counterfactory.factory.release.facts import library_versions
from counterfactory.factory.run.disk import TEMPORARY, write_whole
from counterfactory.fingerprint import digest_weights
from counterfactory.training import resume
from counterfactory.training.lines import LINES
from counterfactory.training.outfit import Outfit
from counterfactory.training.record import Recorder

RUN = "run.json"
LIBRARIES = ("accelerate", "peft", "tokenizers", "transformers", "trl")


def finish(
    outfit: Any, recorder: Recorder, out: Path, identity: Mapping[str, Any],
    numbers: Mapping[str, float],
) -> dict[str, Any]:  # fmt: skip
    """Write the model and all that belongs to it; return what `--json` prints."""
    out = out.absolute()
    beside = out.with_name(f"{out.name}{TEMPORARY}")
    shutil.rmtree(beside, ignore_errors=True)
    beside.mkdir(parents=True)
    getattr(outfit, "save", lambda folder: save(outfit, folder))(beside)
    for name in (LINES, "curves.png"):
        if (recorder.work / name).is_file():
            shutil.copy2(recorder.work / name, beside / name)
    if recorder.extras.is_dir():
        shutil.copytree(recorder.extras, beside, dirs_exist_ok=True)
    lines = recorder.lines()
    run = {
        **identity,
        "steps": lines[-1]["step"] if lines else 0,
        "seconds": round(sum(line["seconds"] for line in lines), 1),
        "final": {name: round(float(value), 6) for name, value in numbers.items()},
        "facts": recorder.facts,
        "seed": identity["settings"].get("seed", 0),
        "device": getattr(outfit, "device", ""),
        "library": getattr(outfit, "library", "transformers"),
        "versions": versions(),
    }
    run = settled(beside, run, out)
    shutil.rmtree(recorder.work, ignore_errors=True)
    return told(run, out)


def settled(beside: Path, run: Mapping[str, Any], out: Path) -> dict[str, Any]:
    """Write record and card to the model in `beside` and rename it to `out`; return the record."""
    run = {**run, "weights_hash": digest_weights(beside)}
    (beside / RUN).write_text(json.dumps(run, indent=2, ensure_ascii=False) + "\n", "utf-8")
    (beside / "README.md").write_text(render(run, out), "utf-8")
    for path in beside.rglob("*.safetensors"):
        path.chmod(0o644)  # safetensors writes for the owner alone
    if out.exists():
        shutil.rmtree(out)
    beside.replace(out)
    return run


def recard(folder: Path, evaluation: Mapping[str, Any]) -> None:
    """Write the card of a finished run anew, with the result of `eval run` on its model."""
    run = json.loads((folder / RUN).read_text(encoding="utf-8"))
    write_whole(folder / "README.md", render(run, folder.absolute(), evaluation).encode())


def save(outfit: Outfit, folder: Path) -> None:
    """Write model and processor; adapters are merged into the model and kept beside it."""
    import torch

    model = outfit.model
    if outfit.lora is not None:
        model.save_pretrained(folder / "adapter" if outfit.lora.merge else folder)
        if not outfit.lora.merge:
            outfit.processor.save_pretrained(folder)
            return
        _without_card(folder / "adapter")
        model = model.merge_and_unload()
    if outfit.on_gpu:
        model = model.to(torch.bfloat16)
    model.save_pretrained(folder)
    outfit.processor.save_pretrained(folder)


def _without_card(adapter: Path) -> None:
    """Remove peft's empty card."""
    (adapter / "README.md").unlink(missing_ok=True)


def finished(
    out: Path, identity: Mapping[str, Any], *, restart: bool = False
) -> dict[str, Any] | None:
    """Return the result of a finished run with this identity; None where there is still work.

    A folder with anything else in it is refused.
    """
    if not out.exists() or (out.is_dir() and not any(out.iterdir())):
        return None
    try:
        run = json.loads((out / RUN).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        raise UserError(
            f"{out}: is there and holds no finished run, expected a new or empty folder"
        ) from None
    if restart:
        return None
    wanted = resume.essence(identity)
    held = resume.essence({name: run.get(name, {}) for name in identity})
    if held != wanted:
        where = resume.difference(held, wanted)
        raise UserError(
            f"{out}: holds a finished run with other inputs ({where}); give another --out, or "
            "--restart to replace it"
        )
    if digest_weights(out) != run["weights_hash"]:
        raise UserError(
            f"{out}: its weights were changed after training; give another --out, or --restart"
        )
    return told(run, out)


def told(run: Mapping[str, Any], out: Path) -> dict[str, Any]:
    """Return the result of a run in short."""
    keys = ("method", "steps", "seconds", "final", "weights_hash")
    return {"out": os.fspath(out), **{key: run[key] for key in keys}}


def versions() -> dict[str, str]:
    """Return the versions of what decides the result."""
    from importlib.metadata import version

    return {**library_versions(), **{name: version(name) for name in LIBRARIES}}
