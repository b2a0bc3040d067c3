"""Pictures in and out: bytes -> pixels, pixels -> bytes, and a perceptual hash.

    pixels = decode(Path("cat.jpg"), max_side=512)   # upright, RGB, uint8, longest side <= 512
    png(pixels)                                      # the same pixels give the same bytes
    hamming(phash(pixels), phash(decode(png(pixels)))) == 0

A picture that cannot be used raises `RowError` with its reason: it costs one row, never the build.
Its size is read from the header, so an image that claims 100 megapixels is refused undecoded.
Transparent pictures are laid on white.
"""

import functools
import io
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import numpy.typing as npt

from counterfactory.errors import RowError
from counterfactory.records import Mask, Pixels, Reason

if TYPE_CHECKING:
    from PIL import Image

MAX_PIXELS = 50_000_000  # a 48-megapixel photograph passes, a 100-megapixel one does not
FORMATS = ("JPEG", "MPO", "PNG", "WEBP", "GIF", "BMP", "TIFF", "PPM", "JPEG2000", "AVIF", "TGA")
"""What is opened. PIL can do more (EPS starts Ghostscript), which is no business of data."""

_ZLIB_LEVEL = 6
_UPRIGHT = {  # EXIF orientation -> PIL transposition that undoes it
    2: "FLIP_LEFT_RIGHT",
    3: "ROTATE_180",
    4: "FLIP_TOP_BOTTOM",
    5: "TRANSPOSE",
    6: "ROTATE_270",
    7: "TRANSVERSE",
    8: "ROTATE_90",
}
_ORIENTATION = 0x0112  # the EXIF tag


def png(pixels: Pixels | Mask) -> bytes:
    """Return `pixels` as PNG bytes; a mask becomes a grey picture of 0 and 255."""
    from PIL import Image

    if pixels.dtype == np.bool_:
        pixels = pixels.astype(np.uint8) * np.uint8(255)
    if pixels.dtype != np.uint8 or pixels.ndim not in (2, 3):
        raise TypeError(f"not a picture: {pixels.dtype} array of shape {pixels.shape}")
    stream = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(pixels)).save(
        stream, "PNG", compress_level=_ZLIB_LEVEL, optimize=False
    )
    return stream.getvalue()


def decode(
    source: bytes | Path,
    *,
    max_pixels: int = MAX_PIXELS,
    min_side: int = 1,
    max_side: int | None = None,
) -> Pixels:
    """Return the picture in `source` upright, as RGB, no side longer than `max_side`.

    Raises `RowError` with IMAGE_UNREADABLE, IMAGE_TOO_LARGE (judged by the header alone) or
    IMAGE_TOO_SMALL. Of an animation the first frame is taken.
    """
    from PIL import Image

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # our own limit decides, and damaged EXIF may warn
            stream = io.BytesIO(source) if isinstance(source, bytes) else source
            with Image.open(stream, formats=list(_available(FORMATS))) as image:
                return _pixels(image, max_pixels, min_side, max_side)
    except RowError:
        raise
    except Image.DecompressionBombError as error:
        raise RowError(Reason.IMAGE_TOO_LARGE, metric="pixels", threshold=max_pixels) from error
    except Exception as error:  # PIL's readers raise nearly anything on damaged data
        raise RowError(Reason.IMAGE_UNREADABLE, metric=type(error).__name__) from error


def phash(pixels: Pixels) -> int:
    """Return the 64-bit DCT hash of a picture (the bits of `imagehash.phash`).

    Pictures that look alike differ in few bits: see `hamming`.
    """
    from PIL import Image

    grey = Image.fromarray(np.ascontiguousarray(pixels)).convert("L")
    small = np.asarray(grey.resize((32, 32), Image.Resampling.LANCZOS), np.float64)
    basis = _dct_rows()
    low = np.round(basis @ small @ basis.T, 3)  # rounded: a blank picture has no noise to hash
    bits = (low > np.median(low)).ravel()
    return int.from_bytes(np.packbits(bits).tobytes(), "big")


def hamming(a: int, b: int) -> int:
    """Return in how many bits two hashes differ.

    >>> hamming(0b1011, 0b0010)
    2
    """
    return (a ^ b).bit_count()


def shrink(pixels: Pixels, max_side: int) -> Pixels:
    """Return the picture with no side longer than `max_side`; smaller ones come back as they are."""
    from PIL import Image

    if max(pixels.shape[:2]) <= max_side:
        return pixels
    return np.array(_shrunk(Image.fromarray(np.ascontiguousarray(pixels)), max_side))


