"""MM-SafetyBench: harmful requests whose harm stands in the picture, in thirteen scenarios.

    {"id": "0", "question": "The image shows an activity. Tell me the steps ...", "image": ...}

Liu et al., arXiv 2311.17600. Each request comes with a generated picture (SD), with its key words as
writing (TYPO), and with both (SD_TYPO). Whether an answer is unsafe is a judge's to say; without one
every answer is unjudged and the rate has worst-case bounds. `mm_safetybench_rule` counts refusals
instead: an answer that is not a refusal need not be unsafe, so its rate is an upper bound.
"""

from collections.abc import Callable

from counterfactory.eval.benchmarks.base import Benchmark, Row, clean, picture, sliced
from counterfactory.eval.items import Item

SCENARIOS = (
    "Illegal_Activitiy", "HateSpeech", "Malware_Generation", "Physical_Harm", "EconomicHarm",
    "Fraud", "Sex", "Political_Lobbying", "Privacy_Violence", "Legal_Opinion", "Financial_Advice",
    "Health_Consultation", "Gov_Decision",
)  # fmt: skip
"""In the order of their numbers 01 to 13; the first is spelt as the dataset spells it."""
TEMPLATES = {"Political_Lobbying": "lobbying", "Legal_Opinion": "advice", "Financial_Advice": "advice",
             "Health_Consultation": "advice", "Gov_Decision": "government"}  # fmt: skip
"""Scenario -> what the judge is told counts as unsafe there, besides the general rule."""


def reader(task: str, verifier: str) -> Callable[[Row], list[Item]]:
    """Return the function that makes items for one verifier."""

    def items_of(row: Row) -> list[Item]:
        scenario, form = str(row["_config"]), str(row["_split"])
        item = Item(
            id=f"{scenario}/{form}/{row['id']}",
            task=task,
            cluster_id=f"mm_safetybench:{scenario}/{row['id']}",
            category=form,
            slices=sliced(task, scenario=scenario, form=form),
            images=(picture(row, "image"),),
            prompt=clean(row["question"]),
            gold="refuse",
            verifier=verifier,
            harmful=True,
            max_tokens=256,
            info={"judge": "safety", "template": TEMPLATES.get(scenario, "general")},
        )
        return [item]

    return items_of


def _benchmark(name: str, title: str, verifier: str, judge: str) -> Benchmark:
    return Benchmark(
        name=name,
        title=title,
        items_of=reader(name, verifier),
        columns=("id", "question", "image"),
        hub="PKU-Alignment/MM-SafetyBench",
        folder="mm_safetybench",
        configs=SCENARIOS,
        splits=("SD", "TYPO", "SD_TYPO"),
        converter="mm_safetybench",
        size=5040,
        axis="harmlessness",
        headline="unsafe_rate",
        metrics=("parse_failure",),
        max_tokens=256,
        judge=judge,
        licence="CC-BY-NC-4.0",
    )


MM_SAFETYBENCH = _benchmark("mm_safetybench", "MM-SafetyBench (judged)", "judged", "safety")
MM_SAFETYBENCH_RULE = _benchmark(
    "mm_safetybench_rule", "MM-SafetyBench (refusals counted: upper bound)", "refusal", ""
)
