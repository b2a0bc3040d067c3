"""Two releases compared by row and column."""

import sys
from pathlib import Path

from counterfactory.factory.release.diff import diff

sys.path.append(str(Path(__file__).parent))
import release_kit as kit


def test_rows_added_removed_and_changed_are_told_with_their_columns(tmp_path: Path) -> None:
    before = kit.rows_of(kit.candidate(n) for n in (0, 1, 2))
    after = kit.rows_of([kit.candidate(1), kit.candidate(2, caption_b="New."), kit.candidate(3)])
    found = diff(
        kit.write(tmp_path / "a", before), kit.write(tmp_path / "b", after, version="2026.1.1.1")
    )
    pairs = found.views["pairs"]
    assert pairs.added == (kit.candidate(3).key,) and pairs.removed == (kit.candidate(0).key,)
    assert pairs.changed == {kit.candidate(2).key: ("caption_b",)} and pairs.same == 1
    assert set(found.views["clip"].changed.values()) == {("neg_caption",), ("caption",)}
    assert found.facts["version"] == ("dev", "2026.1.1.1") and not found.same_data
    assert f"changed: {kit.candidate(2).key} (caption_b)" in str(found)
    assert found.as_dict()["views"]["pairs"]["added"] == [kit.candidate(3).key]


def test_a_changed_picture_is_a_changed_column(tmp_path: Path) -> None:
    image = kit.candidate(5).image_b
    before = kit.rows_of([kit.candidate(1)])
    after = kit.rows_of([kit.candidate(1, image_b=image)])
    found = diff(
        kit.write(tmp_path / "a", before, views=["pairs"]),
        kit.write(tmp_path / "b", after, views=["pairs"]),
    )
    assert found.views["pairs"].changed == {kit.candidate(1).key: ("image_b",)}


def test_a_release_does_not_differ_from_itself(tmp_path: Path) -> None:
    release = kit.pairs_release(tmp_path / "a", count=2)
    found = diff(release, release)
    assert found.same_data and str(found) == "No difference." and found.facts == {}


def test_a_view_that_only_one_release_has_is_added_whole(tmp_path: Path) -> None:
    rows = kit.rows_of([kit.candidate(1)])
    found = diff(
        kit.write(tmp_path / "a", rows, views=["pairs"]),
        kit.write(tmp_path / "b", rows, views=["pairs", "clip"]),
    )
    assert len(found.views["clip"].added) == 2 and found.views["clip"].columns_added == ()
    assert found.views["pairs"].empty
