"""pycocotools reads the annotations: boxes, masks, captions.

python tests/contract/others/check_coco.py INPUTS
"""

import sys
from pathlib import Path

from pycocotools.coco import COCO
from said import checked, same, told


def main() -> None:
    folder = Path(sys.argv[1]) / "export/coco"
    objects = COCO(str(folder / "annotations/instances_train.json"))
    for one in objects.loadAnns(objects.getAnnIds()):
        image = objects.loadImgs(one["image_id"])[0]
        same((folder / "images" / image["file_name"]).is_file(), True, "the picture is there")
        mask = objects.annToMask(one)
        same(mask.shape, (image["height"], image["width"]), "mask")
        same(int(mask.sum()), one["area"], "area")
        x, y, width, height = (round(value) for value in one["bbox"])
        same(int(mask[y : y + height, x : x + width].sum()), one["area"], "the mask is in its box")
    scored = objects.loadRes(
        [{"image_id": a["image_id"], "category_id": a["category_id"], "bbox": a["bbox"], "score": 1.0}
         for a in objects.loadAnns(objects.getAnnIds())]
    )  # fmt: skip
    same(len(scored.getAnnIds()), len(objects.getAnnIds()), "boxes as results")
    checked(
        "instances: boxes and masks", rows=len(objects.getAnnIds()), images=len(objects.getImgIds())
    )
    captions = COCO(str(folder / "annotations/captions_train.json"))
    said = captions.loadAnns(captions.getAnnIds())
    same(all(one["caption"] for one in said), True, "captions")
    same(len(said), len(captions.getImgIds()), "a caption an image")
    checked("captions", rows=len(said))
    told("pycocotools")


if __name__ == "__main__":
    main()
