"""A look at a recipe before it is built, or at a release: rows as pictures on one HTML page.

    preview(resolve("region-diff"), n=8, out=Path("page.html"))   # builds rows until 8 are kept
    release_page(Path("demo/region-diff"), Path("page.html"))     # the first rows of a release
    render_page(rows, rejects, {"name": "region-diff"})           # the same from rows at hand

Rows are made by the engine's own chain, in this process. Checks that look at the whole release
(duplicates) run only in a build.
"""

import io
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from counterfactory.cards import page
from counterfactory.cards.pictures import marked
from counterfactory.errors import RowError, UserError
from counterfactory.factory.release.contents import contents, scan
from counterfactory.factory.release.examples import mask_of
from counterfactory.factory.release.story import outcome
from counterfactory.factory.release.views import base_id
from counterfactory.images import decode

if TYPE_CHECKING:
    from counterfactory.factory.recipe import Recipe

Row = Mapping[str, Any]

SIDE = 320  # pixels of a picture's longer side on the page
TRIES = 8  # samples tried for each row that is wanted
MOST_REJECTS = 60


def preview(recipe: "Recipe", n: int = 8, out: Path = Path("preview.html")) -> Path:
    """Build rows until `n` are kept, write the page and return its path."""
    rows: list[Row] = []
    rejects: list[Row] = []
    for row, reject in _made(recipe):
        if row is not None and len(rows) < n:
            rows.append(row)
        elif reject is not None:
            rejects.append(reject)
        if len(rows) >= n or len(rows) + len(rejects) >= n * TRIES:
            break
    facts = {
        "name": recipe.name,
        "fingerprint": recipe.fingerprint,
        "description": recipe.description,
        "candidates": len(rows) + len(rejects),
        "kept": len(rows),
    }
    return write(out, render_page(rows, rejects, facts))


def release_page(folder: Path, out: Path, n: int = 8) -> Path:
    """Write the page of a finished release and return its path."""
    from counterfactory.factory.release import manifest
    from counterfactory.factory.release.examples import varied

    found = contents(folder)
    rows = varied(folder, n) if "pairs" in found else list(islice(_talks(folder), n))
    rejects = list(scan(folder, "rejects"))
    return write(out, render_page(rows, rejects, manifest.read(folder)))


def render_page(rows: Sequence[Row], rejects: Sequence[Row], facts: Mapping[str, Any]) -> str:
    """Return the page of some rows and rejects.

    Rows are canonical rows or rows of the view `pairs`; `facts` is a manifest, or as much of one as
    is known: name, fingerprint, version, description, candidates, kept.
    """
    name = str(facts.get("name", "preview"))
    reasons = Counter(str(one["reason"]) for one in rejects)
    why = ", ".join(f"{reason} {count}" for reason, count in reasons.most_common())
    kept, came = facts.get("kept", len(rows)), facts.get("candidates", len(rows) + len(rejects))
    summary = f"{kept:,} of {came:,} candidates kept"
    return page.render(
        {
            "title": name,
            "name": name,
            "summary": f"{summary}; rejected: {why}" if why else summary,
            "description": str(facts.get("description", "")),
            "fingerprint": str(facts.get("fingerprint", "")),
            "version": str(facts.get("version", "")),
            "rows": [_shown(row) for row in rows],
            "rejects": [_rejected(one) for one in rejects[:MOST_REJECTS]],
            "more_rejects": max(0, len(rejects) - MOST_REJECTS),
        }
    )


def write(out: Path, text: str) -> Path:
    """Write a page, whole or not at all."""
    if out.is_dir():
        raise UserError(f"{out}: found a folder, expected the name of a page such as page.html")
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        beside = out.with_name(f".{out.name}.tmp")
        beside.write_text(text, encoding="utf-8", errors="replace", newline="\n")
        beside.replace(out)
    except OSError as error:
        raise UserError(f"{out}: cannot be written ({error.strerror})") from error
    return out


