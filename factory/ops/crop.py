"""Square crops around boxes, as an image encoder wants them.

square_crop(picture, (0.2, 0.3, 0.4, 0.4))    # the box with some context, made square, inside the picture
"""

from counterfactory.records import Box, Pixels

CONTEXT = 0.15  # of the box's longer side, on each side


def square_crop(picture: Pixels, box: Box, context: float = CONTEXT) -> Pixels:
    """Return the square around a box, moved inside the picture; at least 8 pixels, at most the shorter side."""
    height, width = picture.shape[:2]
    x0, y0, x1, y1 = box[0] * width, box[1] * height, box[2] * width, box[3] * height
    side = max(x1 - x0, y1 - y0) * (1 + 2 * context)
    side = round(min(max(side, 8.0), height, width))
    left = min(max(round((x0 + x1 - side) / 2), 0), width - side)
    top = min(max(round((y0 + y1 - side) / 2), 0), height - side)
    return picture[top : top + side, left : left + side]


def around(boxes: list[Box]) -> Box:
    """Return the box around several boxes."""
    return (
        min(box[0] for box in boxes), min(box[1] for box in boxes),
        max(box[2] for box in boxes), max(box[3] for box in boxes),
    )  # fmt: skip
