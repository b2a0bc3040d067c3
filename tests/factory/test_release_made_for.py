"""What a loop made a release for: in the recipe, the manifest, the card, the changelog, a row's story."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from counterfactory.errors import UserError
from counterfactory.factory.made_for import Aimed, Learned, MadeFor, Share, serving
from counterfactory.factory.recipe import Recipe, resolve
from counterfactory.factory.release import manifest
from counterfactory.factory.release.explain import explain
from counterfactory.factory.release.known import facts_from
from counterfactory.factory.release.row_labels import of_part
from counterfactory.factory.release.validate import validate
from counterfactory.factory.run import build
from counterfactory.fingerprint import digest_file

sys.path.append(str(Path(__file__).parent))
sys.path.append(str(Path(__file__).parents[1] / "crash"))
import release_kit as kit
from engine_toys import toy_recipe

MADE = MadeFor(
    loop="small", round=2, model="round-01/model/1-sft", weights_hash="9" * 64, suite="pocket",
    evaluation="round-02/eval/mine", after="round-01/release/toys",
    slices=(
        Aimed(
            name="boxes | told", of="boxes", conditions=("kind:box", "variant:shifted"),
            labels=("kind:box",), rows=40, items=90, errors=70,
        ),
        Aimed(name="moons", of="moons", conditions=("kind:moon",), labels=("kind:moon",), rows=9),
        Aimed(name="differences", of="differences", conditions=("task:difference",), rows=7),
    ),
    mix={"aimed": Share(rows=56, share=0.8), "general": Share(rows=14, share=0.2)},
    stages=(
        Learned(
            stage="sft", data=("round-02/release/toys",), replay=("round-01/release/toys",), share=0.3
        ),
    ),
)  # fmt: skip


def aimed(recipe: Recipe, made: MadeFor | None = MADE) -> Recipe:
    told = recipe.release.model_copy(update={"made_for": made})
    return recipe.model_copy(update={"release": told})


def data(release: Path) -> dict[str, str]:
    files = sorted(path for path in release.rglob("*") if path.is_file())
    told = ("README.md", "manifest.json")  # these hold the time
    return {path.name: digest_file(path) for path in files if path.name not in told}


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The releases of two rounds."""
    folder = tmp_path_factory.mktemp("rounds")
    first, second = folder / "one" / "toys", folder / "two" / "toys"
    build(toy_recipe(n=24), first, workers=1, progress=False)
    recipe = aimed(toy_recipe(n=32))
    build(recipe, second, workers=1, progress=False, since=first)
    return first, second


def test_a_recipe_that_no_loop_made_says_nothing_of_it_and_keeps_its_fingerprint() -> None:
    recipe = resolve("region-diff")
    assert "made_for" not in recipe.values()["release"] and "made_for" not in recipe.yaml()
    told = Recipe.from_yaml(aimed(recipe).yaml())
    assert told.release.made_for == MADE
    assert told.fingerprint != recipe.fingerprint
    assert Recipe.from_yaml(aimed(told, None).yaml()).fingerprint == recipe.fingerprint


def test_what_releases_told_of_replay_before_is_still_read() -> None:
    replay = {"release": "round-01/release/toys", "round": 1, "rows": 14}
    told = MADE.model_dump(mode="json", exclude={"stages"})
    told["mix"]["replay"] = {"rows": 14, "share": 0.2, "releases": [replay]}
    found = MadeFor.model_validate(told)
    assert found.mix["replay"].releases[0].rows == 14 and found.stages == ()


def test_manifest_card_and_rows_say_what_the_release_was_made_for(two: tuple[Path, Path]) -> None:
    first, second = two
    assert "made_for" not in manifest.read(first)
    assert "What it was made for" not in (first / "README.md").read_text()
    held = manifest.read(second)
    assert MadeFor.model_validate(held["made_for"]) == MADE
    assert facts_from(second).made_for == held["made_for"]
    card = (second / "README.md").read_text()
    assert "Round 2 of the loop `small`" in card and "`round-01/model/1-sft`" in card
    assert "| boxes \\| told | 70 of 90 | `kind:box`, `variant:shifted` | `kind:box` | 40 |" in card
    assert "aimed rows 56 (80 %), general rows 14 (20 %)" in card
    assert "| sft | `round-02/release/toys` | 30 % | `round-01/release/toys` |" in card
    import pyarrow.parquet as pq

    for folder, number in ((first, 0), (second, 2)):
        (path,) = (folder / "data" / "pairs").iterdir()
        rounds = {row["round"] for row in pq.read_table(path)["provenance"].to_pylist()}
        assert rounds == {number}


