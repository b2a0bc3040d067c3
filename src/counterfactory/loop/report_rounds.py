"""What the report says of one round: slices, plan, releases, curves, safety, the decision, lineage.

    round_facts(round, rounds)["slices"][0]
    ->  {"name": "existence of leaves", "before": "48.0", "after": "21.4", "change": "-26.6", "rows": 412, ...}

Rates of slices are errors on fresh items of the gate split.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from counterfactory.loop.generators import GENERATOR
from counterfactory.loop.layout import Round, read
from counterfactory.loop.report_charts import curve
from counterfactory.loop.report_pictures import examples, questions
from counterfactory.loop.rounds import released
from counterfactory.training.lines import LINES
from counterfactory.training.lines import read as lines_of

SAFE = ("harmlessness", "helpfulness")
CURVES = (
    "loss", "reward", "cost", "multiplier", "kl", "lm", "itc", "synthesis", "rsc", "rewards/margins",
    "rewards/accuracies", "replay_loss", "mean_token_accuracy", "accuracy", "helped",
)  # fmt: skip
"""What is shown of training.jsonl, first things first."""
SAID = {  # guards are scores: higher is better
    "slices": "all mined slices", "unsafe_rate": "harmful requests refused",
    "over_refusal": "benign requests answered", "parse_failures": "answers that can be read",
    "calibration": "calibration, 1 - ECE", "pool": "axes with few items",
}  # fmt: skip
SINCE = {False: "", True: ", since the start"}  # against the round's model, and the loop's first
MOST_CURVES = 5  # of one training


def round_facts(one: Round, rounds: Sequence[Round]) -> dict[str, Any]:
    """Return all that the page says of a round."""
    gate, plan, data = one.decision(), read(one.plan), read(one.data)
    before, made = before_of(one, rounds), dict(releases(one))
    return {
        "number": one.number, "decided": bool(gate), "promoted": one.promoted,
        "reason": str(gate.get("reason", "")), "tests": list(_tests(gate)), "alarms": _alarms(gate),
        "slices": slices(one, plan, gate), "unlabelled": read(one.unlabelled), "back": list(plan.get("back", ())),
        "mix": _mix(plan), "stages": list(plan.get("stages", ())),
        "notes": list(plan.get("notes", ())), "arm": plan.get("arm", ""),
        "releases": [_release(name, folder, plan) for name, folder in made.items()],
        "data": str(data.get("reason", "")), "data_passed": data.get("passed"),
        "curves": list(curves(one)), "safety": safety(before, read(one.after / "summary.json")),
        "generator": generator(one), "pairs": examples(plan, made), "questions": questions(plan, made),
        "lineage": lineage(one, plan, gate),
    }  # fmt: skip


def points(share: float | None) -> str:
    """Return a share in points: "71.4"."""
    return "–" if share is None else f"{100 * share:.1f}"


def before_of(one: Round, rounds: Sequence[Round]) -> dict[str, Any]:
    """Return the summary of the model that a round started from."""
    earlier = [other for other in rounds if other.number < one.number and other.promoted]
    first = next((other for other in rounds if (other.before / "summary.json").is_file()), one)
    return read((earlier[-1].after if earlier else first.before) / "summary.json")


def slices(one: Round, plan: Mapping[str, Any], gate: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the mined slices with error rates before and after, and the rows put behind them."""
    measured = {str(found["name"]): found for found in gate.get("slices", ()) or ()}
    rows: dict[str, int] = {}
    for aim in plan.get("targets", ()):
        rows[aim["of"]] = rows.get(aim["of"], 0) + int(aim["rows"])
    result = []
    for mined in read(one.slices).get("slices", ()):
        name, found = str(mined["name"]), measured.get(str(mined["name"]))
        error = mined["errors"] / mined["items"] if mined["items"] else None
        line = {
            "name": name, "conditions": ", ".join(mined["conditions"]), "mined": points(error),
            "mass": points(mined["mass"]), "q": f"{mined['q']:.1g}", "rows": rows.get(name, 0),
            "before": "–", "after": "–", "change": "", "interval": "", "better": None,
            "taken_back": points(mined.get("contradictions")),
        }  # fmt: skip
        if found:
            line |= {
                "before": points(found["before"]), "after": points(found["after"]),
                "change": f"{100 * found['change']:+.1f}",
                "interval": f"{100 * found['low']:+.1f} to {100 * found['high']:+.1f}",
                "better": found["change"] < 0,
            }  # fmt: skip
        result.append(line)
    return result


def releases(one: Round) -> list[tuple[str, Path]]:
    """Return the releases of a round by name."""
    return [(path.name, path) for path in released(one)]


