"""Model ids become models: tiny ones in the real formats, loaded by the calls that load the big ones."""

import json
from pathlib import Path

import numpy as np
import pytest
from tests import tiny

from counterfactory.errors import UserError
from counterfactory.models import Models, identify
from counterfactory.models.segment import Grid, Segment, grid_points, stability, suppress


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("models")
    return {
        "clip": tiny.clip(folder), "sam": tiny.sam(folder), "sam2": tiny.sam2(folder),
        "sd": tiny.sd_inpaint(folder), "sdxl": tiny.sdxl_inpaint(folder), "klein": tiny.klein(folder),
    }  # fmt: skip


@pytest.fixture(scope="module")
def models() -> Models:
    return Models("cpu")


def test_clip_rows_are_of_unit_length_and_a_row_depends_on_its_input_alone(made, models) -> None:
    clip = models.clip(str(made["clip"]))
    rows = clip.images([tiny.picture(0), tiny.picture(1), tiny.picture(0)])
    assert rows.shape == (3, 32) and rows.dtype == np.float32
    assert np.allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-5)
    assert np.allclose(rows[0], rows[2]) and not np.allclose(rows[0], rows[1])
    texts = clip.texts(["a red sun", "a blue ball", "a red sun"])
    assert np.array_equal(texts[0], texts[2]) and not np.allclose(texts[0], texts[1])


def test_a_model_is_loaded_once(made, models) -> None:
    assert models.clip(str(made["clip"])) is models.clip(str(made["clip"]))


@pytest.mark.parametrize("name", ["sam", "sam2"])
def test_a_segmenter_gives_masks_of_the_pictures_own_size(made, models, name: str) -> None:
    sam = models.sam(str(made[name]))
    image = tiny.picture(0, 48, 80)
    one, two = sam.from_points(image, np.array([[20, 20], [70, 40]]))
    assert one.mask.shape == (48, 80) and one.mask.dtype == np.bool_
    assert len(sam.from_boxes(image, np.array([[5, 5, 40, 40]]))) == 1
    assert all(0 <= edge <= 1 for edge in two.box)


@pytest.mark.parametrize("name", ["sam", "sam2"])
def test_pictures_encoded_together_give_the_masks_of_pictures_encoded_alone(
    made, models, name: str
) -> None:
    sam = models.sam(str(made[name]))
    images = [tiny.picture(seed, 64, 64) for seed in range(3)]
    boxes = [np.array([[10, 10, 40, 40]], np.float64)] * 3
    together = sam.from_boxes_of(images, boxes)
    alone = [sam.from_boxes(image, box) for image, box in zip(images, boxes, strict=True)]
    for many, single in zip(together, alone, strict=True):
        assert (many[0].mask == single[0].mask).mean() > 0.99


def test_everything_finds_masks_and_no_two_that_are_the_same(made, models) -> None:
    found = models.sam(str(made["sam"])).everything(tiny.picture())
    assert all(segment.mask.any() for segment in found)
    assert len({segment.box for segment in found}) == len(found)


def test_a_grid_has_its_points_in_the_middles_of_cells() -> None:
    assert grid_points(2, 40, 20).tolist() == [[10, 5], [30, 5], [10, 15], [30, 15]]


def test_a_mask_with_a_soft_edge_is_less_stable() -> None:
    sharp, soft = np.full((2, 8, 8), -9.0, np.float32)
    sharp[2:6, 2:6], soft[2:6, 2:6], soft[0:2] = 9, 9, 0.5
    steady = stability(np.stack([sharp, soft]))
    assert steady[0] == 1.0 and steady[1] == pytest.approx(16 / 32)


def test_suppression_keeps_the_better_of_two_overlapping_masks() -> None:
    def segment(score: float, box: tuple[float, float, float, float]) -> Segment:
        return Segment(mask=np.ones((2, 2), np.bool_), score=score, box=box)

    weak, strong = segment(0.8, (0, 0, 0.5, 0.5)), segment(0.9, (0, 0, 0.5, 0.55))
    other = segment(0.1, (0.6, 0.6, 0.9, 0.9))
    assert suppress([weak, other, strong], Grid().max_iou) == [strong, other]


