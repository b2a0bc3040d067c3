import io
import struct
import zlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageOps

from counterfactory import images
from counterfactory.errors import RowError
from counterfactory.records import Reason

COLOURS = {  # mode -> what one pixel of (200, 40, 90), or the like, is in it
    "1": 1, "L": 130, "LA": (130, 255), "P": 3, "RGB": (200, 40, 90), "RGBA": (200, 40, 90, 255),
    "CMYK": (0, 160, 110, 55), "I": 130, "I;16": 130 * 257, "F": 130.0,
}  # fmt: skip
FORMAT = {"CMYK": "JPEG", "F": "TIFF", "I": "TIFF"}  # what can hold the mode; PNG for the others


def noise(height: int, width: int, seed: int = 0) -> np.ndarray:
    small = np.random.default_rng(seed).integers(0, 256, (5, 5, 3), np.uint8)
    return np.array(Image.fromarray(small).resize((width, height), Image.Resampling.BICUBIC))


def saved(picture: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    stream = io.BytesIO()
    picture.save(stream, kind, **options)
    return stream.getvalue()


def reason_of(data: bytes, **limits: int) -> str:
    with pytest.raises(RowError) as caught:
        images.decode(data, **limits)
    return caught.value.reason


@given(st.integers(1, 40), st.integers(1, 40), st.integers(0, 9))
def test_a_picture_survives_png_and_gives_the_same_bytes_twice(
    height: int, width: int, seed: int
) -> None:
    pixels = noise(height, width, seed)
    data = images.png(pixels)
    assert data == images.png(pixels.copy())
    assert np.array_equal(images.decode(data), pixels)


def test_a_mask_becomes_black_and_white() -> None:
    mask = np.zeros((6, 4), np.bool_)
    mask[2:, 1:] = True
    assert np.array_equal(images.decode(images.png(mask))[..., 0], np.where(mask, 255, 0))


def test_what_is_no_picture_is_no_png() -> None:
    with pytest.raises(TypeError, match="float32"):
        images.png(np.zeros((4, 4, 3), np.float32))


@given(st.sampled_from(sorted(COLOURS)), st.integers(1, 24), st.integers(1, 24))
def test_every_mode_becomes_rgb_of_the_same_size(mode: str, width: int, height: int) -> None:
    picture = Image.new(mode, (width, height), COLOURS[mode])
    pixels = images.decode(saved(picture, FORMAT.get(mode, "PNG")))
    assert (pixels.shape, pixels.dtype) == ((height, width, 3), np.uint8)
    if mode in ("L", "LA", "I", "I;16", "F"):
        assert np.abs(pixels.astype(int) - 130).max() <= 1


@pytest.mark.parametrize(
    ("picture", "expected"),
    [
        (Image.new("RGBA", (4, 4), (200, 0, 0, 0)), (255, 255, 255)),
        (Image.new("RGBA", (4, 4), (0, 0, 0, 128)), (127, 127, 127)),
        (Image.new("LA", (4, 4), (0, 0)), (255, 255, 255)),
    ],
)
def test_transparency_is_laid_on_white(picture: Image.Image, expected: tuple[int, ...]) -> None:
    assert tuple(images.decode(saved(picture))[0, 0]) == expected


def test_a_palette_with_a_transparent_entry_is_laid_on_white() -> None:
    picture = Image.new("P", (4, 4), 1)
    picture.putpalette([10, 20, 30, 200, 0, 0])
    assert tuple(images.decode(saved(picture, transparency=1))[0, 0]) == (255, 255, 255)
    assert tuple(images.decode(saved(picture, transparency=0))[0, 0]) == (200, 0, 0)


def test_lab_and_floats_in_0_to_1_are_understood() -> None:
    lab = Image.merge("LAB", [Image.new("L", (4, 4), value) for value in (255, 128, 128)])
    assert images.decode(saved(lab, "TIFF")).min() > 250
    half = Image.fromarray(np.full((4, 4), 0.5, np.float32))
    half.putpixel((0, 0), 1.0)
    assert images.decode(saved(half, "TIFF"))[2, 2, 0] in (127, 128)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("max_side", [None, 16])
def test_exif_orientation_is_undone(orientation: int, max_side: int | None) -> None:
    picture = Image.fromarray(noise(20, 30))
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = saved(picture, "PNG", exif=exif)
    expected = np.array(ImageOps.exif_transpose(Image.open(io.BytesIO(data))))
    found = images.decode(data, max_side=max_side)
    assert found.shape == images.shrink(expected, max_side or 99).shape
    assert np.abs(found.astype(int) - images.shrink(expected, max_side or 99)).max() <= 6


def test_damaged_exif_does_not_cost_the_picture() -> None:
    data = saved(
        Image.fromarray(noise(20, 30)), "JPEG", exif=b"Exif\0\0MM\0*\0\0\0\x08\xff\xff broken"
    )
    assert images.decode(data).shape == (20, 30, 3)


@given(st.integers(0, 600))
def test_a_cut_file_is_unreadable_and_never_another_error(kept: int) -> None:
    data = saved(Image.fromarray(noise(40, 40)), "JPEG")
    assert reason_of(data[: min(kept, len(data) - 20)]) == Reason.IMAGE_UNREADABLE


@given(st.sampled_from(["PNG", "GIF", "TIFF", "BMP", "WEBP"]), st.data())
def test_flipped_bytes_give_a_picture_or_a_reason(kind: str, data: st.DataObject) -> None:
    content = bytearray(saved(Image.fromarray(noise(16, 16)), kind))
    for _ in range(4):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    try:
        assert images.decode(bytes(content), max_pixels=10**6).shape[2] == 3
    except RowError as error:
        assert error.reason in (Reason.IMAGE_UNREADABLE, Reason.IMAGE_TOO_LARGE)


@pytest.mark.parametrize("side", [10_001, 60_000])  # the second is beyond PIL's own limit
def test_a_huge_picture_is_refused_by_its_header_alone(side: int) -> None:
    def chunk(name: bytes, body: bytes) -> bytes:
        return (
            struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
        )

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0))
    bomb = b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", b"no pixels at all")
    assert reason_of(bomb) == Reason.IMAGE_TOO_LARGE


