"""How many right edits do the checks throw away? A few batches again, with the checks only asked at
the end.

    recall(recipe, Path("out/region-diff.build"), batches=4)  ->  {"recall": 0.91, "recall_of": 84}

The release holds no pictures of rejects, so the first batches run through the ops once more; every
candidate that has both pictures is scored against the truth, then goes through the checks.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from counterfactory.factory.run.chain import Chain
from counterfactory.factory.run.maker import batches, context_of, indexes
from counterfactory.factory.world.oracle import score
from counterfactory.records import Candidate

if TYPE_CHECKING:
    from counterfactory.factory.recipe import Recipe


def recall(recipe: "Recipe", workdir: Path, num_batches: int = 4) -> dict[str, Any]:
    """Return the share of right candidates that pass every local check."""
    source = recipe.source.open(workdir, recipe.seed)
    chain = Chain(recipe, context_of(recipe, workdir))
    num_ops = len(recipe.ops)
    right = kept = 0
    for batch in range(min(num_batches, batches(len(source), recipe.source.batch))):
        bare = [
            chain.bare(source.key(i), source.load(i))
            for i in indexes(batch, recipe.source.batch, len(source))
        ]
        made = [
            one for one in chain.run(bare, steps=slice(0, num_ops)) if isinstance(one, Candidate)
        ]
        truly = {one.key for one in made if not score(view(one))["problems"]}
        passed = {
            one.key
            for one in chain.run(made, steps=slice(num_ops, None))
            if isinstance(one, Candidate)
        }
        right, kept = right + len(truly), kept + len(truly & passed)
    return {"recall": round(kept / right, 4) if right else None, "recall_of": right}


def view(candidate: Candidate) -> dict[str, Any]:
    """Return a candidate as the row that the oracle scores."""
    edit = candidate.edit
    assert edit is not None
    phrases = {
        "target": edit.target.phrase if edit.target else "",
        "replacement": edit.replacement.phrase if edit.replacement else "",
    }
    texts = ("caption_a", "caption_b", "difference", "question", "answer_a", "answer_b")
    return {
        "id": candidate.key, "image_a": candidate.image_a, "image_b": candidate.image_b,
        "mask": np.asarray(candidate.mask), "boxes": [list(box) for box in candidate.boxes],
        "edit": {"kind": edit.kind, "method": edit.method, **phrases},
        "provenance": {"source_id": candidate.sample.source_id, "ops": list(candidate.ops)},
        **{name: getattr(candidate, name) for name in texts},
    }  # fmt: skip
