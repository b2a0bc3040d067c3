"""answers.parquet: one flat row per item, the contract between asking, scoring and comparing.

    table = read_answers(folder)          # a pyarrow.Table with the columns of COLUMNS
    table.column("verdict").value_counts()

`verdict`: correct, wrong, unparsed (the answer could not be read: wrong, and counted apart),
unjudged (a judge failed: neither right nor wrong), missing (the model gave no reply).
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from counterfactory.errors import UserError

CORRECT, WRONG, UNPARSED, UNJUDGED, MISSING = VERDICTS = (
    "correct", "wrong", "unparsed", "unjudged", "missing",
)  # fmt: skip

COLUMNS = {  # name -> pyarrow type
    "suite": "string", "split": "string", "task": "string", "item_id": "string",
    "cluster_id": "string", "group_id": "string", "category": "string", "slices": "list",
    "weights_hash": "string", "prompt_hash": "string", "image_hashes": "list",
    "prompt": "string", "gold": "string", "verifier": "string", "harmful": "bool",
    "raw": "string", "parsed": "string", "parse_ok": "bool", "verdict": "string",
    "votes": "list",  # the N texts that a selection chose from; empty when greedy
    "margin": "float64",  # log-likelihood of the gold answer over the best other one; null when not asked
    "n_mention": "int32", "n_hall": "int32", "n_found": "int32", "n_gold": "int32", "n_words": "int32",
    "judge": "string", "judge_prompt_hash": "string",
    "tokens": "int32", "seconds": "float64", "error": "string",
}  # fmt: skip


def schema() -> Any:
    """Return the arrow schema of answers.parquet."""
    import pyarrow as pa

    types = {
        "string": pa.string(), "list": pa.list_(pa.string()), "bool": pa.bool_(),
        "float64": pa.float64(), "int32": pa.int32(),
    }  # fmt: skip
    return pa.schema([(name, types[kind]) for name, kind in COLUMNS.items()])


def read_answers(folder: Path, columns: Sequence[str] = tuple(COLUMNS)) -> Any:
    """Return the table of an evaluation folder, all columns or some.

    Raises `UserError` for a missing file or a missing column, wanted or not.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    path = folder / "answers.parquet"
    if not path.is_file():
        raise UserError(f"{folder}: no answers.parquet here; is it a folder that `eval run` wrote?")
    try:
        found = pq.read_schema(path).names
    except pa.ArrowInvalid as error:
        raise UserError(f"{path}: not a parquet file ({error})") from None
    if missing := [name for name in COLUMNS if name not in found]:
        raise UserError(f"{path}: column {missing[0]!r} is missing, found {', '.join(found)}")
    return pq.read_table(path, columns=list(columns))
