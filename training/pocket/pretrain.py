"""What `counterfactory pocket pretrain NAME` runs: train, measure, write the folder and its card.

    pretrain("sam", out=Path("sam"))
    {"name": "sam", "out": "sam", "steps": 2800, "samples": 33600, "seconds": 1260.0, ...}

The run lies in `OUT.training/`; the same command again continues an unfinished one, and a finished
one is not trained twice. A folder of anything else is not written over, unless `resume` is False.
"""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from counterfactory.errors import UserError
from counterfactory.training.pocket.common import Outcome


def _clip(**options: Any) -> Outcome:
    from counterfactory.training.pocket.clip import train

    return train(**options)


def _sam(**options: Any) -> Outcome:
    from counterfactory.training.pocket.sam import train

    return train(**options)


def _inpaint(**options: Any) -> Outcome:
    from counterfactory.training.pocket.inpaint import train

    return train(**options)


def _vlm(**options: Any) -> Outcome:
    from counterfactory.training.pocket.vlm import train

    return train(**options)


def _clip_quality(folder: Path, num_scenes: int) -> dict[str, Any]:
    from counterfactory.training.pocket.clip_quality import measure

    return measure(folder, num_scenes=num_scenes)


def _sam_quality(folder: Path, num_scenes: int) -> dict[str, Any]:
    from counterfactory.training.pocket.sam_quality import measure

    return measure(folder, num_scenes=num_scenes)


def _inpaint_quality(folder: Path, num_scenes: int) -> dict[str, Any]:
    from counterfactory.models.inpaint import load_inpainter
    from counterfactory.training.pocket.inpaint_quality import measure

    return measure(load_inpainter(str(folder)), scenes=num_scenes)


def _vlm_quality(folder: Path, num_scenes: int) -> dict[str, Any]:
    from counterfactory.training.pocket.vlm_quality import measure

    return measure(folder, num_scenes=num_scenes)


PRETRAIN: dict[str, Callable[..., Outcome]] = {
    "clip": _clip,
    "sam": _sam,
    "inpaint": _inpaint,
    "vlm": _vlm,
}
QUALITY: dict[str, Callable[[Path, int], dict[str, Any]]] = {
    "clip": _clip_quality,
    "sam": _sam_quality,
    "inpaint": _inpaint_quality,
    "vlm": _vlm_quality,
}


def pretrain(
    name: str,
    *,
    out: Path,
    steps: int | None = None,
    device: str = "auto",
    seed: int = 0,
    resume: bool = True,
    progress: bool = True,
    num_scenes: int = 300,
) -> dict[str, Any]:
    """Make a pocket model from scratch and measure it on `num_scenes`; 0 writes no card."""
    if name not in PRETRAIN:
        raise UserError(f"pocket model {name!r}: unknown, expected one of {', '.join(PRETRAIN)}")
    if out.exists() and not out.is_dir():
        raise UserError(f"--out {out}: found a file, expected a folder")
    working = out.with_name(out.name + ".training")
    if resume and not working.exists() and out.is_dir() and any(out.iterdir()):
        raise UserError(
            f"--out {out}: found files of no run that could go on, expected a new or empty folder "
            "(--restart replaces them)"
        )
    if not resume:
        shutil.rmtree(working, ignore_errors=True)
    outcome = PRETRAIN[name](
        out=out,
        checkpoint=working / f"{name}.pt",
        steps=steps,
        device=device,
        seed=seed,
        resume=resume,
        quiet=not progress,
    )
    result = {
        "name": name,
        "out": str(out),
        "steps": outcome.steps,
        "samples": outcome.samples,
        "seconds": round(outcome.seconds, 1),
        "final": {key: round(value, 4) for key, value in outcome.final.items()},
    }
    if num_scenes:
        result["quality"] = document(name, out, outcome, num_scenes)
    return result


def document(name: str, out: Path, outcome: Outcome, num_scenes: int) -> dict[str, Any]:
    """Measure the model in `out`, write quality.json and its card; return the numbers."""
    from counterfactory.training.pocket.card import card

    numbers = QUALITY[name](out, num_scenes)
    made = {"steps": outcome.steps, "samples": outcome.samples, "seconds": round(outcome.seconds)}
    text = json.dumps({"made": made, "quality": numbers}, indent=2) + "\n"
    (out / "quality.json").write_text(text, encoding="utf-8")
    if page := card(name, made, numbers):
        (out / "README.md").write_text(page, encoding="utf-8")
    return numbers
