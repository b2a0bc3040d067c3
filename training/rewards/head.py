"""The judge that is trained here: a copy of the model with two numbers instead of words.

    head = fit(outfit, preferences, steps=150, lr=2e-4, seed=0)
    head.judge([Said(prompt="What is here?", said="A red star.", images=(picture,))])   -> [0.75]
    head.cost([Said(prompt="Tell me how to steal it.", said="Sure ...", harmful=True)])  -> [0.97]

score   -log sigmoid(score(chosen) - score(rejected)) over ranked answers: descriptions, answers whose
        picture contradicts them, help against needless refusals (Bradley-Terry)
cost    cross-entropy of "unsafe": what was rejected for a harmful request is; all else is not

Helpfulness and harm are two numbers, as one would let help pay for harm.
"""

from collections.abc import Sequence
from contextlib import nullcontext
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from counterfactory.progress import Progress
from counterfactory.training.outfit import Outfit
from counterfactory.training.rewards.said import Said, words

if TYPE_CHECKING:
    from datasets import Dataset

HARMFUL = "safety"  # the kind of preference whose rejected answer is unsafe
GRADES = 4  # steps between the worst and the best
HELD_OUT = 10  # every tenth row tells how well it judges
TALK = ("images", "prompt", "chosen", "rejected", "kind")


class Head(nn.Module):
    """The trunk of a vision-language model with a linear head on its last token."""

    def __init__(self, trunk: Any, processor: Any, width: int, bare: Any = None) -> None:
        super().__init__()
        if bare is None:
            self.trunk = trunk
        else:  # it belongs to the model in training: read without its adapters, never changed
            object.__setattr__(self, "trunk", trunk)
        self.processor, self.bare = processor, bare or nullcontext
        self.out = nn.Linear(width, 2)
        nn.init.zeros_(self.out.weight)
        nn.init.zeros_(self.out.bias)

    def forward(self, answers: Sequence[Said]) -> Tensor:
        """Return (score, logit of unsafe) of each answer."""
        talks = [
            self.processor.apply_chat_template([_asked(one), _said(one)], tokenize=False)
            for one in answers
        ]
        begin = self.processor.tokenizer.bos_token
        found = self.processor(
            text=talks, images=_images(answers), padding=True, return_tensors="pt",
            add_special_tokens=not (begin and talks[0].startswith(begin)),
        ).to(self.out.weight.device)  # fmt: skip
        dtype = next(self.trunk.parameters()).dtype
        inputs = {k: v.to(dtype) if v.is_floating_point() else v for k, v in found.items()}
        with self.bare():
            hidden = self.trunk(**inputs, use_cache=False).last_hidden_state
        return self.out(hidden[:, -1].float())  # padded on the left

    def judge(self, answers: Sequence[Said]) -> list[float | None]:
        """Return each answer's score as one of five grades, 0 to 1.

        Answers to one prompt are compared with each other and their differences scaled to one size:
        of finer grades most would be noise, and would count as much as right and wrong.
        """
        grades = (self._told(answers)[:, 0].sigmoid() * GRADES).round() / GRADES
        return [float(value) for value in grades]

    def cost(self, answers: Sequence[Said]) -> list[float | None]:
        """Return the probability that an answer is unsafe; None for harmless requests."""
        found = self._told(answers)[:, 1].sigmoid().tolist() if answers else []
        return [value if one.harmful else None for value, one in zip(found, answers, strict=True)]

    @torch.no_grad()
    def _told(self, answers: Sequence[Said], batch: int = 32) -> Tensor:
        """Return both numbers; what is said twice to one row is read once, like with like."""
        self.eval()
        once = {(one.row, one.prompt, one.said): one for one in answers}
        order = sorted(once, key=lambda key: bool(once[key].images))
        found: dict[Any, Tensor] = {}
        for kind in (False, True):
            keys = [key for key in order if bool(once[key].images) is kind]
            for first in range(0, len(keys), batch):
                part = keys[first : first + batch]
                found |= zip(part, self([once[key] for key in part]), strict=True)
        rows = [found[one.row, one.prompt, one.said] for one in answers]
        return torch.stack(rows) if rows else torch.zeros(0, 2)


@dataclass(frozen=True, slots=True)
class Fitted:
    """A head and how well it judges what it was not shown."""

    head: Head
    facts: dict[str, float]


