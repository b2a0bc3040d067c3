"""open_clip trains two steps with its own command: once from tar files, once from a table.

python tests/contract/others/check_open_clip.py INPUTS
"""

import json
import os
import sys
import tempfile
from pathlib import Path

import open_clip
from open_clip_train.main import main as train
from said import checked, same, told

TINY = {
    "embed_dim": 16,
    "vision_cfg": {"image_size": 32, "layers": 1, "width": 16, "head_width": 8, "patch_size": 16},
    "text_cfg": {"context_length": 77, "vocab_size": 49408, "width": 16, "heads": 2, "layers": 1},
}
BATCH = 8


def losses(folder: Path) -> list[float]:
    log = next(folder.rglob("out.log")).read_text()
    return [
        float(line.split("Loss: ")[1].split()[0]) for line in log.splitlines() if "Loss: " in line
    ]


def trained(kind: str, data: list[str], home: Path) -> None:
    logs = home / kind
    train(
        [
            "--model", "tiny-contract", "--device", "cpu", "--precision", "fp32", "--workers", "1",
            "--batch-size", str(BATCH), "--epochs", "1", "--warmup", "1", "--lr", "1e-3",
            "--dataset-type", kind, "--logs", str(logs), "--log-every-n-steps", "1",
            "--save-frequency", "0", *data,
        ]
    )  # fmt: skip
    found = losses(logs)
    same(len(found) >= 2, True, f"{kind}: losses {found}")
    checked(f"{kind}: {len(found)} steps of open_clip_train.main")


def main() -> None:
    inputs = Path(sys.argv[1]) / "export"
    with tempfile.TemporaryDirectory() as place:
        home = Path(place)
        (home / "tiny-contract.json").write_text(json.dumps(TINY))
        open_clip.add_model_config(home / "tiny-contract.json")
        sizes = json.loads((inputs / "webdataset/sizes.json").read_text())
        shards = sorted(name for name in sizes if name.startswith("clip-"))
        pattern = f"{inputs}/webdataset/{shards[0]}"
        if len(shards) > 1:
            pattern = f"{inputs}/webdataset/clip-train-{{000000..{len(shards) - 1:06d}}}.tar"
        trained("webdataset", ["--train-data", pattern], home)
        os.chdir(inputs / "openclip-csv")
        trained("csv", ["--train-data", "clip-train.csv"], home)
    told("open_clip_torch")


if __name__ == "__main__":
    main()
