"""Models and evaluation suites on a real Hub: linked to their data, with results, nothing of one machine."""

import copy
import dataclasses
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save_file

from counterfactory.eval.suites.export import export
from counterfactory.eval.suites.pocket import pocket_quick
from counterfactory.factory.release import manifest
from counterfactory.factory.release.hub import serve
from counterfactory.fingerprint import digest, digest_weights

sys.path += [str(Path(__file__).parent), str(Path(__file__).parents[1])]
import publishing
import release_kit as kit
from publishing import Publisher

AXES = {
    "math": {"value": 0.5123, "low": 0.4, "high": 0.6, "n": 80, "tasks": ["count"]},
    "spatial": {"value": None, "low": None, "high": None, "n": 0, "tasks": []},
}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Publisher]]:
    with serve(tmp_path_factory.mktemp("hub")) as url, Publisher(url) as publisher:
        yield url, publisher


def release(folder: Path) -> Path:
    return kit.write(folder, kit.rows_of(kit.candidate(n) for n in range(2)), views=("sft", "dpo"))


def model(folder: Path, data: Path, *, weight: float = 1.0, **changes: Any) -> Path:
    """A folder as `train` leaves it, trained on a release's view `sft`."""
    folder.mkdir(parents=True)
    save_file({"weight": np.full(4, weight, np.float32)}, folder / "model.safetensors")
    (folder / "config.json").write_text('{"model_type": "llava"}')
    (folder / "training.jsonl").write_text('{"step": 1, "loss": 0.4}\n')
    files = manifest.read(data)["views"]["sft"]["files"]
    used = {
        "release": str(data), "name": "tiny", "version": "dev", "recipe_fingerprint": "c" * 64,
        "license": "cc0-1.0", "views": {"sft": 6}, "contamination": [],
        "data": digest({"sft": [f["sha256"] for f in files]}),
    }  # fmt: skip
    run = {
        "method": "prefer", "steps": 20, "seconds": 3.5, "seed": 3, "processes": 1, "device": "cpu",
        "model": {"id": "pocket", "weights_hash": "a" * 64, "settings_hash": "b" * 64},
        "data": [used], "replay": [], "settings": {"lr": 1e-4, "replay": [str(data)]},
        "final": {"loss": 0.41}, "facts": {}, "versions": {"torch": "2.15.0"}, "library": "transformers",
        "weights_hash": digest_weights(folder), **changes,
    }  # fmt: skip
    (folder / "run.json").write_text(json.dumps(run))
    return folder


def evaluation(folder: Path, weights: str, split: str = "gate") -> Path:
    """A folder as `eval run` leaves it."""
    folder.mkdir(parents=True)
    found = {"suite": "pocket", "split": split, "weights_hash": weights, "axes": AXES}
    (folder / "summary.json").write_text(json.dumps(found))
    return folder


def test_a_model_carries_its_results_and_links_its_data(
    place: tuple[str, Publisher], tmp_path: Path
) -> None:
    url, publisher = place
    data = release(tmp_path / "data")
    tag = publisher.publish(data, "lab/rows").json["tag"]
    folder = model(tmp_path / "secret-machine" / "mine", data)
    results = evaluation(tmp_path / "eval", digest_weights(folder))
    done = publisher.publish(
        folder, "lab/mine", "--eval", str(results), "--data", f"lab/rows@{tag}"
    )
    assert done.code == 0, done.err
    assert done.json["verified"] and done.json["kind"] == "model"
    assert publishing.tags(url, "lab/mine", "models") == {done.json["tag"]: done.json["commit"]}
    card = publisher.call("card", "lab/mine", "model", done.json["tag"])
    assert card["data"]["datasets"] == ["lab/rows"] and card["data"]["license"] == "apache-2.0"
    assert card["results"] == [["math", 0.5123, "gate"]]
    assert (
        f"lab/rows@{tag}" in card["text"] and "| math | 0.512 | 0.4 to 0.6 | 80 |" in card["text"]
    )
    copied = Path(
        publisher.call("snapshot", "lab/mine", "model", done.json["tag"], tmp_path / "copy")
    )
    assert digest_weights(copied) == digest_weights(folder)
    texts = [p.read_text() for p in copied.iterdir() if p.suffix in {".json", ".md", ".jsonl"}]
    assert not any("secret-machine" in text or str(tmp_path) in text for text in texts)
    again = publisher.publish(
        folder, "lab/mine", "--eval", str(results), "--data", f"lab/rows@{tag}"
    )
    assert not again.json["new"]


