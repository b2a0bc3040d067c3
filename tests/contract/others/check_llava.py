"""LLaVA 1.5 reads its export with its own dataset and collator.

    python tests/contract/others/check_llava.py INPUTS

What `release validate --target llava` warns of is shown to be so: a row with two pictures, which the
export keeps in a file of its own, cannot be opened.
"""

import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from llava.constants import IMAGE_TOKEN_INDEX
from llava.train import train
from said import checked, same, told
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors
from transformers import CLIPImageProcessor, PreTrainedTokenizerFast


def tokenizer() -> Any:
    """Return a tokenizer of bytes that begins every text with a mark, as LLaMA's does."""
    letters = {
        letter: number for number, letter in enumerate(sorted(pre_tokenizers.ByteLevel.alphabet()))
    }
    marks = {mark: len(letters) + number for number, mark in enumerate(("<s>", "</s>", "<unk>"))}
    made = Tokenizer(models.BPE(vocab=letters | marks, merges=[]))
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    made.post_processor = processors.TemplateProcessing(
        single="<s> $A", special_tokens=[("<s>", marks["<s>"])]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=made, bos_token="<s>", eos_token="</s>", unk_token="<unk>",
        pad_token="<unk>", model_max_length=4096,
    )  # fmt: skip


def dataset(path: Path, words: Any) -> Any:
    asked = SimpleNamespace(
        image_folder=str(path.parent), image_processor=CLIPImageProcessor(), is_multimodal=True,
        image_aspect_ratio="pad", mm_use_im_start_end=False,
    )  # fmt: skip
    return train.LazySupervisedDataset(str(path), words, asked)


def main() -> None:
    folder, words = Path(sys.argv[1]) / "export/llava", tokenizer()
    train.local_rank = -1  # its own command sets it
    rows = dataset(folder / "sft-train.json", words)
    collator = train.DataCollatorForSupervisedDataset(tokenizer=words)
    for start in range(0, len(rows), 4):
        members = [rows[number] for number in range(start, min(start + 4, len(rows)))]
        batch = collator(members)
        marks = (batch["input_ids"] == IMAGE_TOKEN_INDEX).sum(dim=1).tolist()
        same(marks, [1] * len(members), "placeholders in a batch")
        same(tuple(batch["images"].shape[:2]), (len(members), 3), "images in a batch")
    checked("all rows with one image read and collated, one placeholder each", rows=len(rows))
    several = dataset(folder / "sft-train-multi.json", words)
    try:
        several[0]
    except TypeError:
        checked("as told by validate: a row with two images cannot be opened")
    else:
        raise AssertionError("planted: a row with two images was opened")
    told("llava-torch")


if __name__ == "__main__":
    main()
