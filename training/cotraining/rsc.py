"""Reciprocal semantic consistency: what the VLM and the denoiser make of one picture points the same way.

    loss, cosine = rsc_loss(seen, drawn, t, t_max=500)

UniDiff-style: the paper's exact term could not be read. Each side is pulled to the other, which is
held still meanwhile (stop-gradient), and only where the picture is still visible under the noise.
"""

import torch
import torch.nn.functional as F
from torch import Tensor


def rsc_loss(seen: Tensor, drawn: Tensor, t: Tensor, t_max: float) -> tuple[Tensor, Tensor]:
    """Return the loss and the mean cosine, over all rows; those with t >= t_max count as zero.

    `seen`: features of the VLM; `drawn`: projected features of the denoiser at timestep `t`.

    >>> a, b = torch.tensor([[1.0, 0.0]]), torch.tensor([[0.0, 2.0]])
    >>> rsc_loss(a, b, torch.tensor([10]), 500)[0].item(), rsc_loss(a, b, torch.tensor([900]), 500)[0].item()
    (2.0, 0.0)
    """
    seen, drawn = F.normalize(seen.float(), dim=-1), F.normalize(drawn.float(), dim=-1)
    clear = (t < t_max).float()
    to_seen = 1 - (seen.detach() * drawn).sum(-1)
    to_drawn = 1 - (seen * drawn.detach()).sum(-1)
    loss = ((to_seen + to_drawn) * clear).mean()
    with torch.no_grad():
        cosine = ((seen * drawn).sum(-1) * clear).sum() / clear.sum().clamp_min(1)
    return loss, cosine
