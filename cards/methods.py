"""The published methods that data and models here are made by, to be cited in their cards.

cited(["img-diff", "clip"])   ->  [Method(key="jiao2024imgdiff", ...), ...]
bibtex(METHODS["clip"])       ->  "@article{radford2021clip, ..."
"""

from collections.abc import Iterable
from typing import NamedTuple


class Method(NamedTuple):
    """One paper."""

    key: str
    title: str
    authors: str
    year: int
    arxiv: str
    used: str  # what of it is used here


METHODS: dict[str, Method] = {
    "img-diff": Method(
        "jiao2024imgdiff",
        "Img-Diff: Contrastive Data Synthesis for Multimodal Large Language Models",
        "Jiao, Qirui and Chen, Daoyuan and Huang, Yilun and Ding, Bolin and Li, Yaliang and Shen, Ying",
        2024, "2408.04594", "pairs, regions and differences",
    ),
    "diffusion": Method(
        "rombach2022ldm", "High-Resolution Image Synthesis with Latent Diffusion Models",
        "Rombach, Robin and Blattmann, Andreas and Lorenz, Dominik and Esser, Patrick and Ommer, Bj{\\\"o}rn",
        2022, "2112.10752", "edits",
    ),
    "sam": Method(
        "kirillov2023sam", "Segment Anything", "Kirillov, Alexander and others",
        2023, "2304.02643", "masks",
    ),
    "clip": Method(
        "radford2021clip",
        "Learning Transferable Visual Models From Natural Language Supervision",
        "Radford, Alec and others", 2021, "2103.00020", "checks of what a region shows",
    ),
    "spa-vl": Method(
        "zhang2024spavl",
        "SPA-VL: A Comprehensive Safety Preference Alignment Dataset for Vision Language Model",
        "Zhang, Yongting and others", 2024, "2406.12030", "the taxonomy of harmful requests",
    ),
    "dpo": Method(
        "rafailov2023dpo",
        "Direct Preference Optimization: Your Language Model is Secretly a Reward Model",
        "Rafailov, Rafael and others", 2023, "2305.18290", "training on preferences",
    ),
    "grpo": Method(
        "shao2024deepseekmath",
        "DeepSeekMath: Pushing the Limits of Mathematical Reasoning in Open Language Models",
        "Shao, Zhihong and others", 2024, "2402.03300", "training on rewards",
    ),
    "r3v": Method(
        "cheng2024r3v", "Vision-Language Models Can Self-Improve Reasoning via Reflection",
        "Cheng, Kanzhi and others", 2024, "2411.00855", "training on own rationales",
    ),
    "unidiff": Method(
        "dong2023unidiff",
        "UniDiff: Advancing Vision-Language Models with Generative and Discriminative Learning",
        "Dong, Xiao and others", 2023, "2306.00813", "joint training of CLIP and generator",
    ),
}  # fmt: skip

OF_ROLES = {"inpaint": "diffusion", "sam": "sam", "clip": "clip"}  # a model's role in a recipe
OF_TRAINERS = {"prefer": "dpo", "reinforce": "grpo", "reflect": "r3v", "cotrain": "unidiff"}


def cited(names: Iterable[str]) -> list[Method]:
    """Return the methods of these names, each once, in the order of `METHODS`."""
    wanted = set(names)
    return [method for name, method in METHODS.items() if name in wanted]


def bibtex(method: Method) -> str:
    """Return a method's entry."""
    return (
        f"@article{{{method.key},\n"
        f"  title = {{{method.title}}},\n"
        f"  author = {{{method.authors}}},\n"
        f"  year = {{{method.year}}},\n"
        f"  journal = {{arXiv preprint arXiv:{method.arxiv}}}\n"
        "}"
    )