def test_the_changelog_says_what_changed_since_the_round_before(two: tuple[Path, Path]) -> None:
    first, second = two
    changes = (second / "CHANGELOG.md").read_text()
    assert "Since `round-01/release/toys`:" in changes
    before, now = (manifest.read(one)["views"]["pairs"]["rows"] for one in two)
    assert f"- pairs: {now - before:,} rows added, 0 removed" in changes
    assert changes.split("\n\n", 2)[2].split("\n- pairs:")[0] in (second / "README.md").read_text()
    assert "Since" not in (first / "CHANGELOG.md").read_text()


def test_it_validates_and_a_second_build_is_the_same_byte_for_byte(
    two: tuple[Path, Path], tmp_path: Path
) -> None:
    first, second = two
    assert validate(second).problems == ()
    again = tmp_path / "toys"
    build(aimed(toy_recipe(n=32)), again, workers=1, progress=False, since=first)
    assert data(again) == data(second)


def test_a_pair_is_told_the_slices_that_its_labels_serve(tmp_path: Path) -> None:
    recipe = {"seed": 3, "ops": [], "release": {"made_for": MADE.model_dump(mode="json")}}
    release = kit.write(
        tmp_path / "r", kit.rows_of([kit.candidate(1)]), kit.rejects_of(1), recipe=recipe
    )
    story = explain(release, kit.candidate(1).key)
    made = story.data["made_for"]
    assert made["labels"] == ["kind:box", "colour:blue"]
    assert [one["name"] for one in made["slices"]] == ["boxes | told", "differences"]
    text = " ".join(str(story).split())
    assert "made for round 2 of loop small: round-01/model/1-sft (999999999999)" in text
    assert "slice boxes | told: 70 of 90 wrong, 40 rows aimed at it" in text
    reject = explain(release, kit.rejects_of(1)[0].id)
    assert "made for round 2 of loop small" in " ".join(str(reject).split())


def test_a_manifest_of_another_make_is_named(tmp_path: Path) -> None:
    recipe = {"seed": 3, "ops": [], "release": {"made_for": {"loop": "small"}}}
    told: dict[str, Any] = recipe | {"release": {"made_for": MADE.model_dump(mode="json")}}
    release = kit.write(tmp_path / "r", kit.rows_of([kit.candidate(1)]), recipe=told)
    held = json.loads((release / "manifest.json").read_text())
    (release / "manifest.json").write_text(json.dumps(held | {"made_for": {"loop": "small"}}))
    with pytest.raises(UserError, match=r"manifest.json: made_for: .*round"):
        explain(release, kit.candidate(1).key)


@pytest.mark.parametrize(
    ("labels", "row", "served"),
    [
        (("task:existence_popular",), ("task:existence",), True),
        (("task:existence", "kind:sun"), ("task:existence", "kind:sun", "colour:red"), True),
        (("task:existence", "kind:sun"), ("task:existence", "kind:moon"), False),
        ((), (), True),
    ],
)
def test_a_row_serves_a_slice_when_it_has_all_its_labels(
    labels: tuple[str, ...], row: tuple[str, ...], served: bool
) -> None:
    one = Aimed(name="s", of="s", labels=labels)
    assert serving([one], row) == ([one] if served else [])


def test_parts_of_one_row_have_labels_of_their_own() -> None:
    labels = {"q0": ("task:count",), "q1": ("task:usual",), "p0": ("task:description",)}
    assert of_part(labels, "r1") == ("task:usual",) and of_part(labels, "p0n") == labels["p0"]
    assert of_part(labels, "") == ("task:count", "task:usual", "task:description")
    assert of_part({"": ("kind:sun",)}, "diff") == ("kind:sun",)
