"""What happens to pictures on their way: noise, blur, compression, a shift of colour.

    pixels = worn(pixels, rng)    # sometimes untouched, sometimes as from a small autoencoder

Nothing moves: masks and labels stay as they are.
"""

import cv2
import numpy as np

from counterfactory.records import Pixels


def _shift(image: np.ndarray, rng: np.random.Generator, amount: float) -> np.ndarray:
    """Change gain and offset of each channel by a little."""
    gain = 1 + amount * rng.normal(0, 0.5, 3).astype(np.float32)
    return image * gain + amount * rng.normal(0, 60, 3).astype(np.float32)


def _blur(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Soften the picture, or send it through a smaller size."""
    side = image.shape[0]
    if rng.random() < 0.5:
        return cv2.GaussianBlur(image, (0, 0), float(rng.uniform(0.4, 1.1)))
    small = cv2.resize(
        image, None, fx=(f := float(rng.uniform(0.5, 0.9))), fy=f, interpolation=cv2.INTER_AREA
    )
    return cv2.resize(small, (side, side), interpolation=cv2.INTER_CUBIC)


def _blotch(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Add noise that is smooth over a few pixels, as autoencoders leave it."""
    side = image.shape[0]
    coarse = rng.normal(0, rng.uniform(2, 10), (side // 4, side // 4, 3)).astype(np.float32)
    return image + cv2.resize(coarse, (side, side), interpolation=cv2.INTER_CUBIC)


def _compress(pixels: Pixels, rng: np.random.Generator) -> Pixels:
    quality = int(rng.integers(35, 95))
    _, data = cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, quality])
    return np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR), np.uint8)


def worn(pixels: Pixels, rng: np.random.Generator, *, colour: float = 0.06) -> Pixels:
    """Return a worn copy; each kind of wear comes in a third of cases or so."""
    image = pixels.astype(np.float32)
    if rng.random() < 0.4:
        image = _shift(image, rng, colour)
    if rng.random() < 0.35:
        image = _blur(image, rng)
    if rng.random() < 0.3:
        image = _blotch(image, rng)
    if rng.random() < 0.4:
        image = image + rng.normal(0, rng.uniform(1, 8), image.shape).astype(np.float32)
    pixels = np.clip(image + 0.5, 0, 255).astype(np.uint8)
    return _compress(pixels, rng) if rng.random() < 0.25 else pixels