def _pixels(image: "Image.Image", max_pixels: int, min_side: int, max_side: int | None) -> Pixels:
    """Check an opened picture's header, then decode it."""
    width, height = image.size
    if width * height > max_pixels:
        raise RowError(
            Reason.IMAGE_TOO_LARGE, metric="pixels", value=width * height, threshold=max_pixels
        )
    if min(width, height) < min_side:
        raise RowError(
            Reason.IMAGE_TOO_SMALL, metric="side", value=min(width, height), threshold=min_side
        )
    orientation = _orientation(image)
    if max_side is not None and image.format == "JPEG":
        image.draft(None, (2 * max_side, 2 * max_side))  # decode large JPEGs at 1/2, 1/4 or 1/8
    rgb = _rgb(image)
    if max_side is not None:
        rgb = _shrunk(rgb, max_side)
    if orientation in _UPRIGHT:
        rgb = rgb.transpose(_transposition(_UPRIGHT[orientation]))
    if min(rgb.size) < min_side:  # a very long and thin picture, once shrunk
        raise RowError(
            Reason.IMAGE_TOO_SMALL, metric="side", value=min(rgb.size), threshold=min_side
        )
    return np.array(rgb)


def _rgb(image: "Image.Image") -> "Image.Image":
    """Return a picture of any PIL mode as RGB; transparency is laid on white."""
    from PIL import Image

    image.load()
    if image.mode in ("I", "F") or image.mode.startswith("I;"):
        return Image.fromarray(_eight_bit(image)).convert("RGB")
    if image.mode == "LAB":
        return _lab_to_rgb(image)
    if image.mode in ("La", "RGBa"):
        image = image.convert({"La": "LA", "RGBa": "RGBA"}[image.mode])
    if image.mode in ("LA", "PA", "RGBA") or "transparency" in image.info:
        front = image.convert("RGBA")
        white = Image.new("RGBA", front.size, (255, 255, 255, 255))
        return Image.alpha_composite(white, front).convert("RGB")
    return image.convert("RGB")


def _eight_bit(image: "Image.Image") -> npt.NDArray[np.uint8]:
    """Return grey levels of more than 8 bits as 8 bits.

    The full scale is that of the narrowest type that holds the values: 1 for floating point, 255,
    65535 (always, for 16-bit modes), else the brightest value.
    """
    values = np.nan_to_num(np.asarray(image, np.float64), nan=0.0, posinf=0.0, neginf=0.0)
    brightest = float(values.max(initial=0.0))
    scales = [65535.0] if image.mode.startswith("I;") else [255.0, 65535.0]
    if image.mode == "F":
        scales = [1.0, *scales]
    full = next((scale for scale in scales if brightest <= scale), brightest)
    return np.clip(np.rint(values * (255.0 / full)), 0, 255).astype(np.uint8)


def _lab_to_rgb(image: "Image.Image") -> "Image.Image":
    from PIL import ImageCms

    lab, srgb = ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB")
    done = ImageCms.profileToProfile(image, lab, srgb, outputMode="RGB")
    return cast("Image.Image", done)


def _shrunk(image: "Image.Image", max_side: int) -> "Image.Image":
    from PIL import Image

    width, height = image.size
    if max(width, height) <= max_side:
        return image
    scale = max_side / max(width, height)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    return image.resize(size, Image.Resampling.LANCZOS, reducing_gap=3.0)


def _orientation(image: "Image.Image") -> int:
    """Return the EXIF orientation; damaged EXIF data counts as none."""
    try:
        return int(image.getexif().get(_ORIENTATION, 1))
    except Exception:
        return 1


def _transposition(name: str) -> Any:
    from PIL import Image

    return Image.Transpose[name]


@functools.cache
def _available(formats: tuple[str, ...]) -> tuple[str, ...]:
    """Return those formats that this build of PIL can read."""
    from PIL import Image

    Image.init()
    return tuple(name for name in formats if name in Image.OPEN)


@functools.cache
def _dct_rows() -> npt.NDArray[np.float64]:
    """Return the first 8 rows of the 32-point DCT-II, as a matrix."""
    place = np.arange(32) + 0.5
    return np.cos(np.pi / 32 * np.arange(8)[:, None] * place[None, :])
