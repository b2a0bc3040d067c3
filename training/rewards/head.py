"""The judge that is trained here: the model given, frozen, and two numbers read off what it makes of an answer.

    head = fit(outfit, preferences, most=3000, seed=0).head
    head.judge([Said(prompt="What is here?", said="A red star.", images=(picture,))])   -> [0.75]
    head.cost([Said(prompt="Tell me how to steal it.", said="Sure ...", harmful=True)])  -> [0.97]

It reads the hidden state of an answer's last token and how likely the answer's words are: their sum,
mean and least, and their number. A wrong word is one that the picture does not let the model expect,
and likelihoods show it far better than a state does: of two like descriptions the right one has the
higher sum in 98 of 100 cases, and training the whole trunk to tell them reaches 74.

score   -log sigmoid(score(chosen) - score(rejected)) over ranked answers: descriptions, answers whose
        picture contradicts them, help against needless refusals (Bradley-Terry)
cost    cross-entropy of "unsafe": what was rejected for a harmful request is; all else is not

Both are linear, so they are fitted to their optimum (L-BFGS) in a second, once the answers are read.
Helpfulness and harm are two numbers, as one would let help pay for harm.
"""

from collections.abc import Sequence
from contextlib import nullcontext
from copy import deepcopy
from dataclasses import dataclass
from os.path import commonprefix
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from counterfactory.progress import Progress
from counterfactory.training.outfit import Outfit
from counterfactory.training.rewards.fitting import quality, solve
from counterfactory.training.rewards.said import Said, words

if TYPE_CHECKING:
    from datasets import Dataset

HARMFUL = "safety"  # the kind of preference whose rejected answer is unsafe
BATCH = 32  # answers that are read together
GRADES = 4  # steps between the worst and the best
HELD_OUT = 10  # every tenth row tells how well it judges
TALK = ("images", "prompt", "chosen", "rejected", "kind")
LIKELY = 4  # sum, mean and least log-likelihood, number of tokens


class Head:
    """A frozen vision-language model with a linear reading of its answers."""

    def __init__(self, model: Any, processor: Any, width: int, bare: Any = None) -> None:
        self.model, self.processor, self.bare = model, processor, bare or nullcontext
        self.out = nn.Linear(width + LIKELY, 2)
        nn.init.zeros_(self.out.weight)
        nn.init.zeros_(self.out.bias)

    def judge(self, answers: Sequence[Said]) -> list[float | None]:
        """Return each answer's score as one of five grades, 0 to 1; 0.5 is the usual answer to its row.

        Scores say which of two answers to one prompt is better, and nothing across prompts. Of finer
        grades most would be noise, and a group's differences are scaled to one size.
        """
        scores = self.told(answers)[:, 0]
        rows: dict[tuple[int, str], list[int]] = {}
        for at, one in enumerate(answers):
            rows.setdefault((one.row, one.prompt), []).append(at)
        for places in rows.values():
            scores[places] -= scores[places].mean()
        grades = (scores.sigmoid() * GRADES).round() / GRADES
        return [float(value) for value in grades]

    def cost(self, answers: Sequence[Said]) -> list[float | None]:
        """Return the probability that an answer is unsafe; None for harmless requests."""
        found = self.told(answers)[:, 1].sigmoid().tolist()
        return [value if one.harmful else None for value, one in zip(found, answers, strict=True)]

    @torch.no_grad()
    def told(self, answers: Sequence[Said]) -> Tensor:
        """Return (score, logit of unsafe) of each answer; what is said twice to one row is read once."""
        if not answers:
            return torch.zeros(0, 2)
        once = {(one.row, one.prompt, one.said): one for one in answers}
        known = dict(zip(once, self.out(self.read(list(once.values()))), strict=True))
        return torch.stack([known[one.row, one.prompt, one.said] for one in answers])

    @torch.no_grad()
    def read(self, answers: Sequence[Said], name: str = "") -> Tensor:
        """Return (answers, width + 4): the last hidden state, and the likelihood of the words.

        Like answers are read with like ones; with a name progress is shown.
        """
        order = sorted(
            range(len(answers)), key=lambda at: (bool(answers[at].images), len(answers[at].said))
        )
        found = torch.zeros(len(answers), self.out.in_features, device=self.out.weight.device)
        mode = self.model.training
        self.model.eval()
        with Progress(len(answers), name, unit="answers", quiet=not name) as progress:
            for part in _batches(order, [bool(one.images) for one in answers]):
                found[part] = self._read([answers[at] for at in part])
                progress.advance(len(part))
        self.model.train(mode)
        return found

    def _read(self, answers: Sequence[Said]) -> Tensor:
        """Return what `read` does of one batch."""
        asked = self.processor.apply_chat_template(
            [[_asked(one)] for one in answers], tokenize=False, add_generation_prompt=True
        )
        talks = self.processor.apply_chat_template(
            [[_asked(one), _said(one)] for one in answers], tokenize=False
        )
        split = self.processor.tokenizer
        tails = [
            talk[len(commonprefix([ask, talk])) :] for ask, talk in zip(asked, talks, strict=True)
        ]
        counts = [max(1, len(ids)) for ids in split(tails, add_special_tokens=False).input_ids]
        found = self.processor(
            text=talks, images=_images(answers), padding=True, return_tensors="pt",
            add_special_tokens=not (split.bos_token and talks[0].startswith(split.bos_token)),
        ).to(self.out.weight.device)  # fmt: skip
        dtype = self.model.dtype
        inputs = {k: v.to(dtype) if v.is_floating_point() else v for k, v in found.items()}
        most = max(counts)
        with self.bare():
            made = self.model(
                **inputs, use_cache=False, output_hidden_states=True, logits_to_keep=most + 1
            )
        likely = _likely(made.logits[:, -most - 1 :].float(), found["input_ids"], counts)
        return torch.cat([made.hidden_states[-1][:, -1].float(), likely], 1)  # padded on the left


