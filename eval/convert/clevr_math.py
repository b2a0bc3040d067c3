"""CLEVR-Math's question file and CLEVR's test pictures -> `clevr_math`.

SOURCE/clevr-math-test.json         {"questions": [{"template_filename": "addition.json", "question": ...,
                                     "answer": 4, "image_filename": "CLEVR_test_000000.png"}, ...]}
SOURCE/.../images/test/CLEVR_test_000000.png
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from counterfactory.errors import UserError
from counterfactory.eval.convert.reading import Pictures, field, need, read_json
from counterfactory.eval.convert.writing import Table

COLUMNS = {"template": "text", "id": "text", "question": "text", "image": "image", "label": "int"}


def tables(source: Path) -> Iterator[Table]:
    """Yield the one table."""
    path = need(source, "clevr-math-test.json", "clevr-math-test-multihop.json")
    content = read_json(path)
    if not isinstance(content, dict) or "questions" not in content:
        raise UserError(f"{path}: 'questions' is missing")
    yield Table("clevr_math", _rows(path, content["questions"], Pictures(source)), COLUMNS)


def _rows(path: Path, questions: Any, pictures: Pictures) -> Iterator[dict[str, Any]]:
    for number, entry in enumerate(questions):
        name = field(entry, "image_filename", path, number)
        answer = field(entry, "answer", path, number)
        if isinstance(answer, bool) or not str(answer).isdigit():
            raise UserError(
                f"{path}: entry {number}: answer: found {answer!r}, expected a whole number"
            )
        yield {
            "template": Path(field(entry, "template_filename", path, number)).stem,
            "id": name,
            "question": field(entry, "question", path, number),
            "image": pictures.cell(f"images/{entry.get('split') or 'test'}/{name}"),
            "label": int(answer),
        }
