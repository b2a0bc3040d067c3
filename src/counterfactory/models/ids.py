"""Where a model id leads: a folder on this disk, fetched from the Hub if need be.

    locate("clip", "pocket")                        -> .../counterfactory/pocket/clip
    locate("inpaint", "round-01/model/1-cotrain/generator")   -> the same below $COUNTERFACTORY_MODELS
    locate("sam", "facebook/sam2.1-hiera-tiny")     -> .../hub/models--facebook--sam2.1-hiera-tiny/snapshots/<commit>
    identify("clip", "pocket")                     -> ModelRef(role="clip", id="pocket", revision=<hash of the weights>)

An id that leads nowhere is the user's to change: one line that says what was tried.
"""

import os
from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import cache
from pathlib import Path

from counterfactory.environment import variable
from counterfactory.errors import UserError
from counterfactory.fingerprint import digest_file, digest_weights
from counterfactory.records import ModelRef

PATTERNS: dict[str, list[str]] = {
    "clip": ["open_clip*", "*.json", "*.txt", "*.model"],
    "sam": ["*.json", "*.safetensors"],
    "vlm": ["*.json", "*.jinja", "*.model", "*.safetensors", "*.txt"],
}
ROOTS = "COUNTERFACTORY_MODELS"  # folders below which models go by their relative place
WEIGHT_FILES = (".pth", ".pt", ".safetensors", ".bin")


def locate(role: str, model: str) -> Path:
    """Return the folder (or single weight file) of `model`.

    Raises `UserError` when there is none.
    """
    if model == "pocket":
        from counterfactory.pocket import path

        return Path(path(role))
    name = model.removeprefix("local-dir:").removeprefix("hf-hub:")
    folder = Path(name).expanduser()
    if folder.is_dir() or (folder.is_file() and folder.suffix in WEIGHT_FILES):
        return folder
    if (kept := _kept(name)) is not None:
        return kept
    if model.startswith(("/", ".", "~", "local-dir:")) or name.count("/") != 1:
        if role == "clip" and ":" in name:
            return _fetched(role, model, lambda: _open_clip_file(name))
        raise UserError(
            f"{role} model {model!r}: no such folder; give 'pocket', a folder or a Hub id such as org/name@revision"
        )
    repo, _, revision = name.partition("@")
    return _fetched(role, model, lambda: _from_hub(role, repo, revision or None))


def _kept(name: str) -> Path | None:
    """Return the folder `name` below one of those in $COUNTERFACTORY_MODELS.

    A model that is named so has the same name on every machine.
    """
    roots = [Path(one) for one in os.environ.get(ROOTS, "").split(os.pathsep) if one]
    path = Path(name)
    if path.is_absolute() or ".." in path.parts:
        return None
    return next((root / path for root in roots if (root / path).is_dir()), None)


def models_below(root: Path) -> AbstractContextManager[None]:
    """Let models go by their place below `root`, in this process and those it starts."""
    before = os.environ.get(ROOTS)
    return variable(ROOTS, os.pathsep.join([str(root), *([before] if before else [])]))


def identify(role: str, model: str) -> ModelRef:
    """Return what `model` is: its role, its id and the hash of its weight bytes."""
    if model.startswith("openai:"):
        return ModelRef(role=role, id=model, revision="served")
    place = locate(role, model)
    stamp = tuple(
        (path.as_posix(), path.stat().st_size, path.stat().st_mtime_ns)
        for path in ([place] if place.is_file() else sorted(place.rglob("*")))
    )
    try:
        return ModelRef(role=role, id=model, revision=_digest(place, stamp))
    except FileNotFoundError:
        raise UserError(f"{role} model {model!r}: {place} holds no weight files") from None


@cache
def _digest(place: Path, stamp: tuple[tuple[str, int, int], ...]) -> str:
    """Hash the weights at `place` once for as long as the files keep their `stamp`."""
    return digest_file(place) if place.is_file() else digest_weights(place)


def _fetched(role: str, model: str, fetch: Callable[[], Path]) -> Path:
    """Run `fetch`; an id that the Hub or open_clip does not give is the user's to change."""
    try:
        return fetch()
    except Exception as error:  # the Hub client has a dozen error types; all mean "not to be had"
        lines = str(error).strip().splitlines() or [type(error).__name__]
        raise UserError(
            f"{role} model {model!r}: not a folder here, and fetching it failed: {lines[0][:200]}"
        ) from None


def _from_hub(role: str, repo: str, revision: str | None) -> Path:
    """Return the snapshot folder of a Hub repository, fetched where it is not yet cached."""
    if role == "inpaint":
        from diffusers import DiffusionPipeline

        return Path(DiffusionPipeline.download(repo, revision=revision))
    from huggingface_hub import snapshot_download

    return Path(snapshot_download(repo, revision=revision, allow_patterns=PATTERNS.get(role)))


def _open_clip_file(name: str) -> Path:
    """Return the checkpoint of an open_clip name such as `ViT-B-32:laion2b_s34b_b79k`."""
    import open_clip

    architecture, _, tag = name.partition(":")
    config = open_clip.get_pretrained_cfg(architecture, tag)
    if not config:
        raise ValueError(f"open_clip knows no {architecture} with weights {tag!r}")
    return Path(open_clip.download_pretrained(config))
