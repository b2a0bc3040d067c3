"""webdataset reads the tar files: every row once, pictures decoded, negatives beside them.

python tests/contract/others/check_webdataset.py INPUTS
"""

import json
import sys
from pathlib import Path

import pyarrow.parquet as pq
import webdataset
from said import checked, same, told


def main() -> None:
    inputs = Path(sys.argv[1])
    folder = inputs / "export/webdataset"
    sizes = json.loads((folder / "sizes.json").read_text())
    for view in ("clip", "sft"):
        files = [str(folder / name) for name in sorted(sizes) if name.startswith(view)]
        stored = pq.read_table(inputs / "release/data" / view).to_pylist()
        samples = list(webdataset.WebDataset(files, shardshuffle=False).decode("pil"))
        same([one["__key__"] for one in samples], [row["id"] for row in stored], f"{view}: keys")
        images = 0
        for sample, row in zip(samples, stored, strict=True):
            pictures = [sample[name] for name in sample if name.endswith("png")]
            images += len(pictures)
            if view == "clip":
                same(sample["txt"], row["caption"], "caption")
                same(sample["json"]["neg_caption"], row["neg_caption"], "negative caption")
                same(len(pictures), 2, "image and negative")
            else:
                same(len(pictures), len(row["images"]), "images in a row")
                same(sample["json"]["conversations"], row["conversations"], "conversations")
            same(all(picture.mode == "RGB" for picture in pictures), True, "pictures")
        checked(f"{view}: every row once, pictures decoded", rows=len(samples), images=images)
    told("webdataset")


if __name__ == "__main__":
    main()
