"""What the YAML files of this folder name: rows in, prompts and numbers out.

    lm_eval --include_path eval/tasks/standard --tasks cf_pope --model hf-multimodal --apply_chat_template ...
    lm_eval ... --metadata '{"data": "mirror"}'        # mirror/pope/test.parquet, where it is there
    COUNTERFACTORY_BENCHMARKS=mirror lm_eval ...       # the same

Items, marks and metrics are those of `counterfactory eval run`. Nothing is looked up on the Hub but
the dataset itself, images stay encoded until a model asks for them, and a sample's log shows how its
answer was read.
"""

import io
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from counterfactory.eval.answers import CORRECT, UNJUDGED, UNPARSED, WRONG
from counterfactory.eval.benchmarks import BENCHMARKS, Benchmark, Rows, load
from counterfactory.eval.columns import columns_of
from counterfactory.eval.items import IMAGE, Item
from counterfactory.eval.marking import mark
from counterfactory.eval.metrics import METRICS
from counterfactory.fingerprint import digest_bytes

FIELDS = ("item_id", "task", "cluster_id", "group_id", "category", "slices", "image_hashes", "prompt",
          "gold", "verifier", "harmful")  # fmt: skip


class Doc(dict[str, Any]):
    """An item as lm-eval logs it: plain values. The item, with its images, is no part of the log."""

    item: Item


class Docs(Sequence[Doc]):
    """The items of a benchmark, each made when it is asked for."""

    features = dict.fromkeys(FIELDS)  # lm-eval wants the names of the columns

    def __init__(self, benchmark: Benchmark, rows: Rows) -> None:
        self.benchmark, self.rows = benchmark, rows

    def __len__(self) -> int:
        return len(self.rows) * self.benchmark.parts

    def __getitem__(self, index: Any) -> Any:
        row, part = divmod(index, self.benchmark.parts)
        return doc_of(self.benchmark.items_of(self.rows[row])[part])


def doc_of(item: Item) -> Doc:
    """Return an item as a document of lm-eval."""
    values = {name: getattr(item, name, None) for name in FIELDS}
    values |= {
        "item_id": item.id,
        "slices": list(item.slices),
        "image_hashes": [digest_bytes(image) for image in item.images],
    }
    doc = Doc(values)
    doc.item = item
    return doc


def dataset(
    benchmark: str, data: str = "", prompt_style: str = "", splits: Sequence[str] = (),
    revision: str = "", **_: Any,
) -> dict[str, Docs]:  # fmt: skip
    """Open a benchmark, or some of its splits; the arguments are `metadata` and `dataset_kwargs`.

    What else lm-eval puts there (version, arguments of the model) is no business of the data.
    """
    chosen = BENCHMARKS[benchmark]
    if revision:
        chosen = replace(chosen, revision=revision)
    if splits:
        chosen = replace(chosen, splits=tuple(splits), size=0)
    return {"test": Docs(chosen, load(chosen, data or None, style=prompt_style))}


def doc_to_text(doc: Doc) -> str:
    """Return the prompt with one `<image>` for each picture."""
    blocks = doc.item.content()
    return "".join(IMAGE if block["type"] == "image" else block["text"] for block in blocks)


def doc_to_image(doc: Doc) -> list[Any]:
    """Return the pictures, opened but not decoded."""
    from PIL import Image

    return [Image.open(io.BytesIO(image)) for image in doc.item.images]


def doc_to_target(doc: Doc) -> str:
    """Return the right answer."""
    return doc.item.gold


class Scored(float):
    """1 for right, 0 for wrong, NaN for unjudged: what is logged. The whole answer goes with it."""

    row: dict[str, Any]


def process_results(doc: Doc, results: Sequence[str]) -> dict[str, float]:
    """Mark an answer; every metric of the task gets it and takes what it counts."""
    raw = str(results[0])
    found = mark(doc.item, raw)
    verdict = found.verdict
    doc |= {"verdict": verdict, "parsed": found.parsed, "why": found.why}
    score = Scored("nan" if verdict == UNJUDGED else verdict == CORRECT)
    score.row = {
        **{name: doc[name] for name in FIELDS}, "verdict": verdict, "parsed": found.parsed,
        "parse_ok": found.parse_ok, "n_mention": found.n_mention, "n_hall": found.n_hall,
        "n_found": found.n_found, "n_gold": found.n_gold, "n_words": found.n_words,
    }  # fmt: skip
    benchmark = BENCHMARKS[doc["task"]]
    values: dict[str, float] = dict.fromkeys(names_of(benchmark), score)
    if "parse_failure" in values:
        values["parse_failure"] = float(verdict == UNPARSED)
    return values


def names_of(benchmark: Benchmark) -> tuple[str, ...]:
    """Return the metrics of a task: where a judge decides, with bounds for what it left open."""
    names = benchmark.all_metrics
    if benchmark.judge:
        names = (*names, f"{names[0]}_if_right", f"{names[0]}_if_wrong")
    return names


def aggregation(name: str) -> Callable[[Sequence[Scored]], float]:
    """Return the function that makes one number of all scores.

    `NAME_if_right` and `NAME_if_wrong` take every unjudged answer for right, or for wrong.
    """
    base, _, assumed = name.partition("_if_")
    metric = METRICS[base]

    def total(scores: Sequence[Scored]) -> float:
        rows = [score.row for score in scores]
        if assumed:
            verdict = CORRECT if assumed == "right" else WRONG
            rows = [
                row | {"verdict": verdict} if row["verdict"] == UNJUDGED else row for row in rows
            ]
        return metric.value(columns_of(rows))

    total.__name__ = name
    return total


def __getattr__(name: str) -> Any:
    """`!function utils.f1_yes` is the aggregation of the metric of that name."""
    if name.partition("_if_")[0] in METRICS:
        return aggregation(name)
    raise AttributeError(name)