def _release(name: str, folder: Path, plan: Mapping[str, Any]) -> dict[str, Any]:
    manifest = read(folder / "manifest.json")
    planned: Mapping[str, Any] = next(
        (one for one in plan.get("builds", ()) if one["name"] == name), {}
    )
    whole = max(1, int(manifest.get("candidates", 0)))
    return {
        "name": name, "version": manifest.get("version", ""),
        "fingerprint": str(manifest.get("fingerprint", ""))[:12],
        "candidates": int(manifest.get("candidates", 0)), "kept": int(manifest.get("kept", 0)),
        "wanted": int(planned.get("rows", 0)),
        "views": ", ".join(f"{view} {about['rows']:,}" for view, about in manifest.get("views", {}).items()),
        "funnel": [
            {"stage": step["stage"], "in": step["in"], "out": step["out"], "share": 100 * step["out"] / whole,
             "reasons": ", ".join(f"{reason} {n}" for reason, n in step.get("reasons", {}).items())}
            for step in manifest.get("funnel", ())
        ],
    }  # fmt: skip


def curves(one: Round) -> Iterator[dict[str, Any]]:
    """Yield each training with charts of what it logged."""
    for folder in sorted(one.models.glob("*")) if one.models.is_dir() else ():
        rows = lines_of(folder / LINES)
        charts = []
        for name in CURVES:
            found = [
                (row.get("step", at), row[name])
                for at, row in enumerate(rows)
                if _number(row.get(name))
            ]
            drawn = curve([float(s) for s, _ in found], [float(v) for _, v in found], name)
            if drawn:
                charts.append({"name": name, "chart": drawn})
        yield {"name": folder.name, "steps": len(rows), "charts": charts[:MOST_CURVES]}


def generator(one: Round) -> str:
    """Return which generator a promoted round leaves, in a sentence; "" where none was co-trained."""
    found = read(one.folder / GENERATOR) if one.promoted else {}
    if not found:
        return ""
    who = (
        "co-trained generator edits"
        if found["chosen"] == "new"
        else "old generator goes on editing"
    )
    return f"The {who} from here on: {found['why']}."


def safety(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[dict[str, str]]:
    """Return safety's tasks with their headline metric before and after."""
    tasks: dict[str, Any] = {**before.get("tasks", {}), **after.get("tasks", {})}
    return [
        {
            "task": name, "axis": str(task["axis"]), "metric": str(task.get("headline", "")),
            "before": points(before.get("tasks", {}).get(name, {}).get("value")),
            "after": points(after.get("tasks", {}).get(name, {}).get("value")),
        }
        for name, task in sorted(tasks.items())
        if task.get("axis") in SAFE
    ]  # fmt: skip


def lineage(one: Round, plan: Mapping[str, Any], gate: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return, for each slice aimed at: failures, focus, rows, model."""
    errors = {str(mined["name"]): mined for mined in read(one.slices).get("slices", ())}
    kept = {name: read(folder / "manifest.json") for name, folder in releases(one)}
    weights = str(gate.get("after", {}).get("weights_hash", ""))[:12]
    return [
        {
            "slice": aim["name"], "errors": errors.get(aim["of"], {}).get("errors", ""),
            "build": aim["build"], "focus": " & ".join(aim["labels"]) or "no focus needed", "rows": aim["rows"],
            "release": str(kept.get(aim["build"], {}).get("fingerprint", ""))[:12] or "not made",
            "model": str(gate.get("model", "")) or "none", "weights": weights,
        }
        for aim in plan.get("targets", ())
    ]  # fmt: skip


def _tests(gate: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    for role in ("target", "guards"):
        for one in gate.get(role, ()) or ():
            margin = one.get("margin")
            yield {
                "role": "target" if role == "target" else "guard",
                "name": SAID.get(one["name"], one["name"]) + SINCE[one.get("since", False)],
                "before": points(one["before"]), "after": points(one["after"]),
                "change": f"{100 * one['delta']:+.1f}",
                "interval": f"{100 * one['low']:+.1f} to {100 * one['high']:+.1f}", "n": one["n"],
                "p": f"{one['p']:.2g}", "margin": "" if margin is None else points(margin),
                "passed": one["passed"], "of": ", ".join(one.get("of", ())),
            }  # fmt: skip


def _alarms(gate: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [
        {"name": one["name"], "rang": bool(one["rang"]), "why": str(one.get("why", ""))}
        for one in gate.get("alarms", ()) or ()
    ]


def _mix(plan: Mapping[str, Any]) -> list[dict[str, Any]]:
    mix = plan.get("mix", {})
    return [
        {"name": name, "rows": mix[name]["rows"], "share": 100 * mix[name]["share"]}
        for name in ("aimed", "general", "replay")
        if name in mix
    ]


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and value == value