def test_small_pictures_and_thin_ones_are_refused() -> None:
    assert reason_of(images.png(noise(9, 50)), min_side=10) == Reason.IMAGE_TOO_SMALL
    assert (
        reason_of(images.png(noise(20, 400)), min_side=10, max_side=100) == Reason.IMAGE_TOO_SMALL
    )


def test_files_that_are_no_pictures_are_refused() -> None:
    postscript = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\nshowpage\n"
    for data in (b"", b"hello", postscript, b"\x89PNG\r\n\x1a\n"):
        assert reason_of(data) == Reason.IMAGE_UNREADABLE


@given(st.integers(30, 200), st.integers(30, 200))
def test_no_side_is_longer_than_asked_and_the_shape_stays(height: int, width: int) -> None:
    found = images.decode(images.png(noise(height, width)), max_side=50)
    assert max(found.shape[:2]) == min(50, max(height, width))
    assert abs(found.shape[0] / found.shape[1] - height / width) < 0.12 * height / width + 0.02


def test_the_hash_knows_a_picture_after_jpeg_and_scaling_and_tells_others_apart() -> None:
    hashes = [images.phash(noise(96, 96, seed)) for seed in range(8)]
    for seed, own in enumerate(hashes):
        again = images.decode(
            saved(Image.fromarray(noise(96, 96, seed)), "JPEG", quality=70), max_side=64
        )
        assert images.hamming(own, images.phash(again)) <= 4
        assert min(images.hamming(own, other) for i, other in enumerate(hashes) if i != seed) > 12


def test_blank_pictures_share_one_hash() -> None:
    assert len({images.phash(np.full((40, 40, 3), level, np.uint8)) for level in (9, 90, 255)}) == 1
