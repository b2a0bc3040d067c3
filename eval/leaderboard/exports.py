"""One evaluation in the formats of others: lm-eval, model-index, HF `.eval_results`, OpenVLM.

    exports(entries, Path("board/exports"))
    board/exports/<model>/results.json                  lm-eval's shape, as `eval run` wrote it
    board/exports/<model>/model-index.yaml              metadata for a model card (legacy, widely read)
    board/exports/<model>/.eval_results/<suite>.yaml    for the model's repository
    board/exports/openvlm.json                          {time, results: {model: {META, <task>: {...}}}}

Numbers are shares of one, except in OpenVLM's file, which counts to 100. What was not measured is
left out; "N/A" is never written.
"""

import json
import re
import shutil
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from counterfactory.eval.leaderboard.entries import Entry


def exports(entries: Sequence[Entry], out: Path) -> list[Path]:
    """Write all formats below `out` and return the files."""
    import yaml

    written: list[Path] = []
    for entry in entries:
        folder = out / safe_name(entry.name)
        (folder / ".eval_results").mkdir(parents=True, exist_ok=True)
        texts = {
            folder / "model-index.yaml": yaml.safe_dump(model_index(entry), sort_keys=False),
            folder / ".eval_results" / f"{safe_name(entry.summary['suite'])}.yaml": yaml.safe_dump(
                eval_results(entry), sort_keys=False
            ),
        }
        for path, text in texts.items():
            path.write_text(text, encoding="utf-8")
        written += texts
        if (entry.folder / "results.json").is_file():
            written.append(Path(shutil.copy(entry.folder / "results.json", folder)))
    path = out / "openvlm.json"
    path.write_text(json.dumps(openvlm(entries), indent=2) + "\n", encoding="utf-8")
    return [*written, path]


def safe_name(name: str) -> str:
    """Return a file name that cannot leave its folder."""
    return re.sub(r"[^\w.-]+", "__", name).strip("._") or "model"


def _date(entry: Entry) -> str:
    stamp = (entry.folder / "summary.json").stat().st_mtime
    return datetime.fromtimestamp(stamp, UTC).strftime("%Y-%m-%d")


def _dataset(entry: Entry) -> str:
    return f"counterfactory/{entry.summary['suite']}"


def _headlines(entry: Entry) -> list[tuple[str, str, float]]:
    """Return (task, metric, value) of every task that has a value."""
    found = []
    for name, task in entry.summary["tasks"].items():
        metric = str(task.get("headline", ""))
        value = task.get("metrics", {}).get(metric, {}).get("value")
        if value is not None:
            found.append((name, metric, float(value)))
    return found


def model_index(entry: Entry) -> dict[str, Any]:
    """Return the `model-index` block of a model card."""
    from huggingface_hub import EvalResult
    from huggingface_hub.repocard_data import (
        eval_results_to_model_index,
        model_index_to_eval_results,
    )

    results = [
        EvalResult(
            task_type="image-text-to-text",
            dataset_type=_dataset(entry),
            dataset_name=f"{entry.summary['suite']} / {task}",
            dataset_config=task,
            dataset_split=entry.summary["split"],
            metric_type=metric,
            metric_value=round(value, 6),
        )
        for task, metric, value in _headlines(entry)
    ]
    index = eval_results_to_model_index(entry.name, results)
    model_index_to_eval_results(index)  # what we write, the Hub's own reader takes
    return {"model-index": index}


def eval_results(entry: Entry) -> list[dict[str, Any]]:
    """Return the entries of `.eval_results/*.yaml`."""
    from huggingface_hub import EvalResultEntry, eval_result_entries_to_yaml

    return eval_result_entries_to_yaml(
        [
            EvalResultEntry(
                dataset_id=_dataset(entry),
                task_id=task,
                value=round(value, 6),
                date=_date(entry),
                notes=f"{metric}, split {entry.summary['split']}",
            )
            for task, metric, value in _headlines(entry)
        ]
    )


def openvlm(entries: Sequence[Entry]) -> dict[str, Any]:
    """Return all entries in the shape of OpenVLM's results file."""
    results: dict[str, Any] = {}
    for entry in entries:
        meta = {"Method": [entry.name, ""], "Verified": "No"}  # the rest is not ours to know
        results[entry.name] = {"META": meta} | {
            task: {"Overall": round(100 * value, 2), "Metric": metric}
            for task, metric, value in _headlines(entry)
        }
    newest = max(_date(entry) for entry in entries)
    return {"time": newest.replace("-", ""), "results": results}
