"""The terms of co-training against what others compute: open_clip, diffusers, plain arithmetic."""

from typing import Any

import pytest
import torch
import torch.nn.functional as F

from counterfactory.training.cotraining.itc import itc_loss, keys_of
from counterfactory.training.cotraining.rsc import rsc_loss
from counterfactory.training.cotraining.synthesis import noised, synthesis_loss, target_of


def rows(count: int, seed: int) -> Any:
    """Random rows of unit length."""
    return F.normalize(torch.randn(count, 8, generator=torch.Generator().manual_seed(seed)), dim=-1)


def test_without_others_the_contrast_is_open_clips_loss() -> None:
    import open_clip

    images, texts, scale, none = rows(5, 1), rows(5, 2), torch.tensor(14.0), torch.empty(0, 8)
    mine, _ = itc_loss(images, texts, scale, torch.arange(5), none, none, torch.arange(0))
    assert torch.allclose(mine, open_clip.ClipLoss()(images, texts, scale))


def test_with_hard_captions_the_contrast_is_that_of_negclip() -> None:
    images, texts, wrong = rows(4, 1), rows(4, 2), rows(4, 3)
    scale, target = torch.tensor(10.0), torch.arange(4)
    logits = scale * images @ torch.cat([texts, wrong]).T
    there = F.cross_entropy(logits, target)
    back = F.cross_entropy(scale * texts @ images.T, target)
    keys = torch.arange(8)
    mine, _ = itc_loss(images, texts, scale, keys[:4], torch.empty(0, 8), wrong, keys[4:])
    assert torch.allclose(mine, (there + back) / 2)


def test_a_caption_that_says_the_same_is_no_negative() -> None:
    images, scale = rows(2, 1), torch.tensor(10.0)
    texts, none = images.clone(), torch.empty(0, 8)
    texts[1] = texts[0]
    twins = keys_of(["Two red balls.", "two red balls"])
    loss, right = itc_loss(images, texts, scale, twins, none, none, twins[:0])
    assert loss.item() == 0 and right.item() == 1
    apart, _ = itc_loss(images, texts, scale, torch.arange(2), none, none, twins[:0])
    assert apart.item() > 0.3


@pytest.mark.parametrize("kind", ["epsilon", "v_prediction", "sample"])
def test_noise_and_goal_are_those_of_the_scheduler(kind: str) -> None:
    """A denoiser that says the goal is taken back to the picture by diffusers' own step."""
    from diffusers import DDIMScheduler

    scheduler = DDIMScheduler(prediction_type=kind, clip_sample=False, set_alpha_to_one=True)
    scheduler.set_timesteps(1000)
    latents, noise = torch.randn(2, 4, 8, 8), torch.randn(2, 4, 8, 8)
    t = torch.tensor([300, 300])
    noisy = noised(latents, noise, t, scheduler.alphas_cumprod)
    assert torch.allclose(noisy, scheduler.add_noise(latents, noise, t), atol=1e-6)
    goal = target_of(kind, latents, noise, t, scheduler.alphas_cumprod)
    back = scheduler.step(goal, 300, noisy).pred_original_sample
    assert torch.allclose(back, latents, atol=1e-4)


def test_the_hole_counts_more_than_what_lies_beside_it() -> None:
    goal, hole = torch.zeros(1, 4, 2, 2), torch.tensor([[[[1.0, 0.0], [0.0, 0.0]]]])
    inside, beside = hole.expand(1, 4, 2, 2), (1 - hole).expand(1, 4, 2, 2)
    assert synthesis_loss(inside, goal, hole, 0.1) > 3 * synthesis_loss(beside, goal, hole, 0.1)
    assert synthesis_loss(inside, goal, hole).item() == pytest.approx(0.25)


def test_consistency_pulls_each_side_and_holds_the_other() -> None:
    seen, drawn = rows(3, 1).requires_grad_(), rows(3, 2).requires_grad_()
    t = torch.tensor([0, 499, 500])
    loss, _ = rsc_loss(seen, drawn, t, 500)
    loss.backward()
    cosine = (seen * drawn).sum(-1).detach()
    assert loss.item() == pytest.approx((2 * (1 - cosine) * (t < 500)).mean().item(), abs=1e-6)
    assert seen.grad is not None and drawn.grad is not None
    assert seen.grad[:2].norm() > 0 and drawn.grad[:2].norm() > 0
    assert seen.grad[2].norm() == 0 and drawn.grad[2].norm() == 0
    # each gradient is that of one cosine alone: the other side was held
    alone = seen.detach().clone().requires_grad_()
    ((1 - F.cosine_similarity(alone, drawn.detach())) * (t < 500)).mean().backward()
    assert torch.allclose(alone.grad, seen.grad, atol=1e-6)
