"""Which device and number type a model runs with: half precision on a GPU, float32 on a CPU."""

from typing import Any


def choose(device: str = "auto") -> tuple[str, Any]:
    """Return (device, torch dtype)."""
    import torch

    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    return device, torch.float16 if device.startswith("cuda") else torch.float32
