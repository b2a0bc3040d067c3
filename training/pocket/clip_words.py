"""The pocket CLIP's tokenizer: one word, one token, over the words of the world.

    write_tokenizer(folder)       # what transformers' AutoTokenizer loads
    "A red sun."  ->  <start> a red sun . <end> <pad> ...

It lies in the model's own folder, where open_clip's `hf_tokenizer_name` with `local-dir:` finds it
from any working directory (a `bpe_path` would be read relative to that). `<end>` is the highest id:
open_clip's text tower reads there.
"""

import json
import random
import re
from pathlib import Path

from counterfactory.factory.world.language import NUMBERS, caption, plural
from counterfactory.factory.world.scene import COLOURS, GROUNDS, KINDS, RELATIONS, SIZES, scene_at
from counterfactory.training.pocket.clip_data import COLOUR_PHRASES, EMPTY, KIND_PHRASES, PHRASES

LENGTH = 48  # tokens a text may have


def words() -> list[str]:
    """Return every word that texts for training are made of, in a fixed order."""
    texts = [*NUMBERS, *COLOURS, *GROUNDS, *KINDS, *map(plural, KINDS), *RELATIONS, *SIZES, *EMPTY]
    texts += [re.sub(r"{.}", "", form) for form in (*PHRASES, *KIND_PHRASES, *COLOUR_PHRASES)]
    rng = random.Random(0)
    texts += [caption(scene_at("biased", "train", 0, index), rng) for index in range(2000)]
    found = {word for text in texts for word in re.findall(r"[a-z]+|[^\sa-z]", text.lower())}
    return sorted(found | {",", ".", "no", "without", "photo", "of"})


def write_tokenizer(folder: Path) -> int:
    """Write the tokenizer's two files; returns the size of the vocabulary."""
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

    vocabulary = {
        word: index for index, word in enumerate(["<pad>", "<unknown>", "<start>", *words()])
    }
    vocabulary["<end>"] = len(vocabulary)
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="<unknown>"))
    tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<start> $A <end>",
        special_tokens=[("<start>", vocabulary["<start>"]), ("<end>", vocabulary["<end>"])],
    )
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer.save(str(folder / "tokenizer.json"))
    config = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "model_max_length": LENGTH,
        "pad_token": "<pad>",
        "unk_token": "<unknown>",
        "bos_token": "<start>",
        "eos_token": "<end>",
        "clean_up_tokenization_spaces": False,
    }
    (folder / "tokenizer_config.json").write_text(
        json.dumps(config, indent=2) + "\n", encoding="utf-8"
    )
    return len(vocabulary)