def _made(recipe: "Recipe") -> Iterator[tuple[Row | None, Row | None]]:
    """Yield what becomes of candidate after candidate: its row, or its reject."""
    import pyarrow.parquet as pq

    from counterfactory.factory.release.rows import Provenance
    from counterfactory.factory.run.maker import Maker, Task, Work

    shared = Provenance(recipe=recipe.name, recipe_fingerprint=recipe.fingerprint)
    with tempfile.TemporaryDirectory(prefix="counterfactory-preview-") as workdir:
        maker = Maker(Work(recipe=recipe, workdir=Path(workdir), provenance=shared))
        for index in range(len(maker.source)):
            made = maker.make(Task(index // maker.size, index))
            table = pq.read_table(io.BytesIO(made.rows)).to_pylist() if made.rows else []
            for fate in made.fates:
                if fate.segment_row is None:
                    yield None, dict(fate.view()) | {"note": fate.note}
                else:
                    yield table[fate.segment_row], None


def _shown(row: Row) -> dict[str, Any]:
    """Return one row as the template shows it."""
    edit, made = row.get("edit") or {}, row.get("provenance") or {}
    origin = f"{made.get('source_id', '')} · {' → '.join(made.get('ops', []))}" if made else ""
    return {
        "id": row["id"],
        "tags": [tag for tag in (edit.get("kind"), edit.get("method"), row.get("license")) if tag],
        "pictures": list(_pictures(row)),
        "difference": row.get("difference", ""),
        "question": row.get("question", ""),
        "answer_a": row.get("answer_a", ""),
        "answer_b": row.get("answer_b", ""),
        "talk": list(_talk(row)),
        "verdicts": [_verdict(verdict) for verdict in row.get("verdicts") or ()],
        "origin": origin,
    }


def _pictures(row: Row) -> Iterator[dict[str, Any]]:
    """Yield original, counterfactual, and the counterfactual with mask and boxes drawn."""
    before = decode(row["image_a"]["bytes"])
    is_pair = row.get("image_b") is not None
    title = "original" if is_pair else "image"
    yield page.picture(marked(before, side=SIDE), title, row.get("caption_a", ""))
    if not is_pair:
        return
    after = decode(row["image_b"]["bytes"])
    yield page.picture(marked(after, side=SIDE), "counterfactual", row["caption_b"])
    try:
        mask = mask_of(row)
    except RowError:
        mask = None
    boxes = [tuple(box) for box in row["boxes"]]
    drawn = marked(after, side=SIDE, mask=mask, boxes=boxes)
    count = "1 region" if len(boxes) == 1 else f"{len(boxes)} regions"
    yield page.picture(drawn, "what differs", f"mask outline, {count}")


def _talk(row: Row) -> Iterator[dict[str, str]]:
    for one in row.get("examples") or ():
        why = f" ({one['rationale']})" if one["rationale"] else ""
        yield {"ask": f"{one['task']}: {one['question']}", "answer": f"{one['answer']}{why}"}
    for one in row.get("preferences") or ():
        answer = f"chosen: {one['chosen']} · rejected: {one['rejected']}"
        yield {"ask": f"{one['kind']}: {one['prompt']}", "answer": answer}


def _verdict(verdict: Row) -> dict[str, str]:
    return {
        "check": str(verdict["check"]),
        "score": _number(verdict["score"]),
        "threshold": _number(verdict["threshold"]),
        "outcome": outcome(verdict["passed"]),
        "judge": str(verdict["judge"]),
    }


def _rejected(reject: Row) -> dict[str, str]:
    return {
        "id": str(reject["id"]),
        "stage": str(reject["stage"]),
        "reason": str(reject["reason"]),
        "metric": str(reject["metric"] or ""),
        "value": _number(reject["value"]),
        "threshold": _number(reject["threshold"]),
        "note": str(reject.get("note") or ""),
    }


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.4g}"


def _talks(folder: Path) -> Iterator[Row]:
    """Yield the rows of a release without pairs, put together again from its views."""
    found = contents(folder)
    view = next((view for view in ("sft", "grpo", "dpo", "kto") if view in found), None)
    for row in scan(folder, view) if view else ():
        reply = row.get("completion") or row.get("chosen")
        answer = reply[-1]["content"] if reply else row.get("answer", "")
        ask = {"kind": str(view), "prompt": row["prompt"][-1]["content"]}
        yield {
            "id": base_id(str(view), row["id"]),
            "image_a": row["images"][0],
            "examples": [
                {"task": ask["kind"], "question": ask["prompt"], "answer": answer, "rationale": ""}
            ],
        }
