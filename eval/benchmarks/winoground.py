"""Winoground: two pictures, two captions of the same words; which belongs to which?

    {"id": 0, "image_0": ..., "image_1": ..., "caption_0": "an old person kisses a young person",
     "caption_1": "a young person kisses an old person", "tag": "Object", "collapsed_tag": "Object"}

Thrush et al., arXiv 2204.03162. Asked of a model that answers in words, as four two-way choices: each
picture with both captions (text), each caption with both pictures (image). Text score: both pictures
right; image score: both captions right; group: all four. The options keep their order, so a model
that always says A has 0 on each.
"""

from counterfactory.eval.benchmarks.base import BY_LETTER, Benchmark, Row, clean, picture, sliced
from counterfactory.eval.items import IMAGE, Item

TEXT = "Which caption describes the image?\nA. {}\nB. {}"
PICTURE = (
    f'Image A: {IMAGE}\nImage B: {IMAGE}\nWhich image does this caption describe? "{{}}"\n'
    "A. Image A\nB. Image B"
)


def items_of(row: Row) -> list[Item]:
    """Return the four items of a row: text for each picture, then picture for each caption."""
    number = str(row["id"])
    images = (picture(row, "image_0"), picture(row, "image_1"))
    captions = (clean(row["caption_0"]), clean(row["caption_1"]))
    return [
        Item(
            id=f"{number}/{kind}/{which}",
            task="winoground",
            cluster_id=f"winoground:{number}",
            group_id=number,
            category=kind,
            slices=sliced("winoground", direction=kind, tag=row.get("collapsed_tag")),
            images=(images[which],) if kind == "text" else images,
            prompt=(
                TEXT.format(*captions) if kind == "text" else PICTURE.format(captions[which])
            ) + BY_LETTER,
            gold="AB"[which],
            verifier="letter",
            options=captions if kind == "text" else ("Image A", "Image B"),
            max_tokens=16,
        )
        for kind in ("text", "image")
        for which in (0, 1)
    ]  # fmt: skip


WINOGROUND = Benchmark(
    name="winoground",
    title="Winoground",
    items_of=items_of,
    columns=("id", "image_0", "image_1", "caption_0", "caption_1", "tag", "collapsed_tag"),
    hub="facebook/winoground",  # gated: needs a token, or the converter on a downloaded copy
    converter="winoground",
    parts=4,
    size=1600,
    axis="attribute",
    headline="group_accuracy",
    metrics=("text_score", "image_score", "accuracy", "parse_failure"),
    max_tokens=16,
)
