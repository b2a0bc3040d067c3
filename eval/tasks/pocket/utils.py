"""What the YAML files of this folder name: items in, prompts and numbers out.

    lm_eval --include_path eval/tasks/pocket --tasks cf_pocket --model hf-multimodal \\
        --apply_chat_template --model_args pretrained=...
    lm_eval ... --tasks cf_pocket_hallucination                           # the tasks of one axis
    lm_eval ... --metadata '{"suite": "pocket-quick", "split": "final"}'  # otherwise pocket, gate

Items, marks and metrics are those of `counterfactory eval run`. The items of a task are written to
a parquet file in the cache folder when they are first asked for; pictures stay encoded there.
"""

from collections.abc import Sequence
from typing import Any

from counterfactory.errors import UserError
from counterfactory.eval.answers import CORRECT, UNJUDGED, UNPARSED
from counterfactory.eval.items import SPLITS
from counterfactory.eval.marking import mark
from counterfactory.eval.metrics import METRICS
from counterfactory.eval.suites import suite_named
from counterfactory.eval.suites.export import item_of, task_file
from counterfactory.eval.suites.pocket import PLANS
from counterfactory.eval.tasks.standard.utils import (
    FIELDS,
    Doc,
    Scored,
    aggregation,
    doc_of,
    doc_to_image,
    doc_to_target,
    doc_to_text,
)

__all__ = ["dataset", "doc_to_image", "doc_to_target", "doc_to_text", "process_results"]


class Docs(Sequence[Doc]):
    """The items of one file, each made when it is asked for."""

    features = dict.fromkeys(FIELDS)  # lm-eval wants the names of the columns

    def __init__(self, path: str) -> None:
        from datasets import Dataset, Image

        table = Dataset.from_parquet(path)
        for name, feature in table.features.items():
            if isinstance(feature, Image):
                table = table.cast_column(name, Image(decode=False))
        self.table = table

    def __len__(self) -> int:
        return len(self.table)

    def __getitem__(self, index: Any) -> Any:
        return doc_of(item_of(self.table[index]))


def dataset(
    item_task: str, suite: str = "pocket", split: str = "gate", **_: Any
) -> dict[str, Docs]:
    """Return the items of a task; the arguments are the YAML's `metadata`, or --metadata.

    What else lm-eval puts there (version, arguments of the model) is no business of the data.
    """
    if split not in SPLITS:
        raise UserError(f"--metadata: split: found {split!r}, expected one of {', '.join(SPLITS)}")
    return {"test": Docs(str(task_file(suite_named(suite), item_task, split)))}


def process_results(doc: Doc, results: Sequence[str]) -> dict[str, float]:
    """Mark an answer; every metric of the task gets it and takes what it counts."""
    found = mark(doc.item, str(results[0]))
    verdict = found.verdict
    doc |= {"verdict": verdict, "parsed": found.parsed, "why": found.why}
    score = Scored("nan" if verdict == UNJUDGED else verdict == CORRECT)
    counts = ("n_mention", "n_hall", "n_found", "n_gold", "n_words")
    score.row = {
        **{name: doc[name] for name in FIELDS}, "verdict": verdict, "parsed": found.parsed,
        "parse_ok": found.parse_ok, **{name: getattr(found, name) for name in counts},
    }  # fmt: skip
    plan = PLANS[doc["task"].partition("/")[0]]
    values: dict[str, float] = dict.fromkeys((plan.headline, *plan.metrics), score)
    return values | {"parse_failure": float(verdict == UNPARSED)}


def __getattr__(name: str) -> Any:
    """`!function utils.f1_yes` is the aggregation of the metric of that name."""
    if name in METRICS:
        return aggregation(name)
    raise AttributeError(name)
