"""What other teams' code is given: a small release, all its exports, tiny models, a suite's task.

    python tests/contract/contract_inputs.py FOLDER

    FOLDER/release  FOLDER/export/<target>  FOLDER/models/<name>  FOLDER/suite/<task>.parquet

The release has rows with one and with two pictures, texts beyond ASCII and text that looks like a
placeholder; no row is left out anywhere, or a check fails.
"""

import shutil
import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1]))
sys.path.append(str(Path(__file__).parents[1] / "factory"))

import release_kit as kit
import tiny_vlm

from counterfactory.eval.suites import suite_named
from counterfactory.eval.suites.export import task_file
from counterfactory.factory.release.export import export
from counterfactory.factory.release.export.forms import FORMS

HOSTILE = 'Is the "x" <image> in 日本 \U0001f600, \\ or\ta\nsecond line?'


def release(folder: Path) -> Path:
    """Write a release of twelve pairs and four samples with questions."""
    rows = [kit.candidate(number) for number in range(11)]
    rows += [kit.candidate(11, question=HOSTILE, caption_a=HOSTILE)]
    rows += [kit.asking(number) for number in range(12, 16)]
    return kit.write(folder, kit.rows_of(rows), kit.rejects_of(3))


def exports(folder: Path) -> None:
    """Write the release and all its exports."""
    made = release(folder / "release")
    for target in FORMS:
        export(made, target, folder / "export" / target)


def make(folder: Path) -> Path:
    """Write everything below `folder`; what is there stays."""
    if (folder / "done").exists():
        return folder
    shutil.rmtree(folder, ignore_errors=True)
    exports(folder)
    tiny_vlm.llava(folder / "models")
    tiny_vlm.idefics3(folder / "models")
    tiny_vlm.qwen25(folder / "models", patch=14)
    (folder / "suite").mkdir()
    for task in ("existence/balanced", "count/balanced"):
        found = task_file(suite_named("pocket"), task, "gate")
        shutil.copy(found, folder / "suite" / f"{task.replace('/', '_')}.parquet")
    (folder / "done").touch()
    return folder


if __name__ == "__main__":
    make(Path(sys.argv[1]))
