"""A row's or reject's story as lines of text: what `release explain` and `release replay` print.

4f0c9a... kept in region-diff dev
  source    world:biased:0:17 (licence apache-2.0)
  edit      replace by diffusion: large yellow sun -> large blue moon
  checks    locality.outside  0.004 (threshold 0.02) passed
"""

from collections.abc import Iterator, Mapping
from typing import Any

Data = Mapping[str, Any]


def told(data: Data) -> str:
    """Return the story as text."""
    lines = list(_rejected(data) if data["status"] == "rejected" else _kept(data))
    head = f"{data['id']} {data['status']} in {data['release']} {data['version']}"
    return "\n".join([head, *lines])


def replayed(data: Data) -> str:
    """Return as text what came out when a row was made again."""
    verdict = "the same" if data["same"] else "something else"
    verdict += f" up to {data['up_to']}" if data["up_to"] else ""
    head = f"{data['id']} made again from {data['release']} {data['version']}: {verdict}"
    return "\n".join([head, *_replayed(data)])


def _replayed(data: Data) -> Iterator[str]:
    others = f", with the {data['samples'] - 1} others of its batch" if data["samples"] > 1 else ""
    yield _line("sample", f"{data['sample']}{others}")
    yield _line("fate", data["fate"]["found"])
    equal = {
        view: [name for name, same in columns.items() if same]
        for view, columns in data["compared"].items()
    }
    yield from _block("equal", [f"{view}: {', '.join(e)}" for view, e in equal.items() if e])
    yield from _block("differs", [_difference(one) for one in data["differs"]])
    if data["begins"]:
        yield _line("begins", data["begins"])
    if not data["same"]:
        changed = [f"{name} {then} -> {now}" for name, (then, now) in data["versions"].items()]
        yield from _block("versions", changed)
    yield from _block("asked", [f"{one}: a server may answer otherwise" for one in data["served"]])
    skipped = [f"{name}: a check that looks at all rows" for name in data["not_replayed"]]
    yield from _block("left out", skipped)
    yield _line("seconds", f"{data['seconds']:.1f}")


def _difference(one: Data) -> str:
    by = ""
    if "largest" in one:
        by = f" ({one['pixels']} pixels differ, by {one['largest']} of 255 at most)"
    place = f"{one['view']} {one['id']} {one['column']}" if one["view"] else one["column"]
    return f"{place}: found {one['found']!r}, made {one['made']!r}{by}"


def _rejected(data: Data) -> Iterator[str]:
    reject = data["reject"]
    yield _line("stage", reject["stage"])
    yield _line("reason", reject["reason"])
    if reject["metric"] or reject["value"] is not None:
        yield _line(
            "measured", f"{reject['metric']} {scored(reject['value'], reject['threshold'])}"
        )
    if reject["parents"]:
        yield _line("sample", ", ".join(reject["parents"]))
    if data.get("note"):
        yield _line("note", data["note"])
    yield from _purpose(data)


def _kept(data: Data) -> Iterator[str]:
    if "source_id" in data:
        yield from _made(data)
    texts = (data.get(name) for name in ("caption_a", "caption_b", "difference"))
    yield from _block("texts", [text for text in texts if text])
    if data.get("question"):
        yield _line("question", f"{data['question']} {data['answer_a']} -> {data['answer_b']}")
    yield from _block("checks", [_verdict(verdict) for verdict in data.get("verdicts", ())])
    yield from _block("says", [_talk(said) for said in data.get("said", ())])
    yield from _block("models", [_model(m) for m in data.get("models", ())])
    yield from _block("views", [f"{v}: {', '.join(ids)}" for v, ids in data["views"].items()])
    yield from _purpose(data)


def _made(data: Data) -> Iterator[str]:
    yield _line("source", f"{data['source_id']} (licence {data['license']})")
    yield _line("sample", data["group_id"])
    if edit := data["edit"]:
        change = f"{edit['target'] or 'nothing'} -> {edit['replacement'] or 'nothing'}"
        yield _line("edit", f"{edit['kind']} by {edit['method']}: {change}")
    yield _line("steps", " -> ".join(data["ops"]))
    yield _line("seed", str(data["seed"]))
    boxes = ["(" + ", ".join(f"{edge:.3f}" for edge in box) + ")" for box in data["boxes"]]
    yield from _block("regions", boxes)


def _purpose(data: Data) -> Iterator[str]:
    """Yield what a loop made the row for, and questions that failed where they are known."""
    if not (made := data.get("made_for")):
        return
    model = f"{made['model']} ({made['weights_hash'][:12]})"
    measured = f"measured on {made['suite']}, split {made['split']}"
    yield _line("made for", f"round {made['round']} of loop {made['loop']}: {model} {measured}")
    if "labels" in made:
        yield _line("labels", ", ".join(made["labels"]) or "not known: the working folder is gone")
    for one in made.get("slices", ()):
        wrong = f"{one['errors']} of {one['items']} wrong, {one['rows']} rows aimed at it"
        yield _line("slice", f"{one['name']}: {wrong}")
        for item in one.get("failed", ()):
            asked = f"{item['task']} {item['item_id']}: {item['question']}"
            yield _line("", f"- {asked} said {item['said']!r}, right is {item['right']!r}")
    if "slices" in made and not made["slices"]:
        yield _line("slice", "none of the round: a row to keep what the model can do")


def scored(value: float | None, threshold: float | None) -> str:
    """Return a score beside its threshold: "0.004 (threshold 0.02)"."""
    if value is None:
        return "unscored"
    limit = f" (threshold {threshold:.4g})" if threshold is not None else ""
    return f"{value:.4g}{limit}"


def outcome(passed: bool | None) -> str:
    """Return a verdict in a word."""
    return "unscored" if passed is None else "passed" if passed else "failed"


def _model(model: Data) -> str:
    return f"{model['role']}: {model['id']} ({model['revision'][:12]})"


def _verdict(verdict: Data) -> str:
    score = scored(verdict["score"], verdict["threshold"])
    return f"{verdict['check']}  {score} by {verdict['judge']}: {outcome(verdict['passed'])}"


def _talk(said: Data) -> str:
    rest = [
        f"{name} {value}" for name, value in said.items() if name not in ("view", "id", "prompt")
    ]
    return f"{said['view']}: {said.get('prompt', '')} | {'; '.join(rest)}"


def _block(label: str, lines: list[str]) -> Iterator[str]:
    for number, line in enumerate(lines):
        yield _line(label if number == 0 else "", line)


def _line(label: str, text: str) -> str:
    """Return one line; what could steer a terminal is shown as a question mark."""
    shown = "".join(c if c.isprintable() else "?" for c in " ".join(text.split()))
    return f"  {label:<9} {shown}".rstrip()
