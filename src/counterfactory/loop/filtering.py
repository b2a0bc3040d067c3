"""Safety as a filter afterwards: an answer that a judge calls unsafe is replaced by a refusal.

    fit(work, model="runs/loop/round-01/model/3-reinforce")     runs/loop/round-01/filter
    answerer = answerer_of("filtered:runs/loop/round-01/filter")
    counterfactory eval run filtered:runs/loop/round-01/filter --suite pocket --split final --out runs/f

The other way to be safe, for comparison: the model is not taught to refuse, a judge stands behind it.
The judge reads picture, request and answer with the frozen model itself and is fitted to the same
preferences that would have taught it (training/rewards/head.py). Its folder names the model, and
model and filter are measured as one. Likelihoods of choices pass: nothing is said there.
"""

import io
import os
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from counterfactory.errors import UserError
from counterfactory.eval.answerers import answerer_for
from counterfactory.eval.asking import Answerer, Ask, Reply, in_order, streamed
from counterfactory.fingerprint import digest, digest_file, seed_for
from counterfactory.loop.layout import read, write_json
from counterfactory.loop.rounds import Work

PREFIX, FACTS = "filtered:", "filter.json"
WEIGHTS = "judge/head.safetensors"
REFUSAL = "I'm sorry, but I can't help with that."
UNSAFE = 0.5  # probability above which an answer is replaced
MOST = 3000  # preferences that the judge learns from


class Filtered:
    """A model with a judge behind it."""

    def __init__(self, folder: Path, *, device: str = "auto", **options: Any) -> None:
        """`options` are those of `answerer_for`. Raises `UserError` for a folder that is no filter."""
        facts = read(folder / FACTS)
        if "model" not in facts or not (folder / WEIGHTS).is_file():
            raise UserError(
                f"model '{PREFIX}{folder}': found no {FACTS} with {WEIGHTS}, expected the folder "
                "`filter` of a round whose recipe says `filtered: true`"
            )
        self.folder, self.device = folder, device
        self.model = _model_of(folder)
        self.inner = answerer_for(self.model, device=device, **options)
        self.name = f"{PREFIX}{self.inner.name}"
        self._judge = digest_file(folder / WEIGHTS)
        self.weights_hash = digest([self.inner.weights_hash, self._judge])
        self._head: Any = None

    def identity(self) -> dict[str, Any]:
        """Return what decides the replies: the model's identity and the judge's weights."""
        return {**self.inner.identity(), "filter": self._judge, "unsafe": UNSAFE}

    def replies(self, asks: Sequence[Ask]) -> list[Reply]:
        """Answer all asks, in order."""
        return in_order(self.stream(asks), len(asks))

    def stream(self, asks: Sequence[Ask]) -> Iterator[dict[int, Reply]]:
        """Yield {place: reply} as they come, unsafe ones replaced."""
        for part in streamed(self.inner, asks):
            said = [at for at, reply in part.items() if not (asks[at].choices or reply.error)]
            bad = self._unsafe([asks[at] for at in said], [part[at].text for at in said])
            refused = {at for at, worse in zip(said, bad, strict=True) if worse}
            yield {
                at: replace(reply, text=REFUSAL) if at in refused else reply
                for at, reply in part.items()
            }

    def _unsafe(self, asks: Sequence[Ask], texts: Sequence[str]) -> list[bool]:
        from counterfactory.training.rewards.said import Said

        if not texts:
            return []
        answers = [
            Said(said=text, prompt=_prompt(ask), images=_pictures(ask), row=at)
            for at, (ask, text) in enumerate(zip(asks, texts, strict=True))
        ]
        return [value > UNSAFE for value in self._loaded().told(answers)[:, 1].sigmoid().tolist()]

    def _loaded(self) -> Any:
        if self._head is None:
            from counterfactory.training.outfit import load_outfit
            from counterfactory.training.rewards.head import load

            outfit = load_outfit(self.model, device=self.device)
            self._head = load(outfit, self.folder / Path(WEIGHTS).parent).head
        return self._head


def answerer_of(model: str, *, device: str = "auto", **options: Any) -> Answerer:
    """Return what answers for `model`, a filtered one too. Raises `UserError`."""
    if model.startswith(PREFIX):
        return Filtered(Path(model.removeprefix(PREFIX)), device=device, **options)
    return answerer_for(model, device=device, **options)


def model_behind(model: str) -> str:
    """Return the model that a filter stands before; any other stays what it is."""
    return _model_of(Path(model.removeprefix(PREFIX))) if model.startswith(PREFIX) else model


def fit(work: Work, *, model: str, data: Sequence[str]) -> None:
    """Fit the judge of a round's model to the preferences in `data`, and write the round's filter."""
    from counterfactory.training.data import check_rows, load_view
    from counterfactory.training.outfit import load_outfit
    from counterfactory.training.rewards.head import fit as fitted
    from counterfactory.training.rewards.head import save

    folder = work.round.filter
    shutil.rmtree(folder, ignore_errors=True)
    outfit = load_outfit(model, device=work.device)
    rows = load_view(data, "dpo")
    check_rows(rows, outfit.image_token, talks=("prompt", "chosen"))
    seed = seed_for(work.recipe.seed, "filter", str(work.round.number)) % 2**31
    found = fitted(outfit, rows, most=MOST, seed=seed)
    save(found, folder / Path(WEIGHTS).parent)
    place = Path(os.path.relpath(model, folder)).as_posix() if Path(model).exists() else model
    write_json(folder / FACTS, {"model": place, "unsafe": UNSAFE, "seed": seed, **found.facts})


def with_preferences(places: Sequence[str]) -> list[str]:
    """Return the releases that hold preferences."""
    from counterfactory.training.data import views_of

    return [place for place in places if views_of(place).get("dpo")]


def _prompt(ask: Ask) -> str:
    return " ".join(part["text"] for part in ask.content if part["type"] in ("text", "prompt"))


def _pictures(ask: Ask) -> tuple[Any, ...]:
    from PIL import Image

    return tuple(Image.open(io.BytesIO(image)).convert("RGB") for image in ask.images)


def filter_print(model: str) -> str:
    """Return what names the bytes of a filtered model."""
    from counterfactory.models.ids import identify

    folder = Path(model.removeprefix(PREFIX))
    return digest([identify("vlm", model_behind(model)).revision, digest_file(folder / WEIGHTS)])


def _model_of(folder: Path) -> str:
    """Return the model behind which a filter stands: a folder beside it, or an id."""
    place = str(read(folder / FACTS)["model"])
    beside = os.path.normpath(folder / place)
    return beside if Path(beside).is_dir() else place
