"""LLaVA: one JSON array of conversations, each with the path of its picture.

    {"id": "4f0c-a", "image": "images/4f/4f0c.png",
     "conversations": [{"from": "human", "value": "<image>\\nWhat is it?"}, {"from": "gpt", ...}]}

LLaVA 1.5 opens one picture a row and folds several placeholders into one, so rows with more
pictures stand in a file of their own, in the form that LLaVA-NeXT reads (`image` is a list).
"""

from typing import Any

from counterfactory.factory.release.export.talk import led
from counterfactory.factory.release.export.work import Row, Work

SEVERAL = "rows with several images are in the files named -multi, for LLaVA-NeXT"


def write(work: Work, view: str, split: str) -> list[str]:
    """Write a split of `sft`; return the names of the files."""
    one, several = f"{view}-{split}.json", f"{view}-{split}-multi.json"
    with work.array(one) as single, work.array(several) as multi:
        for row in work.rows(view, split, ["id", "images", "conversations"]):
            if len(row["images"]) > 1:
                work.note(SEVERAL)
                multi.add(llava_row(work, view, row))
            else:
                single.add(llava_row(work, view, row))
    counts = {one: single.count, several: multi.count}
    for name in (name for name, count in counts.items() if not count):
        (work.out / name).unlink()
    return [name for name, count in counts.items() if count]


def llava_row(work: Work, view: str, row: Row) -> dict[str, Any]:
    """Return one conversation; a row without images has no `image`."""
    paths = [work.picture(cell, f"{view}/{row['id']}") for cell in row["images"]]
    image = {"image": paths[0] if len(paths) == 1 else paths} if paths else {}
    first, *rest = row["conversations"]
    opening = {"from": first["from"], "value": led(first["value"], len(paths))}
    return {"id": row["id"], **image, "conversations": [opening, *rest]}
