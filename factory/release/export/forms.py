"""Every form a release can be exported in: the views it is made from, its writer, how it is read.

    FORMS["llava"].views   -> ("sft",)

`how` stands in the README of the export.
"""

from collections.abc import Callable
from dataclasses import dataclass

from counterfactory.factory.release.export import (
    coco,
    internvl,
    llava,
    openclip,
    swift,
    verl,
    webdataset,
)
from counterfactory.factory.release.export.work import Work


@dataclass(frozen=True, slots=True)
class Form:
    """What one trainer reads. `write` takes a view and a split, and returns the files it wrote."""

    name: str
    title: str
    views: tuple[str, ...]
    write: Callable[[Work, str, str], list[str]]
    how: str
    paths: bool = True  # whether it holds paths of pictures, which a prefix can stand before


_PATHS = "Paths of pictures begin with `images/`: start the trainer in this folder, or export with --prefix."

_FORMS = (
    Form(
        "llava", "LLaVA", ("sft",), llava.write,
        "LLaVA: `--data_path sft-train.json --image_folder .`\n"
        "Rows with several images are in `sft-train-multi.json`, which LLaVA-NeXT and LLaVA-OneVision read.",
    ),
    Form(
        "webdataset", "WebDataset", ("clip", "sft"), webdataset.write,
        "open_clip: `python -m open_clip_train.main --dataset-type webdataset --train-data\n"
        "'clip-train-{000000..000015}.tar'` (as many as there are); `sizes.json` tells it the rows.\n"
        "It needs webdataset below 1.0: install `open_clip_torch[training]`.\n"
        "Elsewhere: `webdataset.WebDataset(files, shardshuffle=False).decode(\"pil\")`. Members of a `clip`\n"
        "row: png (or jpg, webp), txt, neg.png, json; of an `sft` row: png or 0.png, 1.png ..., json.", paths=False,
    ),
    Form(
        "openclip-csv", "open_clip", ("clip",), openclip.write_openclip,
        "open_clip: `python -m open_clip_train.main --dataset-type csv --train-data clip-train.csv`\n"
        "(columns `filepath` and `title` between tabs are its defaults).\n" + _PATHS,
    ),
    Form(
        "negclip", "NegCLIP", ("clip",), openclip.write_negclip,
        "NegCLIP: `--train-data clip-train.csv`, columns filepath, title, neg_caption, neg_image.\n" + _PATHS,
    ),
    Form(
        "verl", "verl, EasyR1 and OpenRLHF", ("grpo", "sft"), verl.write,
        "verl: `data.train_files=grpo-train.parquet data.prompt_key=prompt data.image_key=images` and a\n"
        "`custom_reward_function.path` of your own: verl knows no reward for this `data_source`; `extra_info`\n"
        "has the `verifier` (yes_no, number, exact, refusal). SFT: `sft-train.parquet`, `messages`.\n"
        "OpenRLHF: `--data.input_key problem --data.label_key answer --data.image_key images`.\n"
        "EasyR1: `data.prompt_key=problem data.answer_key=answer data.image_key=images`.", paths=False,
    ),
    Form(
        "swift", "ms-swift", ("sft", "dpo", "kto", "grpo"), swift.write,
        "ms-swift: `swift sft --dataset sft-train.jsonl`, `swift rlhf --rlhf_type dpo --dataset\n"
        "dpo-train.jsonl` (kto and grpo alike). Set ROOT_IMAGE_DIR to this folder, or start it here.",
    ),
    Form(
        "internvl", "InternVL", ("sft", "dpo"), internvl.write,
        "InternVL: `--meta_path meta-sft.json` (SFT) or `meta-dpo.json` (MPO).\n" + _PATHS,
    ),
    Form(
        "coco", "COCO", ("pairs",), coco.write,
        "`pycocotools.coco.COCO(\"annotations/instances_train.json\")`; `file_name` is below `images/`.\n"
        "`pair_id` and `side` (a: original, b: counterfactual) say which pictures belong together.", paths=False,
    ),
)  # fmt: skip
FORMS: dict[str, Form] = {form.name: form for form in _FORMS}
