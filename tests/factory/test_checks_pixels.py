import gzip
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from tests.photos import candidate, context, disc, photo

from counterfactory.errors import UserError
from counterfactory.factory.checks import CHECKS
from counterfactory.factory.checks.contamination import build_index
from counterfactory.factory.checks.likeness import Likenesses, Signature, alike, signature
from counterfactory.factory.checks.measures import ssim_map
from counterfactory.factory.release.rows import Provenance, to_row
from counterfactory.images import hamming
from counterfactory.records import Candidate, Edit, Example, Pixels, Reason, Verdict

HERE = disc(60, 60, 26)
THERE = disc(180, 150, 34)


def painted(
    where: np.ndarray, colour: tuple[int, int, int] = (40, 160, 60), seed: int = 0
) -> Pixels:
    pixels = photo(seed=seed)
    pixels[where] = colour
    return pixels


def pair(image_b: Pixels, **fields: object) -> Candidate:
    return candidate(
        image_b=image_b,
        **{"mask": HERE, "edit": Edit(kind="recolour", method="classical"), **fields},
    )


def verdicts(name: str, *candidates: Candidate, **knobs: object) -> list[Verdict]:
    judge = CHECKS[name](**knobs).setup(context())
    return [one for found in judge(list(candidates)) for one in found]


def failure(name: str, one: Candidate, **knobs: object) -> tuple[str, Reason | None] | None:
    return next(((v.check, v.reason) for v in verdicts(name, one, **knobs) if not v.passed), None)


@pytest.mark.parametrize("name", ["locality", "ssim", "change_area", "sanity", "contamination"])
def test_a_good_pair_passes_with_a_score_and_a_threshold(name: str) -> None:
    for verdict in verdicts(name, pair(painted(HERE))):
        assert verdict.passed and verdict.reason is None
        assert verdict.score is not None and verdict.threshold is not None


def test_locality_knows_change_outside_and_no_change_inside() -> None:
    outside, inside = verdicts("locality", pair(painted(HERE | THERE)))
    assert outside.reason == Reason.OUTSIDE_CHANGED
    assert outside.score == pytest.approx(THERE.sum() / (~HERE).sum(), rel=0.02)
    assert inside.passed
    assert failure("locality", pair(photo())) == ("locality.inside", Reason.NOTHING_CHANGED)
    assert failure("locality", pair(painted(THERE)))[0] == "locality.outside"


def test_locality_overlooks_what_stays_within_its_tolerance() -> None:
    image = np.clip(painted(HERE).astype(int) + 6, 0, 255).astype(np.uint8)
    assert failure("locality", pair(image)) is None
    assert failure("locality", pair(image), tolerance=2)[0] == "locality.outside"


def test_pictures_of_two_sizes_are_unscored_or_too_different() -> None:
    small = photo()[:100]
    for name in ("locality", "ssim", "change_area"):
        (verdict,) = verdicts(name, pair(small))
        assert (verdict.passed, verdict.score, verdict.reason) == (None, None, Reason.CHECK_FAILED)
    assert failure("sanity", pair(small)) == ("sanity.size", Reason.PAIR_TOO_DIFFERENT)


def test_ssim_is_one_for_equal_pictures_and_that_of_scikit_image_otherwise() -> None:
    from skimage.metrics import structural_similarity

    one, other = photo(), painted(HERE)
    assert ssim_map(one, one).min() > 0.999
    reference = structural_similarity(
        one, other, channel_axis=2, gaussian_weights=True, sigma=1.5, use_sample_covariance=False
    )
    assert ssim_map(one, other).mean() == pytest.approx(reference, abs=0.01)


def test_ssim_refuses_another_scene_and_an_edit_that_cannot_be_seen() -> None:
    other = np.random.default_rng(5).integers(0, 256, photo().shape).astype(np.uint8)
    assert failure("ssim", pair(other)) == ("ssim.pair", Reason.PAIR_TOO_DIFFERENT)
    assert failure("ssim", pair(photo())) == ("ssim.edit", Reason.PAIR_TOO_SIMILAR)


def test_the_changed_area_has_a_least_and_a_most() -> None:
    assert failure("change_area", pair(painted(disc(60, 60, 2)))) == (
        "change_area.least",
        Reason.NOTHING_CHANGED,
    )
    assert failure("change_area", pair(painted(disc(60, 60, 300))))[1] == Reason.PAIR_TOO_DIFFERENT


