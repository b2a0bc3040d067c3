"""A loop of tiny real stages: files in, files out, seconds never; for tests of the engine itself.

    run_loop(toy_recipe(rounds=2), folder, parts=TOY, page=no_page, say=log.append)

The "model" is a number in a file. `measure` copies it, `build` writes it in ten parts and goes on where
it was stopped, `train` adds one, `gate` promotes a number that `gates.promotion.seed` does not name.
"""

import json
from collections.abc import Iterable, Mapping
from functools import partial
from pathlib import Path

from counterfactory.factory.recipe_yaml import read as read_yaml
from counterfactory.factory.run.disk import write_whole
from counterfactory.loop.engine import Stage
from counterfactory.loop.recipe import LoopRecipe
from counterfactory.loop.rounds import Work, point

PARTS = 4
CALLS: list[str] = []
"""What the stages of this process did, in order."""


def toy_recipe(rounds: int = 2, bad: int = 0, **more: object) -> LoopRecipe:
    """Return a recipe; the model with the number `bad` is rejected."""
    text = f"""\
kind: loop
name: toy
rounds: {rounds}
model: pocket
builds: [{{recipe: region-diff}}]
stages: [{{train: sft, data: [region-diff]}}]
gates: {{promotion: {{seed: {bad}}}}}
"""
    lines = [f"{key}: {json.dumps(value)}\n" for key, value in more.items()]
    return LoopRecipe.from_document(read_yaml(text + "".join(lines), "toy.yaml"))


def number(model: str) -> int:
    """Return the number that a model is."""
    return 0 if model == "pocket" else int((Path(model) / "n").read_text())


def measure(work: Work) -> None:
    CALLS.append(f"measure {work.round.number}")
    work.round.mine.mkdir(parents=True, exist_ok=True)
    write_whole(work.round.mine / "n", str(number(work.model)).encode())


def build(work: Work) -> None:
    """Write a file a part; parts that are there stay."""
    out = work.round.release("toy")
    beside = out.with_name("toy.build")
    beside.mkdir(parents=True, exist_ok=True)
    value = (work.round.mine / "n").read_text()
    for at in range(PARTS):
        if not (beside / str(at)).exists():
            CALLS.append(f"part {work.round.number}.{at}")
            write_whole(beside / str(at), f"{value}.{at}".encode())
    text = " ".join((beside / str(at)).read_text() for at in range(PARTS))
    out.mkdir(parents=True, exist_ok=True)
    write_whole(out / "rows", text.encode())


def train(work: Work, *, model: str) -> None:
    CALLS.append(f"train {work.round.number}")
    out = work.round.models / "1-sft"
    out.mkdir(parents=True, exist_ok=True)
    write_whole(out / "n", str(number(model) + work.round.number).encode())


def gate(work: Work) -> None:
    CALLS.append(f"gate {work.round.number}")
    found = number(str(work.round.models / "1-sft"))
    good = found != work.recipe.gates.promotion.seed
    decision = {"promoted": good, "reason": f"found {found}", "model": "model/1-sft"}
    write_whole(work.round.gate, json.dumps(decision).encode())
    point(work.folder, [*work.earlier, work.round])


def first(work: Work) -> Iterable[Stage[Work]]:
    model = work.model

    def takes(work: Work) -> Mapping[str, object]:
        return {"model": number(model), "suite": work.recipe.suite}

    yield Stage("measure", measure, takes, lambda w: [w.round.mine])
    yield Stage(
        "build", build, lambda w: {"eval": w.round.mine}, lambda w: [w.round.release("toy")]
    )
    yield Stage(
        "train", partial(train, model=model),
        lambda w: {"model": number(model), "data": w.round.release("toy")},
        lambda w: [w.round.models / "1-sft"],
    )  # fmt: skip


def last(work: Work) -> Iterable[Stage[Work]]:
    yield Stage(
        "gate", gate,
        lambda w: {"model": w.round.models, "gates": w.recipe.gates.model_dump(mode="json")},
        lambda w: [w.round.gate],
    )  # fmt: skip


TOY = {"first": first, "last": last}


def no_page(out: Path) -> None:
    write_whole(out / "report.html", b"<p>")


def contents(folder: Path) -> dict[str, str]:
    """Return every file that a finished loop leaves, but those that hold times."""
    return {
        path.relative_to(folder).as_posix(): path.read_text()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name not in ("journal.jsonl", "lock")
    }