def fit(
    outfit: Outfit, preferences: "Dataset", *, steps: int, lr: float, seed: int, batch: int = 16,
    bf16: bool = False,
) -> Fitted:  # fmt: skip
    """Train a head, and its copy of the model, on ranked answers."""
    head = blank(outfit)
    rows = preferences.select_columns(list(TALK))
    shown = [at for at in range(len(rows)) if at % HELD_OUT]
    chance = torch.Generator().manual_seed(seed)
    weights = [weight for weight in head.parameters() if weight.requires_grad]
    optimizer = torch.optim.AdamW(weights, lr=lr, weight_decay=0.0)
    slope = torch.optim.lr_scheduler.OneCycleLR(optimizer, lr, total_steps=max(steps, 2))
    head.train()
    order: list[int] = []
    kind = head.out.weight.device.type
    with Progress(steps, "judge", unit="steps") as progress:
        for _ in range(steps):
            while len(order) < min(batch, len(shown)):
                order += [shown[at] for at in torch.randperm(len(shown), generator=chance).tolist()]
            some, order = order[:batch], order[batch:]
            optimizer.zero_grad()
            with torch.autocast(kind, torch.bfloat16, enabled=bf16):
                loss = loss_of(head, rows.select(some))
            loss.backward()
            nn.utils.clip_grad_norm_(weights, 1.0)
            optimizer.step()
            slope.step()
            progress.advance(1)
    return Fitted(head.eval(), quality(head, rows.select(range(0, len(rows), HELD_OUT))))


def loss_of(head: Head, rows: "Dataset") -> Tensor:
    """Return Bradley-Terry on the helpful part, cross-entropy on what is unsafe."""
    good, bad = sides(rows)
    scores = torch.cat([head(part) for part in _alike([*good, *bad])])
    order = [at for part in _alike(range(2 * len(good)), [*good, *bad]) for at in part]
    found = torch.empty_like(scores)
    found[order] = scores
    chosen, rejected = found[: len(good)], found[len(good) :]
    harmful = torch.tensor([one.harmful for one in good], device=found.device)
    ranked = -F.logsigmoid(chosen[:, 0] - rejected[:, 0])[~harmful]
    known = torch.cat([torch.zeros_like(harmful), harmful]).float()
    unsafe = F.binary_cross_entropy_with_logits(torch.cat([chosen[:, 1], rejected[:, 1]]), known)
    return (ranked.mean() if len(ranked) else 0.0) + unsafe


def quality(head: Head, rows: "Dataset") -> dict[str, float]:
    """Return the share of held-out answers that are ranked, and priced, rightly."""
    good, bad = sides(rows)
    found = head._told([*good, *bad]).cpu()
    chosen, rejected = found[: len(good)], found[len(good) :]
    harmful = torch.tensor([one.harmful for one in good])
    facts = {"judge_held_out": float(len(good))}
    if (~harmful).any():
        right = (chosen[:, 0] > rejected[:, 0])[~harmful]
        facts["judge_ranks_rightly"] = float(right.float().mean())
    if harmful.any():
        dear, cheap = rejected[harmful, 1] > 0, chosen[harmful, 1] <= 0
        facts["cost_sees_unsafe"] = float(dear.float().mean())
        facts["cost_clears_safe"] = float(cheap.float().mean())
    return facts


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
    """Return an untrained head. With adapters the trunk is the model's own, without them."""
    model = outfit.model
    width = model.config.get_text_config().hidden_size
    where = next(model.parameters()).device
    if outfit.lora is not None:
        trunk = model.get_base_model().base_model
        head = Head(trunk, outfit.processor, width, model.disable_adapter)
    else:
        head = Head(deepcopy(model.base_model).requires_grad_(), outfit.processor, width)
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
    trained = {name for name, weight in fitted.head.named_parameters() if weight.requires_grad}
    state = {k: v.contiguous().cpu() for k, v in fitted.head.state_dict().items() if k in trained}
    save_file(state, beside / "head.safetensors")
    (beside / "facts.json").write_text(json.dumps(fitted.facts), "utf-8")
    beside.replace(folder)


def load(outfit: Outfit, folder: Path) -> Fitted:
    """Return a head that `save` wrote, for a model as it was then."""
    import json

    from safetensors.torch import load_file

    head = blank(outfit)
    head.load_state_dict(load_file(folder / "head.safetensors"), strict=False)
    facts = json.loads((folder / "facts.json").read_text("utf-8"))
    return Fitted(head.eval(), facts)


def _asked(one: Said) -> dict[str, Any]:
    blocks = [{"type": "image"} for _ in one.images] + [{"type": "text", "text": one.prompt}]
    return {"role": "user", "content": blocks}


def _said(one: Said) -> dict[str, Any]:
    return {"role": "assistant", "content": [{"type": "text", "text": one.said}]}


def _images(answers: Sequence[Said]) -> list[list[Any]] | None:
    pictures = [list(one.images) for one in answers]
    return pictures if any(pictures) else None


def _alike(things: Sequence[Any], answers: Sequence[Said] | None = None) -> list[list[Any]]:
    """Return things in two batches, answers without images and with; empty ones are left out."""
    kinds = [bool(one.images) for one in (answers or things)]
    parts = [[t for t, k in zip(things, kinds, strict=True) if k is kind] for kind in (False, True)]
    return [part for part in parts if part]
