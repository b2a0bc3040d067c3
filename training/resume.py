"""The same command goes on where it stopped: what lies in the folder OUT.training.

    work = work_folder(out)                       # runs/a -> runs/a.training
    claim(work, inputs)                           # another run's folder is refused
    last_checkpoint(work)                         # .../checkpoint-150, or None: whole ones only
    save_state(work, 150, {"model": ...})         # for methods with a loop of their own
    step, state = load_state(work)                # (0, None) at the start

A checkpoint counts once a file `whole` lies in it, written last. Chance is part of the state: Python's,
NumPy's and torch's generators go on where they were.
"""

import json
import random
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from counterfactory.errors import UserError
from counterfactory.factory.run.disk import write_whole

WHOLE = "whole"
PREFIX = "checkpoint-"
KEPT = 2


def work_folder(out: Path) -> Path:
    """Return the folder of a run that is not finished."""
    return out.absolute().with_name(f"{out.name}.training")


def claim(work: Path, inputs: Mapping[str, Any], *, restart: bool = False) -> None:
    """Make `work` the folder of this run. A folder of another run is the user's to decide on."""
    if restart and work.exists():
        shutil.rmtree(work)
    held = work / "inputs.json"
    text = json.dumps(essence(inputs), indent=1, ensure_ascii=False)
    if held.is_file() and (found := held.read_text(encoding="utf-8")) != text:
        what = difference(json.loads(found), essence(inputs))
        raise UserError(
            f"{work}: holds an unfinished run with other inputs ({what}); give another --out, or "
            "--restart to forget it"
        )
    work.mkdir(parents=True, exist_ok=True)
    write_whole(held, text.encode())


def essence(identity: Mapping[str, Any]) -> dict[str, Any]:
    """Return an identity without where things lie: the same bytes elsewhere are the same run."""
    names = {"model": "id", "data": "release", "replay": "release"}
    found = json.loads(json.dumps(identity))
    for key, place in names.items():
        parts = found.get(key, [])
        for part in parts if isinstance(parts, list) else [parts]:
            part.pop(place, None)
    found.get("settings", {}).pop("replay", None)  # folders; their digests stand under `replay`
    return dict(found)


def difference(before: Mapping[str, Any], now: Mapping[str, Any]) -> str:
    """Return the first few inputs that differ, each as it was and as it is."""
    old, new = _flat(before), _flat(now)
    names = [name for name in {**old, **new} if old.get(name) != new.get(name)]
    return ", ".join(f"{n} {old.get(n)!r}, now {new.get(n)!r}" for n in names[:3])


def _flat(values: Any, path: str = "") -> dict[str, Any]:
    """Return nested values by dotted names."""
    if not isinstance(values, Mapping | list):
        return {path: values}
    found: dict[str, Any] = {}
    for key, value in values.items() if isinstance(values, Mapping) else enumerate(values):
        found |= _flat(value, f"{path}.{key}" if path else str(key))
    return found


def checkpoints(work: Path) -> list[Path]:
    """Return the whole checkpoints, the newest last."""
    found = [path for path in work.glob(f"{PREFIX}*") if (path / WHOLE).is_file()]
    return sorted(found, key=step_of)


def last_checkpoint(work: Path) -> Path | None:
    """Return the newest whole checkpoint; torn ones are removed."""
    whole = checkpoints(work)
    for path in work.glob(f"{PREFIX}*"):
        if path not in whole:
            shutil.rmtree(path, ignore_errors=True)
    return whole[-1] if whole else None


def step_of(checkpoint: Path) -> int:
    """Return the number of steps that a checkpoint has behind it."""
    text = checkpoint.name.removeprefix(PREFIX)
    return int(text) if text.isdecimal() else -1


def mark_whole(checkpoint: Path) -> None:
    """Say that everything of a checkpoint is written."""
    write_whole(checkpoint / WHOLE, b"")


def save_state(work: Path, step: int, state: Mapping[str, Any]) -> Path:
    """Write a checkpoint of a method's own: tensors, numbers, texts; chance is added."""
    import torch

    folder = work / f"{PREFIX}{step}"
    folder.mkdir(parents=True, exist_ok=True)
    torch.save({"state": dict(state), "chance": chance()}, folder / "state.pt")
    mark_whole(folder)
    for old in checkpoints(work)[:-KEPT]:
        shutil.rmtree(old, ignore_errors=True)
    return folder


def load_state(work: Path) -> tuple[int, dict[str, Any] | None]:
    """Return (steps done, state) of the newest checkpoint, and set chance as it was then."""
    import torch

    folder = last_checkpoint(work)
    if folder is None:
        return 0, None
    held = torch.load(folder / "state.pt", map_location="cpu", weights_only=True)
    set_chance(held["chance"])
    return step_of(folder), held["state"]


def chance() -> dict[str, Any]:
    """Return the state of every random generator, in types that a safe load reads."""
    import numpy as np
    import torch

    name, keys, place, has_gauss, gauss = np.random.get_state()  # noqa: NPY002 (libraries draw from it)
    version, inner, following = random.getstate()
    found = {
        "python": [version, list(inner), following],
        "numpy": [str(name), [int(key) for key in keys], int(place), int(has_gauss), float(gauss)],
        "torch": torch.get_rng_state(),
    }
    if torch.cuda.is_available():
        found["cuda"] = torch.cuda.get_rng_state_all()
    return found


def set_chance(state: Mapping[str, Any]) -> None:
    """Set every random generator to a state that `chance` gave."""
    import numpy as np
    import torch

    version, inner, following = state["python"]
    random.setstate((version, tuple(inner), following))
    name, keys, *rest = state["numpy"]
    np.random.set_state((name, np.array(keys, np.uint32), *rest))  # noqa: NPY002
    torch.set_rng_state(state["torch"])
    if "cuda" in state and torch.cuda.is_available():
        torch.cuda.set_rng_state_all(state["cuda"])
