"""Image-text contrast with counterfactuals as hard negatives (after NegCLIP, Yuksekgonul et al. 2023).

    loss = itc_loss(images, texts, scale, keys, other_images, other_texts, other_keys)

An image looks for its caption among the captions of the batch and their counterfactuals, a caption
for its image in the same way: 2N texts, 2N images. open_clip's own loss is square and takes no
further texts. A caption that says the same as the right one is no negative. With several processes
the candidates come from all of them, and the loss is that of one process with all rows.
"""

import hashlib
from collections.abc import Sequence

import torch
import torch.distributed as dist
import torch.nn.functional as F
from torch import Tensor


def itc_loss(
    images: Tensor, texts: Tensor, scale: Tensor, keys: Tensor,
    other_images: Tensor, other_texts: Tensor, other_keys: Tensor,
) -> tuple[Tensor, Tensor]:  # fmt: skip
    """Return the loss and how often the right caption comes first.

    Rows are of unit length; row i of `images` and `texts` belong together. The others (of either
    or both, or none) are candidates only. Rows with equal `keys` have the same caption.

    >>> one, none, keys = torch.eye(2), torch.empty(0, 2), torch.tensor([1, 2])
    >>> loss, right = itc_loss(one, one, torch.tensor(100.0), keys, none, none, keys[:0])
    >>> round(loss.item(), 4), right.item()
    (0.0, 1.0)
    """
    rank = dist.get_rank() if _several() else 0
    target = torch.arange(len(images), device=images.device) + rank * len(images)
    every = torch.cat([gathered(keys), gathered(other_keys)])
    same = keys[:, None] == every[None]
    same[torch.arange(len(target), device=target.device), target] = False
    loss, right = images.new_zeros(()), images.new_zeros(())
    for rows, candidates, others in ((images, texts, other_texts), (texts, images, other_images)):
        among = torch.cat([gathered(candidates), gathered(others)])
        logits = (scale * rows @ among.T).masked_fill(same[:, : len(among)], float("-inf"))
        loss = loss + F.cross_entropy(logits, target) / 2
        if rows is images:
            right = (logits.argmax(1) == target).float().mean()
    return loss, right


def keys_of(captions: Sequence[str]) -> Tensor:
    """Return a number for each caption: equal for equal words.

    >>> a, b, c = keys_of(["A red ball.", "a red  ball", "a blue ball"]).tolist()
    >>> a == b, a == c
    (True, False)
    """
    plain = [" ".join(one.lower().rstrip(" .").split()) for one in captions]
    digests = [hashlib.sha256(one.encode()).digest()[:8] for one in plain]
    return torch.tensor([int.from_bytes(one, "big") >> 1 for one in digests])


def gathered(rows: Tensor) -> Tensor:
    """Return the rows of all processes, by rank; gradients find their way back."""
    if not _several() or not len(rows):
        return rows
    if rows.requires_grad:
        from torch.distributed.nn.functional import all_gather

        return torch.cat(list(all_gather(rows.contiguous())))
    parts = [torch.empty_like(rows) for _ in range(dist.get_world_size())]
    dist.all_gather(parts, rows.contiguous())
    return torch.cat(parts)


def _several() -> bool:
    return dist.is_available() and dist.is_initialized() and dist.get_world_size() > 1
