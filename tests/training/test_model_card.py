"""The card of a trained model: every fact that is asked for, nothing of one machine, safe text."""

import copy
from pathlib import Path
from typing import Any

import yaml

from counterfactory.cards.model import render

RUN: dict[str, Any] = {
    "method": "sft", "steps": 200, "seconds": 61.5, "seed": 3, "processes": 2, "device": "cpu",
    "model": {"id": "/data/models/base", "weights_hash": "a" * 64, "settings_hash": "b" * 64},
    "data": [{
        "release": "acme/region@2026.11.02.1", "name": "region", "version": "2026.11.02.1",
        "recipe_fingerprint": "c" * 64, "license": "cc0-1.0", "views": {"sft": 900},
        "data": "d" * 64, "contamination": ["shipped"],
    }],
    "replay": [], "settings": {"lr": 1e-4, "lora": {"rank": 8}, "max_length": None},
    "final": {"loss": 0.41}, "facts": {}, "versions": {"torch": "2.15.0"}, "weights_hash": "e" * 64,
}  # fmt: skip


def test_the_card_tells_what_went_in_and_what_came_out() -> None:
    text = render(RUN, Path("/somewhere/runs/mine"))
    for fact in ("a" * 64, "e" * 64, "2026.11.02.1", "`cccccccccccc`", "`dddddddddddd`", "900 rows",
                 "checked against the evaluation suites", "`lora.rank`", "torch 2.15.0", "seed | 3",
                 "| loss | 0.41 |", "Not evaluated yet"):  # fmt: skip
        assert fact in text, fact
    assert "/data/models" not in text and "/somewhere" not in text


def test_its_header_is_what_the_hub_reads() -> None:
    header = yaml.safe_load(render(RUN, Path("/x/mine")).split("---\n")[1])
    assert header["pipeline_tag"] == "image-text-to-text" and "base_model" not in header
    assert header["datasets"] == ["acme/region@2026.11.02.1"]
    run = {**RUN, "model": {**RUN["model"], "id": "org/base@main"}}
    assert yaml.safe_load(render(run, Path("/x/m")).split("---\n")[1])["base_model"] == "org/base"


def test_an_unchecked_release_and_an_evaluation_are_said() -> None:
    run = copy.deepcopy(RUN)
    run["data"][0]["contamination"] = []
    found = {"suite": "pocket", "split": "gate", "axes": {
        "math": {"value": 0.5, "low": 0.4, "high": 0.6, "n": 80},
        "spatial": {"value": None, "low": None, "high": None, "n": 0},
    }}  # fmt: skip
    text = render(run, Path("/x/mine"), found)
    assert "not checked against any evaluation suite" in text
    assert "| math | 0.5 | 0.4 to 0.6 | 80 |" in text and "Not evaluated yet" not in text


def test_names_from_data_cannot_become_markup() -> None:
    run = copy.deepcopy(RUN)
    run["data"][0]["name"] = "<script>|x|"
    run["facts"] = {"note": "[a](b) <b>"}
    text = render(run, Path("/x/mine"))
    assert "<script>" not in text and "<b>" not in text and "\\|x\\|" in text
