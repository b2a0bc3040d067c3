"""The reward head's layer: fitted to where its loss is least, and tried on what it was not shown.

    out = nn.Linear(320, 2)
    solve(out, chosen, rejected, harmful)        # (n, 320), (n, 320), (n,) of bool
    quality(out(other_chosen), out(other_rejected), other_harmful)
        -> {"judge_held_out": 300.0, "judge_ranks_rightly": 0.93, ...}

Number 0 ranks: Bradley-Terry over the helpful preferences. Number 1 prices: cross-entropy of "unsafe".
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

RIDGE = 1e-3  # on weights of features of unit variance


def solve(out: nn.Linear, chosen: Tensor, rejected: Tensor, harmful: Tensor) -> None:
    """Set a linear layer to where Bradley-Terry and the price of harm, with a ridge, are least."""
    both = torch.cat([chosen, rejected])
    middle, spread = both.mean(0), both.std(0, unbiased=False).clamp_min(1e-6)
    chosen, rejected = (chosen - middle) / spread, (rejected - middle) / spread
    weight = torch.zeros_like(out.weight, requires_grad=True)
    bias = torch.zeros_like(out.bias, requires_grad=True)
    search = torch.optim.LBFGS([weight, bias], max_iter=200, line_search_fn="strong_wolfe")

    def step() -> Tensor:
        search.zero_grad()
        loss = loss_of(chosen @ weight.T + bias, rejected @ weight.T + bias, harmful)
        loss = loss + RIDGE * weight.square().sum()
        loss.backward()
        return loss

    search.step(step)
    with torch.no_grad():
        out.weight.copy_(weight / spread)
        out.bias.copy_(bias - out.weight @ middle)


def loss_of(chosen: Tensor, rejected: Tensor, harmful: Tensor) -> Tensor:
    """Return Bradley-Terry on the helpful part, cross-entropy on what is unsafe."""
    ranked = -F.logsigmoid(chosen[:, 0] - rejected[:, 0])[~harmful]
    known = torch.cat([torch.zeros_like(harmful), harmful]).float()
    unsafe = F.binary_cross_entropy_with_logits(torch.cat([chosen[:, 1], rejected[:, 1]]), known)
    return (ranked.mean() if len(ranked) else 0.0) + unsafe


def quality(chosen: Tensor, rejected: Tensor, harmful: Tensor) -> dict[str, float]:
    """Return the share of held-out answers that are ranked, and priced, rightly."""
    facts = {"judge_held_out": float(len(chosen))}
    if (~harmful).any():
        right = (chosen[:, 0] > rejected[:, 0])[~harmful]
        facts["judge_ranks_rightly"] = float(right.float().mean())
    if harmful.any():
        dear, cheap = rejected[harmful, 1] > 0, chosen[harmful, 1] <= 0
        facts["cost_sees_unsafe"] = float(dear.float().mean())
        facts["cost_clears_safe"] = float(cheap.float().mean())
    return facts
