"""One round at work: its recipe, its folder, and what earlier rounds left to it.

work = Work(recipe, Path("runs/loop"), round_of(Path("runs/loop"), 2))
work.model          "runs/loop/round-01/model/4-reinforce": the last promoted model
work.before         .../round-01/eval/after: its measurement on the gate split
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from counterfactory.loop.layout import PROMOTED, Round, read, round_of, write_changed
from counterfactory.loop.recipe import EARLIER, LoopRecipe, Training
from counterfactory.loop.recipe_parts import REPLAYED, settings_of

MANIFEST = "manifest.json"
FAILED = "failed.json"  # in the folder of a release or a model that was not made


@dataclass(frozen=True, slots=True)
class Work:
    """What the stages of one round are given."""

    recipe: LoopRecipe
    folder: Path  # of the loop
    round: Round
    workers: int | None = None
    device: str = "auto"

    @property
    def earlier(self) -> list[Round]:
        """Return the rounds before this one."""
        return [round_of(self.folder, number) for number in range(1, self.round.number)]

    @property
    def parent(self) -> Round | None:
        """Return the last round whose model was promoted."""
        return next((one for one in reversed(self.earlier) if one.promoted), None)

    @property
    def model(self) -> str:
        """Return the model that the round starts from."""
        parent = self.parent
        return (
            self.recipe.model if parent is None else str(parent.folder / parent.decision()["model"])
        )

    @property
    def answers(self) -> str:
        """Return what is measured as that model: with the filter behind it, where there is one."""
        return self.parent.answers if self.parent else self.model

    @property
    def before(self) -> Path:
        """Return the evaluation of that model on the gate split."""
        return self.start if self.parent is None else self.parent.after

    @property
    def start(self) -> Path:
        """Return the evaluation, on the gate split, of the model that the loop began with."""
        return round_of(self.folder, 1).before

    @property
    def builds(self) -> list[dict[str, Any]]:
        """Return what the plan builds: name, recipe (a file), rows, focused or not."""
        return list(read(self.round.plan).get("builds", []))

    @property
    def releases(self) -> dict[str, Path]:
        """Return the releases of the round by the names of their builds."""
        return {build["name"]: self.round.release(build["name"]) for build in self.builds}

    def found(self, names: Sequence[str]) -> list[str]:
        """Return the releases that a stage's `data` or `replay` means; a build not made is left out."""
        made = {name: at for name, at in self.releases.items() if (at / MANIFEST).is_file()}
        return self.meant(names, made)

    def replayed(self, stage: Training) -> list[str]:
        """Return the releases that a stage replays: of those it names, all that can be replayed."""
        return [place for place in self.found(stage.replay) if _replayable(Path(place))]

    def meant(self, names: Sequence[str], mine: Mapping[str, Path]) -> list[str]:
        """Return the same when `mine` are the releases of the round."""
        known = {build.title for build in self.recipe.builds}
        result: list[str] = []
        for name in names:
            if name == EARLIER:
                result += [str(path) for path in self.earlier_releases() if _replayable(path)]
            elif name in mine:
                result.append(str(mine[name]))
            elif name not in known:
                result.append(name)
        return list(dict.fromkeys(result))

    def earlier_releases(self) -> list[Path]:
        """Return the releases of earlier rounds that passed the data gates."""
        return [
            path for one in self.earlier if read(one.data).get("passed") for path in released(one)
        ]

    def able(self, stage: Training) -> bool:
        """Say whether the round made what a stage learns from: a release, and every view it needs."""
        places = self.found(stage.data)
        manifests = [read(Path(place) / MANIFEST) for place in places]
        if not all(manifests):  # one on the Hub: the training itself will say
            return bool(places)
        views = {view for one in manifests for view in one.get("views", {})}
        needed = [view for view in settings_of(stage).views() if not view.endswith("?")]
        return bool(places) and views.issuperset(needed)

    def trainings(self) -> list[tuple[Training, Path]]:
        """Return the stages that have data this round, each with the folder of its model."""
        able = [stage for stage in self.recipe.trained if self.able(stage)]
        return [
            (stage, self.round.models / f"{number}-{stage.title}")
            for number, stage in enumerate(able, 1)
        ]

    def taught(self) -> list[Path]:
        """Return the models that the round's trainings made, the last one last."""
        return [out for _, out in self.trainings() if not skipped(out)]

    @property
    def kept(self) -> float:
        """Return how much of the model given stays in the round's: k of k + 1 after k promoted rounds."""
        before = sum(one.promoted for one in self.earlier)
        return before / (before + 1) if self.recipe.averaged else 0.0

    @property
    def made(self) -> Path | None:
        """Return the round's model: the last training's, or its average; None where none was made.

        None, too, where the data did not pass its gates.
        """
        taught = self.taught() if read(self.round.data).get("passed") else []
        if taught and self.kept:
            return self.round.models / f"{len(self.trainings()) + 1}-average"
        return taught[-1] if taught else None


def released(one: Round) -> list[Path]:
    """Return the releases of a round: of the builds in its plan, those that kept something."""
    names = sorted(str(build["name"]) for build in read(one.plan).get("builds", ()))
    return [path for name in names if ((path := one.release(name)) / MANIFEST).is_file()]


def skipped(folder: Path) -> str:
    """Return why a release or a model was not made; empty where it was."""
    return str(read(folder / FAILED).get("reason", ""))


def _replayable(release: Path) -> bool:
    """Say whether a release has the view that replay draws from; refusals, for one, have preferences only.

    Of one that does not lie here, the training itself will say.
    """
    manifest = read(release / MANIFEST)
    return not manifest or bool(manifest.get("views", {}).get(REPLAYED))


def point(folder: Path, rounds: Sequence[Round]) -> None:
    """Write which model is the promoted one, where any is."""
    path = folder / PROMOTED
    last = next((one for one in reversed(rounds) if one.promoted), None)
    if last is None:
        path.unlink(missing_ok=True)
        return
    facts = {"round": last.number, "model": f"{last.folder.name}/{last.decision()['model']}"}
    write_changed(path, json.dumps(facts) + "\n")
