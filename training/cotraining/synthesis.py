"""Image synthesis: what a denoiser is asked to predict, for each kind of diffusion scheduler.

    noisy = noised(latents, noise, t, alphas)          # z_t = sqrt(a_t) z_0 + sqrt(1 - a_t) noise
    goal = target_of("v_prediction", latents, noise, t, alphas)
    loss = synthesis_loss(unet(noisy, ...), goal, hole)

`alphas` are the scheduler's own cumulative products, the kind its `prediction_type`.
"""

from torch import Tensor

KINDS = ("epsilon", "v_prediction", "sample")


def noised(latents: Tensor, noise: Tensor, t: Tensor, alphas: Tensor) -> Tensor:
    """Return the latents after t steps of noise."""
    signal, level = _shares(t, alphas)
    return signal * latents + level * noise


def target_of(kind: str, latents: Tensor, noise: Tensor, t: Tensor, alphas: Tensor) -> Tensor:
    """Return what the denoiser should say: the noise, the velocity or the picture."""
    signal, level = _shares(t, alphas)
    return {
        "epsilon": noise, "v_prediction": signal * noise - level * latents, "sample": latents,
    }[kind]  # fmt: skip


def synthesis_loss(said: Tensor, goal: Tensor, hole: Tensor, beside: float = 1.0) -> Tensor:
    """Return the mean squared error; what lies beside the hole counts `beside` as much.

    >>> import torch
    >>> said, hole = torch.zeros(1, 4, 2, 2), torch.ones(1, 1, 2, 2)
    >>> synthesis_loss(said, said + 2, hole).item()
    4.0
    """
    weight = beside + (1 - beside) * hole
    each = ((said - goal).square().mean(1, keepdim=True) * weight).sum((1, 2, 3))
    return (each / weight.sum((1, 2, 3)).clamp_min(1e-6)).mean()


def _shares(t: Tensor, alphas: Tensor) -> tuple[Tensor, Tensor]:
    alpha = alphas[t].reshape(-1, 1, 1, 1)
    return alpha.sqrt(), (1 - alpha).sqrt()
