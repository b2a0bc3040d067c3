"""`region-diff-hub` with tiny random models of the big ones' classes: the calls are the real ones."""

import json
from pathlib import Path

import pytest
from PIL import Image
from tests import tiny

from counterfactory.factory.ops.base import Context
from counterfactory.factory.recipe import Recipe, checked
from counterfactory.factory.run.chain import Chain
from counterfactory.models import Models
from counterfactory.records import Candidate, Reason, Reject

CAPTIONS = ("A large red ball on a table.", "A small green box and a dog.", "A blue star.", "")


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Photographs with captions, the last without, and the models."""
    folder = tmp_path_factory.mktemp("hub")
    (folder / "photos").mkdir()
    lines = []
    for number, caption in enumerate(CAPTIONS):
        name = f"{number}.png"
        Image.fromarray(tiny.picture(number, 96, 128)).save(folder / "photos" / name)
        lines.append(json.dumps({"file_name": name, "text": caption}))
    (folder / "photos" / "metadata.jsonl").write_text("\n".join(lines), encoding="utf-8")
    tiny.clip(folder), tiny.klein(folder), tiny.sdxl_inpaint(folder)
    tiny.sam(folder, seed=4)  # one whose random masks have the size of things
    return folder


def with_tiny_models(place: Path, editor: str, **options: object) -> Recipe:
    """Return the recipe with tiny models, and with thresholds that random weights can pass."""
    clip, sam = place / "clip", place / "sam"
    edit = {"size": 32, "steps": 1, "model": str(place / editor), **options}
    sets = [
        f"source={{kind: folder, path: {place / 'photos'}, n: {len(CAPTIONS)}, batch: 4}}",
        f"ops.mask.model={sam}", f"ops.mask.clip={clip}", "ops.mask.min_similarity=-1",
        "ops.mask.max_area=1", f"ops.diff.model={sam}", f"ops.diff.clip={clip}",
        "ops.diff.max_similarity=1", "checks.similarity.min=-1", "checks.similarity.max=1.01",
        "checks.presence.margin=-2", "checks.swap.margin=-2",
        *(f"checks.{name}.model={clip}" for name in ("similarity", "presence", "swap")),
        *(f"ops.edit.{key}={json.dumps(value)}" for key, value in edit.items()),
    ]  # fmt: skip
    return checked("region-diff-hub", sets)


def outcomes(recipe: Recipe, place: Path) -> list[Candidate | Reject]:
    source = recipe.source.open(place, recipe.seed)
    context = Context(
        recipe_seed=recipe.seed, focus=recipe.focus, models=Models("cpu"), workdir=place
    )
    chain = Chain(recipe, context)
    bare = [chain.bare(source.key(index), source.load(index)) for index in range(len(source))]
    return chain.run(bare)


@pytest.mark.parametrize(
    ("editor", "options"), [("klein", {"options": tiny.KLEIN_OPTIONS}), ("sdxl", {})]
)
def test_every_photograph_ends_as_a_pair_or_with_a_reason(
    place: Path, editor: str, options: dict[str, object]
) -> None:
    ends = outcomes(with_tiny_models(place, editor, **options), place)
    assert len(ends) == len(CAPTIONS)
    broken = [one for one in ends if isinstance(one, Reject) and one.note]
    assert broken == []
    assert isinstance(ends[-1], Reject) and ends[-1].reason == Reason.CAPTION_MISSING
    kept = [one for one in ends if isinstance(one, Candidate)]
    assert kept, ends
    for one in kept:
        assert one.image_b is not None and one.image_b.shape == one.image_a.shape
        assert (one.image_b != one.image_a).any() and one.boxes and one.caption_a != one.caption_b


def test_the_thresholds_are_those_of_the_paper() -> None:
    values = checked("region-diff-hub").values()
    ops = {op["op"]: op for op in values["ops"]}
    checks = {check["check"]: check for check in values["checks"]}
    assert (checks["similarity"]["min"], checks["similarity"]["max"]) == (0.90, 0.98)
    assert ops["diff"]["max_similarity"] == 0.85 and ops["diff"]["order"] == "clip"
    assert (ops["diff"]["max_iou"], ops["diff"]["max_boxes"]) == (0.5, 5)
    assert ops["diff"]["min_area"] == 1 / 400
