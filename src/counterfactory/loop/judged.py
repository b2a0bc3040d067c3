"""What the gates say of a round, as data.json and gate.json hold it.

    data_verdict(work)   {"passed": false, "reason": "world-qa is rejected: ...", "releases": [...],
                          "unaudited": ["world-math"], ...}
    decision(work)       {"promoted": true, "reason": "Promoted: ...", "model": "model/4-reinforce",
                          "compared_with": "round-01/eval/before", "target": [...], "guards": [...], ...}

A round whose data is rejected trains nothing: its decision says what the data gates found. With
`gated: false` everything is looked at and nothing is held against it.
"""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from counterfactory.loop.layout import CANARY, read
from counterfactory.loop.recipe import LoopRecipe
from counterfactory.loop.rounds import Work, skipped

if TYPE_CHECKING:
    from counterfactory.loop.auditors import Auditor


def data_verdict(work: Work) -> dict[str, Any]:
    """Judge the releases of a round.

    Models doubt the labels of general data alone (`always: true`), which every arm makes without a
    focus: of rows made where a model is wrong, it would deny what is right. A careless annotator is
    careless everywhere.
    """
    from counterfactory.loop.data_gates import check_release

    models = _models(work)
    general = {build.title for build in work.recipe.builds if build.always}
    limits, suite = work.recipe.gates.data, work.recipe.suite
    found: list[dict[str, Any]] = []
    empty: list[dict[str, str]] = []  # their slices are tried again in a later round
    unaudited: list[str] = []  # no auditor could tell anything of their labels
    for name, folder in work.releases.items():
        if why := skipped(folder):
            empty.append({"build": name, "reason": why})
            continue
        asked = models if name in general else ()
        decided = check_release(folder, limits, auditors=asked, suite=suite)
        found.append(decided.as_dict())
        if not asked and not decided.audited:
            unaudited.append(name)
    bad = [one for one in found if not one["passed"]]
    told = [*(one["reason"] for one in bad or found or empty), *_silence(unaudited, work.recipe)]
    return {
        "passed": bool(found) and (not bad or not work.recipe.gated), "gated": work.recipe.gated,
        "reason": " ".join(told), "releases": found, "empty": empty, "unaudited": unaudited,
    }  # fmt: skip


def _silence(unaudited: Sequence[str], recipe: LoopRecipe) -> list[str]:
    """Return what is to be said of builds whose labels no auditor looked at."""
    models = "models are asked only about builds that every round makes"
    why = models if recipe.auditors else "no model is set that doubts labels"
    told = (
        f"Labels of {', '.join(unaudited)}: nobody audited them (captions say nothing, and {why})."
    )
    return [told] if unaudited else []


def _models(work: Work) -> list["Auditor"]:
    """Return the models that doubt labels."""
    from counterfactory.eval.answerers import answerer_for
    from counterfactory.eval.run import remembering
    from counterfactory.loop.auditors import by_model

    return [
        by_model(
            remembering(answerer_for(one, device=work.device)).replies,
            sure=work.recipe.gates.data.sure,
        )
        for one in work.recipe.auditors
    ]


def decision(work: Work) -> dict[str, Any]:
    """Decide on a round's model."""
    from counterfactory.judges import judge_for
    from counterfactory.loop.gate import decide
    from counterfactory.loop.slices import read_slices

    recipe = work.recipe
    about = {
        "round": work.round.number, "from_model": work.model, "gated": work.recipe.gated,
        "compared_with": os.path.relpath(work.before, work.folder),
    }  # fmt: skip
    data = read(work.round.data)
    if not data.get("passed"):
        why = data.get("reason") or "the plan built nothing"
        reason = f"Not promoted: nothing was trained, for the data was rejected. {why}"
        return {**about, "promoted": False, "reason": reason, "rejected_by": "data"}
    made = work.made
    if made is None:
        reasons = [skipped(out) for _, out in work.trainings()] or [
            "no stage of the recipe had data"
        ]
        reason = f"Not promoted: nothing was trained. {' '.join(reasons)}"
        return {**about, "promoted": False, "reason": reason, "rejected_by": "plan"}
    model = os.path.relpath(made, work.round.folder)
    found = decide(
        work.before, work.round.after, read_slices(work.round.folder), recipe.gates.promotion,
        start=work.start, canary=work.folder / CANARY,
        judge=judge_for(recipe.judge) if recipe.judge else None,
    ).as_dict()  # fmt: skip
    if not work.recipe.gated and not found["promoted"]:
        found["reason"] = f"Promoted without a gate, which would have said: {found['reason']}"
        found["promoted"] = True
    found["reason"] = " ".join([found["reason"], *_silence(data.get("unaudited", ()), recipe)])
    return {**found, **about, "model": Path(model).as_posix()}