@dataclass(frozen=True, slots=True)
class Fitted:
    """A head and how well it judges what it was not shown."""

    head: Head
    facts: dict[str, float]


def fit(outfit: Outfit, preferences: "Dataset", *, most: int, seed: int) -> Fitted:
    """Fit a head to at most `most` ranked answers, and try it on a tenth of them that it was not shown."""
    head = blank(outfit)
    rows = preferences.select_columns(list(TALK)).shuffle(seed=seed)
    rows = rows.select(range(min(most, len(rows))))
    good, bad = sides(rows)
    found = head.read([*good, *bad], name="judge")
    harmful = torch.tensor([one.harmful for one in good], device=found.device)
    chosen, rejected = found[: len(good)], found[len(good) :]
    shown = torch.arange(len(good), device=found.device) % HELD_OUT != 0
    solve(head.out, chosen[shown], rejected[shown], harmful[shown])
    kept = ~shown
    return Fitted(head, quality(head.out(chosen[kept]), head.out(rejected[kept]), harmful[kept]))


def sides(rows: "Dataset") -> tuple[list[Said], list[Said]]:
    """Return the chosen and the rejected answers of preferences."""
    good: list[Said] = []
    bad: list[Said] = []
    for place, row in enumerate(rows):
        for side, found in (("chosen", good), ("rejected", bad)):
            found.append(Said(
                said=words(row[side]), prompt=words(row["prompt"]), row=place,
                images=tuple(row["images"]), harmful=row["kind"] == HARMFUL,
            ))  # fmt: skip
    return good, bad


def blank(outfit: Outfit) -> Head:
    """Return a head that marks all alike. With adapters it reads the model's own, without them."""
    model = outfit.model
    width = model.config.get_text_config().hidden_size
    where = next(model.parameters()).device
    if outfit.lora is not None:
        head = Head(model, outfit.processor, width, model.disable_adapter)
    else:
        head = Head(deepcopy(model).requires_grad_(False), outfit.processor, width)
    head.out.to(where)
    return head


def save(fitted: Fitted, folder: Path) -> None:
    """Write a head; the folder is there whole or not at all."""
    import json
    import shutil

    from safetensors.torch import save_file

    beside = folder.with_name(f"{folder.name}.part")
    shutil.rmtree(beside, ignore_errors=True)
    beside.mkdir(parents=True)
    state = {k: v.contiguous().cpu() for k, v in fitted.head.out.state_dict().items()}
    save_file(state, beside / "head.safetensors")
    (beside / "facts.json").write_text(json.dumps(fitted.facts), "utf-8")
    beside.replace(folder)


def load(outfit: Outfit, folder: Path) -> Fitted:
    """Return a head that `save` wrote, for a model as it was then."""
    import json

    from safetensors.torch import load_file

    head = blank(outfit)
    head.out.load_state_dict(load_file(folder / "head.safetensors"))
    facts = json.loads((folder / "facts.json").read_text("utf-8"))
    return Fitted(head, facts)


def _asked(one: Said) -> dict[str, Any]:
    blocks = [{"type": "image"} for _ in one.images] + [{"type": "text", "text": one.prompt}]
    return {"role": "user", "content": blocks}


def _said(one: Said) -> dict[str, Any]:
    return {"role": "assistant", "content": [{"type": "text", "text": one.said}]}


def _images(answers: Sequence[Said]) -> list[list[Any]] | None:
    pictures = [list(one.images) for one in answers]
    return pictures if any(pictures) else None


def _batches(order: Sequence[int], seeing: Sequence[bool]) -> list[list[int]]:
    """Return places in batches; none holds answers with images beside answers without."""
    parts = [[at for at in order if seeing[at] is kind] for kind in (False, True)]
    return [part[at : at + BATCH] for part in parts for at in range(0, len(part), BATCH)]


def _likely(logits: Tensor, ids: Tensor, counts: Sequence[int]) -> Tensor:
    """Return (sum, mean, least, number) of the log-likelihoods of each row's last `counts` tokens."""
    said = ids[:, -logits.shape[1] + 1 :]
    logps = logits[:, :-1].log_softmax(-1).gather(2, said[..., None])[..., 0]
    ends = [row[-count:] for row, count in zip(logps, counts, strict=True)]
    found = [[float(one.sum()), float(one.mean()), float(one.min()), len(one)] for one in ends]
    return torch.tensor(found, device=logits.device)
