"""Which kind of task an item of a published benchmark is, so that a build can serve its failures.

    families_of(("task:pope", "category:adversarial", "kind:dog"))      -> {"task:existence"}
    families_of(("task:existence_popular", "kind:leaf"))                -> {"task:existence"}
    families_of(("task:geoqa",))                                        -> set(): no build makes such rows

Items of the pocket suite name their task themselves. Builds know those names and no benchmark's.
"""

from collections.abc import Iterable, Mapping

REQUESTS = ("mm_safetybench", "mm_safetybench_rule", "vlguard", "spa_vl_harm", "spa_vl_harm_rule",
            "spa_vl_help", "mossbench")  # fmt: skip

FAMILIES: Mapping[str, str] = {
    "pope": "existence",
    "chair": "description",
    "amber_g": "description",
    "vsr": "relation",
    "whatsup": "relation",
    "clevr_math": "arithmetic",
    **dict.fromkeys(REQUESTS, "request"),
}
"""Benchmark -> the family of all its items."""

BY_LABEL: Mapping[str, Mapping[str, str]] = {
    "amber": {
        "category:existence": "existence", "category:attribute-state": "attribute",
        "category:attribute-action": "attribute", "category:attribute-number": "count",
        "category:relation": "relation",
    },
    "cvbench": {"subtask:Count": "count", "subtask:Relation": "relation"},
    "blink": {"subtask:Counting": "count", "subtask:Spatial_Relation": "relation"},
}  # fmt: skip
"""Benchmark -> label of an item -> its family; other items have none."""

UNSERVED = ("hallusion", "mmvp", "naturalbench", "mathvista", "geoqa", "mmhal", "winoground")
"""Benchmarks of many kinds of task, or of one that no build makes."""


def is_benchmark(label: str) -> bool:
    """Say whether a label names a benchmark: "task:pope"."""
    kind, _, name = label.partition(":")
    return kind == "task" and (name in FAMILIES or name in BY_LABEL or name in UNSERVED)


def families_of(labels: Iterable[str]) -> set[str]:
    """Return the task families of an item as labels."""
    labels = tuple(labels)
    found = set()
    for label in labels:
        kind, _, name = label.partition(":")
        if kind != "task":
            continue
        if not is_benchmark(label):
            found.add(label.partition("_")[0])
        elif name in FAMILIES:
            found.add(f"task:{FAMILIES[name]}")
        else:
            known = BY_LABEL.get(name, {})
            found |= {f"task:{known[one]}" for one in labels if one in known}
    return found
