"""The mean of two trained models of one line, file by file: a soup.

    average(Path("round-01/model/4-reinforce"), Path("round-02/model/4-reinforce"), 0.5, out)

Fine-tunings that began with the same weights lie in one valley, and their mean is often better than
each of them (model soups: Wortsman et al., arXiv 2203.05482, section 2). `keep.py` moves a training
back towards what it began with; this averages what several of them came to. Tensors are read one after the
other, so that memory holds one file.
"""

import json
import shutil
from pathlib import Path

from counterfactory.errors import UserError
from counterfactory.factory.run.disk import TEMPORARY
from counterfactory.fingerprint import digest_weights
from counterfactory.training.finish import RUN, settled
from counterfactory.training.lines import LINES

WEIGHTS = "*.safetensors"
STEPS = (LINES, "curves.png")  # of the training, not of the mean


def average(given: Path, trained: Path, keep: float, out: Path) -> None:
    """Write to `out` the model `trained`, each weight `keep` (0..1) of the one in `given`.

    Raises `UserError` where the two do not have the same weights.
    """
    beside = out.with_name(f"{out.name}{TEMPORARY}")
    shutil.rmtree(beside, ignore_errors=True)
    shutil.copytree(trained, beside, ignore=_not_of_the_mean)
    _blended(given, trained, keep, beside)
    run = json.loads((trained / RUN).read_text(encoding="utf-8"))
    run["facts"].pop("generator", None)  # it stays with the training
    blend = {"keep": keep, "given": digest_weights(given), "trained": run["weights_hash"]}
    settled(beside, {**run, "averaged": blend}, out)


def _not_of_the_mean(folder: str, names: list[str]) -> set[str]:
    """Return the names in a folder to leave out: weights, steps, and other models (heads, a judge)."""
    places = {name: Path(folder) / name for name in names}
    models = {name for name, place in places.items() if any(place.rglob(WEIGHTS))}
    return {name for name, place in places.items() if place.match(WEIGHTS)} | models | {*STEPS}


def _blended(given: Path, trained: Path, keep: float, out: Path) -> None:
    from safetensors import safe_open
    from safetensors.torch import save_file

    held, found = _places(given), _places(trained)
    if found.keys() != held.keys() or not held:
        odd = sorted(found.keys() ^ held.keys())
        raise UserError(
            f"{trained}: found weights that are not those of {given} ({', '.join(odd[:3]) or 'none'}), "
            "expected the same model, whole (lora.merge: true)"
        )
    for file in sorted(set(found.values())):
        with safe_open(file, "pt") as own:
            mixed = {}
            for name in own.keys():
                weight = own.get_tensor(name)
                with safe_open(held[name], "pt") as other:
                    was = other.get_tensor(name)
                mixed[name] = (
                    weight.float().lerp(was.float(), keep).to(weight.dtype)
                    if weight.is_floating_point()
                    else weight
                )
            save_file(mixed, out / file.name, metadata=own.metadata())


def _places(folder: Path) -> dict[str, Path]:
    """Return the file of each weight of a model."""
    from safetensors import safe_open

    found: dict[str, Path] = {}
    for file in folder.glob(WEIGHTS):
        if not file.name.startswith("adapter"):
            with safe_open(file, "pt") as held:
                found |= dict.fromkeys(held.keys(), file)
    return found
