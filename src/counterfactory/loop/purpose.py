"""What a round's builds are made for, as their releases say it: `release.made_for` of each recipe.

    purposes(work, mined, made)["region-diff"].slices[0].name      "existence of leaves, adversarial"
    release_before(work, "region-diff")                            round-01/release/region-diff
    learned(work, ["region-diff"])       [{"stage": "sft", "data": ["round-02/release/region-diff"], ...}]

Folders are told relative to the loop's own.
"""

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from counterfactory.factory.made_for import Aimed, Learned, MadeFor, Share
from counterfactory.loop.mixture import Plan
from counterfactory.loop.rounds import MANIFEST, Work
from counterfactory.loop.slices import Mined
from counterfactory.loop.target import Aim
from counterfactory.loop.taught import share_of


def purposes(work: Work, mined: Mined, made: Plan) -> dict[str, MadeFor]:
    """Return what each build of a plan is for, by its name."""
    return {
        one.name: MadeFor(
            loop=work.recipe.name, round=work.round.number, arm=made.arm, model=model_of(work),
            weights_hash=mined.weights_hash, suite=work.recipe.suite, split=mined.split,
            evaluation=_below(work.round.mine, work.folder),
            slices=tuple(_aimed(aim, mined) for aim in made.targets if aim.build == one.name),
            mix={name: Share(**part) for name, part in made.mix.items() if isinstance(part, Mapping)},
            stages=tuple(Learned(**stage) for stage in made.stages),
            after=_below(release_before(work, one.name), work.folder),
        )
        for one in made.builds
    }  # fmt: skip


def model_of(work: Work) -> str:
    """Return the model that the round starts from: as the recipe says, or a folder of the loop."""
    return work.model if work.parent is None else _below(Path(work.model), work.folder)


def release_before(work: Work, build: str) -> Path | None:
    """Return the last release that an earlier round made by a build."""
    found = (one.release(build) for one in reversed(work.earlier))
    return next((path for path in found if (path / MANIFEST).is_file()), None)


def _aimed(aim: Aim, mined: Mined) -> Aimed:
    slices = (one for one in mined.slices if one.name == aim.of)
    items, errors = next(((one.items, one.errors) for one in slices), (0, 0))
    return Aimed(
        name=aim.name, of=aim.of, conditions=aim.conditions, labels=aim.labels, rows=aim.rows,
        items=items, errors=errors,
    )  # fmt: skip


def learned(work: Work, builds: Iterable[str]) -> tuple[dict[str, Any], ...]:
    """Return what each training of the round learns from and replays, if all these builds are made.

    Trainers take as many rows of each replayed release.
    """
    mine = {name: work.round.release(name) for name in builds}
    found = []
    for stage in work.recipe.trained:
        data, replay = work.meant(stage.data, mine), work.meant(stage.replay, mine)
        if data:
            found.append({
                "stage": stage.title, "data": [_told(one, work.folder) for one in data],
                "replay": [_told(one, work.folder) for one in replay],
                "share": share_of(work, stage, replay) or 0.0,
            })  # fmt: skip
    return tuple(found)


def _told(place: str, folder: Path) -> str:
    """Return a folder relative to the loop's, and a release that lies elsewhere by its name."""
    here = Path(place).is_relative_to(folder) or Path(place).is_dir()
    return _below(Path(place), folder) if here else place


def _below(path: Path | None, folder: Path) -> str:
    return "" if path is None else Path(os.path.relpath(path, folder)).as_posix()
