"""What a user of `datasets` and huggingface_hub does, in a process that knows only HF_ENDPOINT.

Run by test_libraries.py; writes one JSON object of what was seen.
"""

import io
import json
import sys
from pathlib import Path

import datasets
import numpy
from huggingface_hub import DatasetCard, HfApi, ModelCard, create_tag, snapshot_download
from PIL import Image

seen = {}
rng = numpy.random.default_rng(0)


def picture() -> dict[str, bytes]:
    """Return an encoded picture as a row holds it."""
    buffer = io.BytesIO()
    Image.fromarray(rng.integers(0, 255, (16, 16, 3), dtype=numpy.uint8)).save(buffer, "PNG")
    return {"bytes": buffer.getvalue(), "path": None}


features = datasets.Features(
    {"images": datasets.List(datasets.Image()), "n": datasets.Value("int32")}
)
rows = [{"images": [picture(), picture()], "n": n} for n in range(20)]
data = datasets.Dataset.from_list(rows, features=features)
data.push_to_hub("lab/rows", "pairs", num_shards=3, private=True)
data.select(range(5)).push_to_hub("lab/rows", "sft", split="test")
create_tag("lab/rows", tag="v1", repo_type="dataset")
data.select(range(7)).push_to_hub("lab/rows", "pairs")

seen["configs"] = sorted(datasets.get_dataset_config_names("lab/rows"))
seen["at v1"] = len(datasets.load_dataset("lab/rows", "pairs", split="train", revision="v1"))
seen["at main"] = len(datasets.load_dataset("lab/rows", "pairs", split="train"))
first = datasets.load_dataset("lab/rows", "pairs", split="train", revision="v1")[0]
seen["picture"] = [image.size for image in first["images"]]
streamed = datasets.load_dataset("lab/rows", "sft", split="test", streaming=True, revision="v1")
seen["streamed"] = [row["n"] for row in streamed]
seen["files"] = len(
    datasets.load_dataset("parquet", data_files="hf://datasets/lab/rows@v1/pairs/*.parquet")[
        "train"
    ]
)

card = DatasetCard.load("lab/rows")
seen["card configs"] = sorted(each["config_name"] for each in card.data["configs"])
card.data["license"] = "mit"
card.validate()
card.push_to_hub("lab/rows")
seen["license"] = HfApi().dataset_info("lab/rows").card_data.license

folder = Path(snapshot_download("lab/rows", repo_type="dataset", revision="v1"))
seen["snapshot"] = sorted(str(path.relative_to(folder)) for path in folder.rglob("*.parquet"))

HfApi().create_repo("lab/model")
ModelCard("---\nlibrary_name: transformers\nlicense: mit\n---\n# M\n").push_to_hub("lab/model")
seen["model card"] = ModelCard.load("lab/model").data.library_name
sys.stdout.write(json.dumps(seen) + "\n")