INPAINTERS = [("sd", {}), ("sdxl", {}), ("klein", tiny.KLEIN_OPTIONS)]


def _masks(count: int) -> list[np.ndarray]:
    masks = [np.zeros((48, 64), np.bool_) for _ in range(count)]
    for index, mask in enumerate(masks):
        mask[8 + index : 30 + index, 12:34] = True
    return masks


@pytest.mark.parametrize(("name", "options"), INPAINTERS)
def test_inpainting_changes_the_mask_and_no_pixel_outside_it(
    made, models, name: str, options: dict
) -> None:
    images, masks = [tiny.picture(s, 48, 64) for s in range(3)], _masks(3)
    done = models.inpaint(str(made[name])).inpaint(
        images, masks, ["a red sun", "a blue box", "plain background"], [1, 2, 3],
        steps=2, guidance=2.0, crop_padding=4, size=32, options=options,
    )  # fmt: skip
    for image, mask, result in zip(images, masks, done, strict=True):
        assert result.shape == image.shape and result.dtype == np.uint8
        assert np.array_equal(result[~mask], image[~mask])
        assert not np.array_equal(result[mask], image[mask])


def test_a_seed_gives_the_same_picture_alone_or_in_a_batch_and_another_seed_another(
    made, models
) -> None:
    inpainter = models.inpaint(str(made["sd"]))
    images, masks = [tiny.picture(5, 48, 64)] * 3, [_masks(1)[0]] * 3
    call = {"steps": 2, "guidance": 2.0, "crop_padding": 4}
    many = inpainter.inpaint(images, masks, ["a red sun"] * 3, [7, 8, 7], **call)
    alone = inpainter.inpaint(images[:1], masks[:1], ["a red sun"], [7], **call)
    assert np.array_equal(many[0], many[2]) and not np.array_equal(many[0], many[1])
    assert np.abs(many[0].astype(int) - alone[0].astype(int)).max() <= 1


@pytest.mark.parametrize("name", ["sd", "sdxl", "klein"])
def test_a_round_trip_passes_the_mask_through_the_autoencoder_and_nothing_else(
    made, models, name: str
) -> None:
    image, mask = tiny.picture(1, 48, 64), _masks(1)[0]
    done = models.inpaint(str(made[name])).round_trip([image], [mask], crop_padding=4, size=32)[0]
    assert np.array_equal(done[~mask], image[~mask]) and not np.array_equal(done[mask], image[mask])


def test_a_models_identity_is_its_weights_and_not_its_notes(made, tmp_path: Path) -> None:
    first = identify("sam", str(made["sam"]))
    (made["sam"] / "README.md").write_text("a note")
    assert identify("sam", str(made["sam"])).revision == first.revision
    other = tiny.sam(tmp_path, seed=1)
    assert identify("sam", str(other)).revision != first.revision
    assert identify("chat", "openai:http://x/v1#m").revision == "served"


@pytest.mark.parametrize("role", ["clip", "sam", "inpaint"])
@pytest.mark.parametrize("model", ["./no-such-folder", "nobody/no-such-model", "a/b/c", "nothing"])
def test_an_id_that_leads_nowhere_is_one_clear_line(role: str, model: str) -> None:
    loader = getattr(Models("cpu"), {"clip": "clip", "sam": "sam", "inpaint": "inpaint"}[role])
    with pytest.raises(UserError) as caught:
        loader(model)
    assert repr(model) in str(caught.value) and "\n" not in str(caught.value)


def test_a_folder_that_holds_another_kind_of_model_is_one_clear_line(made, tmp_path: Path) -> None:
    models = Models("cpu")
    for load in (models.clip, models.sam, models.inpaint):
        with pytest.raises(UserError, match=str(tmp_path)):
            load(str(tmp_path))
    config = dict(tiny.SAM_CONFIG, embed_dim=64)
    (tmp_path / "config.json").write_text(json.dumps(config))
    (tmp_path / "model.safetensors").write_bytes((made["sam"] / "model.safetensors").read_bytes())
    with pytest.raises(UserError, match="do not fit"):
        models.sam(str(tmp_path))
