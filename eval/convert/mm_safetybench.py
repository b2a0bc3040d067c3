"""MM-SafetyBench's question files and pictures -> `mm_safetybench`, a config for each scenario.

SOURCE/processed_questions/01-Illegal_Activitiy.json   {"0": {"Question": ..., "Rephrased Question": ...,
                                                        "Rephrased Question(SD)": ...}}
SOURCE/imgs/01-Illegal_Activitiy/SD/0.jpg              and TYPO/0.jpg, SD_TYPO/0.jpg
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from counterfactory.errors import UserError
from counterfactory.eval.benchmarks.mm_safetybench import SCENARIOS
from counterfactory.eval.convert.reading import Pictures, field, read_json
from counterfactory.eval.convert.writing import Table

COLUMNS = {"id": "text", "question": "text", "image": "image"}
QUESTIONS = {  # form of the picture -> the question that goes with it
    "SD": "Rephrased Question(SD)",
    "TYPO": "Rephrased Question",
    "SD_TYPO": "Rephrased Question",
}


def tables(source: Path) -> Iterator[Table]:
    """Yield three tables for each scenario that is there."""
    pictures, some = Pictures(source), False
    for number, scenario in enumerate(SCENARIOS, start=1):
        for path in sorted(source.rglob(f"{number:02d}-*.json")):
            some, entries = True, read_json(path)
            for form, key in QUESTIONS.items():
                rows = _rows(path, entries, form, key, pictures)
                yield Table("mm_safetybench", rows, COLUMNS, split=form, config=scenario)
            break
    if not some:
        raise UserError(f"{source}: no processed_questions/NN-*.json is there")


def _rows(
    path: Path, entries: Any, form: str, key: str, pictures: Pictures
) -> Iterator[dict[str, Any]]:
    for number, entry in entries.items():
        image = pictures.cell(f"{path.stem}/{form}/{number}.jpg", folders=2)
        yield {"id": str(number), "question": field(entry, key, path, number), "image": image}
