"""Old generator against new: the same held-out edits, painted by both, and who passes the checks.

    compare(work)    {"chosen": "new", "why": "45 of 48 held-out edits pass their checks, 43 by the old one",
                      "n": 48, "passed_old": 43, "passed_new": 45, "gained": 3, "lost": 1, "p": 0.625, ...}

Samples are drawn with a seed of their own, and those that any release of the loop was made of are left
out. Up to the painting a candidate is made once, so both get the same edit, mask and seed; what is then
gained or lost is counted candidate by candidate (McNemar, exact). Checks over a whole release
(duplicates, contamination) say nothing of a painter and are not run.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from counterfactory.errors import RowError
from counterfactory.factory.ops.edit import EditOp
from counterfactory.factory.recipe import Recipe
from counterfactory.fingerprint import seed_for
from counterfactory.loop.generators import GENERATOR, rivals
from counterfactory.loop.layout import write_json
from counterfactory.loop.rounds import Work
from counterfactory.records import Candidate

if TYPE_CHECKING:
    from counterfactory.factory.run.chain import Chain, Outcome

SPARE = 4  # samples at most for one edit that is painted


def write(work: Work) -> None:
    """Compare, and write generator.json."""
    write_json(work.round.folder / GENERATOR, compare(work))


def compare(work: Work) -> dict[str, Any]:
    """Let both paint the same candidates; return what generator.json holds."""
    found, about = rivals(work), work.recipe.generator
    assert found is not None, "the stage is there only where a round co-trained a generator"
    seed = seed_for(work.recipe.seed, "generator", str(work.round.number)) % 2**31
    changes = [f"seed={seed}", f"source.n={SPARE * about.candidates}", "focus=[]"]
    old, new = (found.recipe(model, changes) for model in (found.old, found.new))
    pairs = list(painted(old, new, work.round.folder, _seen(work), about.candidates))
    before, after = (sum(pair[side] for pair in pairs) for side in (0, 1))
    lost = sum(was and not now for was, now in pairs)
    gained = sum(now and not was for was, now in pairs)
    chosen, why, p = verdict(before, after, lost, gained, len(pairs))
    return {
        "build": found.build.title, "stands_for": found.stands_for,
        "old": found.old, "new": found.new,
        "n": len(pairs), "passed_old": before, "passed_new": after, "gained": gained, "lost": lost,
        "p": p, "seed": seed, "chosen": chosen, "why": why,
    }  # fmt: skip


def verdict(old: int, new: int, lost: int, gained: int, n: int) -> tuple[str, str, float]:
    """Return which generator edits from here on, why, and McNemar's exact p.

    The new one must pass at least as often; that a loss may be chance does not help it.

    >>> verdict(43, 45, 1, 3, 48)
    ('new', '45 of 48 held-out edits pass their checks, 43 by the old one', 0.625)
    >>> verdict(43, 42, 2, 1, 48)[0]
    'old'
    """
    from counterfactory.eval.stats import mcnemar

    if not n:
        return "old", "no held-out edit could be painted", 1.0
    told = f"{new} of {n} held-out edits pass their checks, {old} by the old one"
    return ("new" if new >= old else "old"), told, mcnemar(lost, gained)[0]


def painted(
    old: Recipe, new: Recipe, folder: Path, seen: frozenset[str], candidates: int
) -> Iterator[tuple[bool, bool]]:
    """Yield, for each candidate that both painted, whether it passes by the old and by the new one."""
    from counterfactory.factory.run.chain import Chain
    from counterfactory.factory.run.maker import context_of

    context = context_of(old, folder)  # one for both: what does not differ is loaded once
    chains = Chain(old, context), Chain(new, context)
    at = next(place for place, op in enumerate(old.ops) if isinstance(op, EditOp))
    left = candidates
    for batch in _batches(old, chains[0], folder, seen):
        ready = [one for one in chains[0].run(batch, slice(0, at)) if _is_painted(one)][:left]
        sides = [chain.run(ready, slice(at, None)) for chain in chains]
        for was, now in zip(*sides, strict=True):
            yield isinstance(was, Candidate), isinstance(now, Candidate)
        left -= len(ready)
        if not left:
            return


def _batches(
    recipe: Recipe, chain: "Chain", folder: Path, seen: frozenset[str]
) -> "Iterator[list[Outcome]]":
    """Yield bare candidates of samples that are not in `seen`."""
    source = recipe.source.open(folder, recipe.seed)
    size = recipe.source.batch
    for start in range(0, len(source), size):
        batch: list[Outcome] = []
        for index in range(start, min(start + size, len(source))):
            try:
                sample = source.load(index)
            except RowError:
                continue
            if sample.source_id not in seen:
                batch.append(chain.bare(source.key(index), sample))
        if batch:
            yield batch


def _is_painted(one: "Outcome") -> bool:
    return isinstance(one, Candidate) and one.edit is not None and one.edit.method == "diffusion"


def _seen(work: Work) -> frozenset[str]:
    """Return the samples that the loop's pairs were made of so far."""
    from counterfactory.factory.release.contents import scan

    places = {*work.releases.values(), *work.earlier_releases()}
    rows = (row for place in sorted(places) for row in scan(place, "pairs", ["provenance"]))
    return frozenset(str(row["provenance"]["source_id"]) for row in rows)
