"""What is on no package index, or does not start without a GPU: rules written down from their source.

    python tests/contract/others/check_schemas.py INPUTS

    LLaVA      llava/train/train.py at 0034661: LazySupervisedDataset, preprocess_multimodal
    InternVL   internvl_chat/internvl/train/internvl_chat_mpo.py at 19b0da2, and its SFT twin
    NegCLIP    training/data.py: CsvDataset with hard captions and hard images
    EasyR1     verl/utils/dataset.py at b44b311: RLHFDataset
    Unsloth    unsloth_zoo/vision_utils.py: UnslothVisionDataCollator, messages with images beside them

This is no run of their code; the table says so.
"""

import json
import os
import sys
from ast import literal_eval
from pathlib import Path
from typing import Any

import pandas
import pyarrow.parquet as pq
from PIL import Image
from said import checked, same, told

IMAGE = "<image>"


def opened(*parts: str) -> None:
    """Open a picture as all of them do."""
    with Image.open(os.path.join(*parts)) as picture:
        picture.convert("RGB")


def talk_rules(turns: list[dict[str, str]], images: int) -> None:
    same([turn["from"] for turn in turns][:2], ["human", "gpt"], "roles by turns")
    same(set(turn["from"] for turn in turns[::2]), {"human"}, "human speaks first")
    same("".join(turn["value"] for turn in turns).count(IMAGE), images, "placeholders")
    same(all(isinstance(turn["value"], str) for turn in turns), True, "text in every turn")


def llava(folder: Path) -> None:
    rows = json.loads((folder / "sft-train.json").read_text(encoding="utf-8"))
    for row in rows:
        same(
            isinstance(row.get("image", ""), str), True, "one path a row"
        )  # os.path.join(folder, image)
        if "image" in row:
            opened(str(folder), row["image"])
        talk_rules(row["conversations"], int("image" in row))
    several = json.loads((folder / "sft-train-multi.json").read_text(encoding="utf-8"))
    for row in several:
        for path in row["image"]:
            opened(str(folder), path)
        talk_rules(row["conversations"], len(row["image"]))
    checked("LLaVA: paths open, one placeholder an image", rows=len(rows), several=len(several))


def internvl(folder: Path) -> None:
    for view in ("sft", "dpo"):
        count = 0
        for entry in json.loads((folder / f"meta-{view}.json").read_text()).values():
            same(
                set(entry), {"root", "annotation", "data_augment", "repeat_time", "length"}, "meta"
            )
            lines = (folder / entry["annotation"]).read_text(encoding="utf-8").split("\n")[:-1]
            same(len(lines), entry["length"], "length in the meta file")
            for line in lines:
                internvl_row(folder / entry["root"], json.loads(line), view)
            count += len(lines)
        checked(f"InternVL {view}: paths open, one placeholder an image", rows=count)


def internvl_row(root: Path, row: dict[str, Any], view: str) -> None:
    images = row["image"] if isinstance(row["image"], list) else [row["image"]]
    for path in images:
        opened(str(root), path)
    if view == "sft":
        talk_rules(row["conversations"], len(images))
    else:
        same(row["question"].count(IMAGE), len(images), "placeholders in a question")
        same(
            all(isinstance(row[name], str) and row[name] for name in ("chosen", "rejected")),
            True,
            "answers",
        )


def negclip(folder: Path) -> None:
    lists = {"neg_caption": literal_eval, "neg_image": literal_eval}
    frame = pandas.read_csv(folder / "clip-train.csv", sep="\t", converters=lists)
    paths, captions = frame["filepath"].tolist(), frame["title"].tolist()
    for number, path in enumerate(paths):
        opened(str(folder), path)
        same(isinstance(captions[number], str), True, "a caption is text")
        for other in frame["neg_image"][number]:  # random.choice of it
            same(paths[other] != path, True, "a negative is another picture")
            same(bool(frame["neg_caption"][other]), True, "the negative has negatives of its own")
        same(
            bool(frame["neg_image"][number]) and bool(frame["neg_caption"][number]),
            True,
            "negatives",
        )
    checked("NegCLIP: paths open, negatives lead to other rows", rows=len(paths))


def easyr1(folder: Path) -> None:
    rows = pq.read_table(folder / "grpo-train.parquet").to_pylist()
    for row in rows:
        same(isinstance(row["problem"], str) and isinstance(row["answer"], str), True, "texts")
        same(row["problem"].count(IMAGE), len(row["images"]), "placeholders")
        same(
            all(isinstance(cell["bytes"], bytes) for cell in row["images"]),
            True,
            "pictures as bytes",
        )
    checked("EasyR1: one placeholder an image", rows=len(rows))


def unsloth(release: Path) -> None:
    rows = 0
    for path in sorted((release / "data/sft").glob("*.parquet")):
        for row in pq.read_table(path, columns=["messages", "images"]).to_pylist():
            roles = [message["role"] for message in row["messages"]]
            same(roles, ["user", "assistant"], "roles by turns")
            blocks = [block for message in row["messages"] for block in message["content"]]
            same({block["type"] for block in blocks} <= {"image", "text"}, True, "kinds of blocks")
            pictures = [block for block in blocks if block["type"] == "image"]
            same(len(pictures), len(row["images"]), "image blocks")
            same(all(block["text"] for block in blocks if block["type"] == "text"), True, "texts")
            rows += 1
    checked("Unsloth: one image block an image", rows=rows)


def main() -> None:
    exports = Path(sys.argv[1]) / "export"
    llava(exports / "llava")
    internvl(exports / "internvl")
    negclip(exports / "negclip")
    easyr1(exports / "verl")
    unsloth(exports.parent / "release")
    told("")


if __name__ == "__main__":
    main()