@pytest.mark.parametrize(
    ("image_b", "check"),
    [
        (np.full((210, 260, 3), 128, np.uint8), "sanity.contrast"),
        (photo() // 40, "sanity.contrast"),
        (
            np.where(disc(4, 4, 5)[..., None], 120, 0).repeat(3, 2).astype(np.uint8),
            "sanity.brightness",
        ),
        (painted(HERE, (0, 0, 0)), "sanity.blackout"),
    ],
)
def test_broken_pictures_are_blank(image_b: Pixels, check: str) -> None:
    assert failure("sanity", pair(image_b)) == (check, Reason.IMAGE_BLANK)


def test_a_thing_on_black_may_leave_black() -> None:
    night = np.zeros((210, 260, 3), np.uint8)
    night[:, 130:] = 90
    lamp = np.where(HERE[..., None], np.uint8(240), night)
    one = replace(pair(night), sample=replace(pair(night).sample, image=lamp))
    assert failure("sanity", one) is None


def test_a_single_picture_can_be_sane() -> None:
    assert failure("sanity", candidate()) is None


def noise(seed: int) -> Pixels:
    small = np.random.default_rng(seed).integers(0, 256, (6, 6, 3), np.uint8)
    return np.array(Image.fromarray(small).resize((96, 96), Image.Resampling.BICUBIC))


@given(
    st.lists(st.integers(0, 2**64 - 1), max_size=20),
    st.integers(0, 2**64 - 1),
    st.integers(0, 11),
    st.data(),
)
def test_the_banded_index_finds_what_a_full_search_finds(
    hashes: list[int], base: int, most: int, data: st.DataObject
) -> None:
    for _ in range(5):  # some that are surely near
        flips = data.draw(st.lists(st.integers(0, 63), max_size=12))
        hashes.append(base ^ sum({1 << bit for bit in flips}))
    index = Likenesses(most)
    for value in hashes:
        index.add(Signature(value, bytes(48)))
    expected = sorted(
        (hamming(base, v), i) for i, v in enumerate(hashes) if hamming(base, v) <= most
    )
    assert index.near(Signature(base, bytes(48))) == expected


def test_structure_alone_does_not_make_pictures_alike() -> None:
    red, blue = (np.full((64, 64, 3), 200, np.uint8) for _ in range(2))
    red[16:40, 20:48], blue[16:40, 20:48] = (190, 60, 60), (60, 60, 190)
    assert hamming(signature(red).phash, signature(blue).phash) <= 4
    assert not alike(signature(red), signature(blue), 4)


def row(image_b: Pixels | None, **fields: object) -> dict:
    return to_row(pair(image_b, **fields), Provenance(recipe="r", recipe_fingerprint="f"))


def fates(*rows: dict, **knobs: object) -> list[bool]:
    judge = CHECKS["duplicate"](**knobs).setup(context())
    return [bool(judge(one).passed) for one in rows]


def test_the_same_pair_twice_is_kept_once() -> None:
    again = row(painted(HERE), seed=9)
    assert fates(row(painted(HERE)), again, again) == [True, False, False]


def test_a_copy_with_other_noise_is_a_duplicate() -> None:
    other = row(painted(HERE, seed=3), image=photo(seed=3))
    assert fates(row(painted(HERE)), other) == [True, False]


def test_one_original_may_stand_in_several_pairs() -> None:
    assert (
        fates(
            row(painted(HERE)),
            row(painted(HERE, (40, 60, 200))),  # another colour
            row(painted(THERE), mask=THERE),  # another place
            row(painted(disc(60, 60, 14)), mask=disc(60, 60, 14)),  # another size
        )
        == [True] * 4
    )


def test_pictures_without_a_counterfactual_differ_by_what_is_asked() -> None:
    asked = (Example(task="count", question="How many?", answer="3"),)
    one = row(None, mask=None, edit=None)
    other = row(None, mask=None, edit=None, examples=asked)
    assert fates(one, other, one) == [True, True, False]


def index_of(tmp_path: Path, *pictures: Pixels, name: str = "index.jsonl") -> str:
    entries = [("gate", str(i), pixels) for i, pixels in enumerate(pictures)]
    assert build_index(tmp_path / name, entries, [("gate", "s", "f" * 64)]) == len(pictures) + 1
    return str(tmp_path / name)


@pytest.mark.parametrize("name", ["index.jsonl", "index.jsonl.gz"])
def test_a_picture_of_a_suite_is_found_on_either_side(tmp_path: Path, name: str) -> None:
    clean = pair(painted(HERE))
    as_a = index_of(tmp_path, noise(1), photo(seed=8), name=name)
    assert failure("contamination", clean, index=as_a) == ("contamination", Reason.CONTAMINATED)
    as_b = index_of(tmp_path, painted(HERE, seed=8), name="b" + name)
    assert failure("contamination", pair(painted(THERE)), index=as_b) is None
    assert (
        failure("contamination", clean, index=index_of(tmp_path, noise(1), name="c" + name)) is None
    )


def test_a_scene_of_a_suite_is_found_by_its_fingerprint(tmp_path: Path) -> None:
    clean = pair(painted(HERE))
    index = index_of(tmp_path)
    known = replace(clean, sample=replace(clean.sample, fingerprint="f" * 64))
    assert failure("contamination", clean, index=index) is None
    assert failure("contamination", known, index=index) == ("contamination", Reason.CONTAMINATED)


def test_an_index_has_the_same_bytes_each_time(tmp_path: Path) -> None:
    paths = [Path(index_of(tmp_path, noise(1), noise(2), name=f"{i}.jsonl.gz")) for i in range(2)]
    assert paths[0].read_bytes() == paths[1].read_bytes()


@pytest.mark.parametrize("text", ["", "[]\n", '{"index": "other"}\n', "damaged", '{"phash": 3}\n'])
def test_a_wrong_index_is_the_users_to_mend(tmp_path: Path, text: str) -> None:
    path = tmp_path / "index.jsonl"
    path.write_text(text)
    with pytest.raises(UserError, match="not an index"):
        verdicts("contamination", candidate(), index=str(path))
    with pytest.raises(UserError, match="no file"):
        verdicts("contamination", candidate(), index=str(tmp_path / "none.jsonl"))


def test_the_shipped_index_can_be_read() -> None:
    assert failure("contamination", pair(painted(HERE))) is None
    from counterfactory.factory.checks.contamination import FORMAT, SHIPPED

    with gzip.open(SHIPPED, "rt") as stream:
        assert json.loads(stream.readline()) == FORMAT