def test_another_training_is_another_version_and_old_weights_go(
    place: tuple[str, Publisher], tmp_path: Path
) -> None:
    url, publisher = place
    data = release(tmp_path / "data")
    first = model(tmp_path / "first", data)
    save_file({"more": np.ones(2, np.float32)}, first / "model-00002.safetensors")
    run = json.loads((first / "run.json").read_text())
    (first / "run.json").write_text(json.dumps({**run, "weights_hash": digest_weights(first)}))
    assert publisher.publish(first, "lab/again").code == 0
    done = publisher.publish(model(tmp_path / "second", data, weight=2.0), "lab/again")
    assert done.code == 0, done.err
    assert "model-00002.safetensors" not in publishing.tree(url, "lab/again", kind="models")
    card = publisher.call("card", "lab/again", "model", done.json["tag"])
    assert "other weights" in card["text"] and "datasets" not in card["data"]
    assert "not published" in card["text"] and "Not evaluated yet" in card["text"]


def test_what_does_not_belong_to_a_model_is_refused(
    place: tuple[str, Publisher], tmp_path: Path
) -> None:
    _, publisher = place
    data = release(tmp_path / "data")
    folder = model(tmp_path / "m", data)
    other = evaluation(tmp_path / "eval", "f" * 64)
    foreign = kit.write(tmp_path / "foreign", kit.rows_of([kit.candidate(9)]), views=("sft",))
    tag = publisher.publish(foreign, "lab/foreign").json["tag"]
    changed = model(tmp_path / "changed", data)
    save_file({"weight": np.zeros(4, np.float32)}, changed / "model.safetensors")
    for arguments, told in (
        ((folder, "lab/m", "--eval", str(other)), "expected those of this model"),
        ((folder, "lab/m", "--eval", str(tmp_path)), "found no results"),
        ((folder, "lab/m", "--data", "lab/foreign"), "expected org/name@tag"),
        ((folder, "lab/m", "--data", f"lab/foreign@{tag}"), "holds other rows"),
        ((folder, "lab/m", "--data", "lab/none@v1"), "lab/none"),
        ((data, "lab/m", "--data", f"lab/foreign@{tag}"), "no trained model"),
        ((changed, "lab/m"), "found weights"),
    ):
        done = publisher.publish(*arguments)
        assert done.code == 2 and told in done.errors[0], done.err


def test_a_suite_is_published_with_a_config_a_task(
    place: tuple[str, Publisher], tmp_path: Path
) -> None:
    url, publisher = place
    whole = pocket_quick()
    names = ("count/balanced", "request_word/balanced")
    small = dataclasses.replace(whole, name="small", tasks=tuple(whole.task(n) for n in names))
    written = export(small, tmp_path / "suite", ["gate", "final"])
    done = publisher.publish(tmp_path / "suite", "lab/suite")
    assert done.code == 0, done.err
    assert done.json["kind"] == "suite" and done.json["rows"] == sum(
        sum(s.values()) for s in written.values()
    )
    found = publisher.call("card", "lab/suite", "dataset", done.json["tag"])
    assert [c["config_name"] for c in found["data"]["configs"]] == [
        "count_balanced",
        "request_word_balanced",
    ]
    assert (
        "not-for-all-audiences" in found["data"]["tags"]
        and "request_word_balanced" in found["text"]
    )
    assert not publisher.publish(tmp_path / "suite", "lab/suite").json["new"]
    data = release(tmp_path / "data")
    assert "found a suite, expected a release" in publisher.publish(data, "lab/suite").errors[0]
    broken = copy.deepcopy(json.loads((tmp_path / "suite" / "suite.json").read_text()))
    broken["configs"]["count_balanced"]["gate"]["sha256"] = "0" * 64
    (tmp_path / "suite" / "suite.json").write_text(json.dumps(broken))
    assert "was changed" in publisher.publish(tmp_path / "suite", "lab/suite").errors[0]
