"""A summary in the shape that lm-eval writes, for every tool that reads lm-eval's results.

    lm_eval_shape(summary, suite.tasks)["results"]["count/balanced"]["accuracy,none"]     ->  0.93

The standard error is the 95 % interval's width over 3.92; where there is no interval it is left
out, never "N/A".
"""

import time
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from typing import Any

from counterfactory.eval.items import Task

TWO_SIDED = 2 * 1.959963984540054  # standard errors in a 95 % interval


def lm_eval_shape(summary: Mapping[str, Any], tasks: Sequence[Task]) -> dict[str, Any]:
    """Return the content of results.json."""
    found, run = summary["tasks"], summary["run"]
    names = [task.name for task in tasks if task.name in found]
    versions = {task.name: task.version for task in tasks if task.name in found}
    return {
        "results": {name: {"alias": name, **_metrics(found[name])} for name in names},
        "groups": {axis: _axis(axis, one) for axis, one in summary["axes"].items()},
        "group_subtasks": {axis: one["tasks"] for axis, one in summary["axes"].items()},
        "configs": {name: _config(name, found[name], summary) for name in names},
        "versions": versions,
        "n-shot": {name: 0 for name in names},
        "higher_is_better": {
            name: {key: one["higher_is_better"] for key, one in found[name]["metrics"].items()}
            for name in names
        },
        "n-samples": {
            name: {"original": found[name]["n"], "effective": found[name]["n"]} for name in names
        },
        "config": {
            "model": "counterfactory", "model_args": {"pretrained": run["model"]},
            "model_sha": summary["weights_hash"], "model_dtype": run["identity"].get("dtype", ""),
            "limit": run["limit"], "gen_kwargs": {"select": run["select"]}, "bootstrap_iters": summary["samples"],
        },
        "date": time.time(),
        "lm_eval_version": version("lm_eval"), "transformers_version": version("transformers"),
        "model_source": "counterfactory", "model_name": run["model"],
        "model_name_sanitized": _safe(run["model"]),
        "total_evaluation_time_seconds": str(run["seconds"]),
    }  # fmt: skip


def _metrics(task: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {"sample_len": task["n"]}
    for name, one in task["metrics"].items():
        found |= _estimate(name, one)
    return found


def _axis(axis: str, one: Mapping[str, Any]) -> dict[str, Any]:
    return {"alias": axis, "sample_len": one["n"], **_estimate("score", one)}


def _estimate(name: str, one: Mapping[str, Any]) -> dict[str, float]:
    found: dict[str, float] = {}
    if one["value"] is not None:
        found[f"{name},none"] = one["value"]
        if one["low"] is not None and one["high"] is not None:
            found[f"{name}_stderr,none"] = (one["high"] - one["low"]) / TWO_SIDED
    return found


def _config(name: str, task: Mapping[str, Any], summary: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "task": name, "test_split": summary["split"], "output_type": "generate_until",
        "num_fewshot": 0, "metadata": {"version": task["version"], "suite": summary["suite"]},
        "metric_list": [
            {"metric": key, "higher_is_better": one["higher_is_better"]}
            for key, one in task["metrics"].items()
        ],
    }  # fmt: skip


def _safe(name: str) -> str:
    return "".join(char if char.isalnum() or char in "._-" else "_" for char in name)
