"""lm-eval reads the suites' parquet files by a task of its own: text, pictures, targets.

    python tests/contract/others/check_lm_eval.py INPUTS

The task is eight lines of YAML that anyone would write; the harness scores it with a model that
always gives one answer, and the score must be the share of items with that answer.
"""

import sys
import tempfile
from pathlib import Path
from typing import Any

import lm_eval
import pyarrow.parquet as pq
from lm_eval.api.model import LM
from lm_eval.tasks import TaskManager
from said import checked, same, told

TASK = """
task: {name}
dataset_path: parquet
dataset_kwargs: {{data_files: {{test: {path}}}}}
test_split: test
output_type: generate_until
doc_to_text: "<image>{{{{question}}}}"
doc_to_image: [image]
doc_to_target: answer
generation_kwargs: {{until: ["\\n"], max_gen_toks: 8}}
metric_list: [{{metric: exact_match, ignore_case: true}}]
"""


class Always(LM):
    """A model that says one thing, and looks at what it is shown."""

    MULTIMODAL = True

    def __init__(self, answer: str) -> None:
        super().__init__()
        self.answer, self.images = answer, 0

    def generate_until(self, requests: list[Any], disable_tqdm: bool = False) -> list[str]:
        for request in requests:
            for picture in request.args[2]["visual"]:
                self.images += picture.size[0] > 0
        return [self.answer for _ in requests]

    def loglikelihood(self, requests: list[Any]) -> Any:
        raise NotImplementedError

    def loglikelihood_rolling(self, requests: list[Any]) -> Any:
        raise NotImplementedError


def main() -> None:
    inputs = Path(sys.argv[1])
    with tempfile.TemporaryDirectory() as place:
        for path in sorted((inputs / "suite").glob("*.parquet")):
            name = f"contract_{path.stem}"
            (Path(place) / f"{name}.yaml").write_text(TASK.format(name=name, path=path))
            answers = pq.read_table(path, columns=["answer"])["answer"].to_pylist()
            model = Always(answers[0])
            manager = TaskManager(include_path=place, include_defaults=False)
            found = lm_eval.simple_evaluate(
                model=model, tasks=[name], task_manager=manager, bootstrap_iters=0, limit=40
            )
            share = sum(one.lower() == model.answer.lower() for one in answers[:40]) / 40
            same(round(found["results"][name]["exact_match,none"], 6), round(share, 6), "score")
            same(model.images, 40, "images shown")
            checked(f"{path.stem}: scored with a plain YAML task", rows=40, images=model.images)
    told("lm_eval")


if __name__ == "__main__":
    main()
