"""Which device and number type a model runs with: half precision on a GPU, float32 on a CPU."""

from typing import Any

from counterfactory.errors import UserError, did_you_mean


def choose(device: str = "auto") -> tuple[str, Any]:
    """Return (device, torch dtype). Raises `UserError` for a device that is not here."""
    import torch

    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    elif not device.startswith("cpu:") and device not in (known := here()):  # launchers say cpu:1
        expected = ", ".join(["auto", *known])
        hint = did_you_mean(device, known)
        raise UserError(f"--device: found {device!r}, expected one of {expected}{hint}")
    return device, torch.float16 if device.startswith("cuda") else torch.float32


def here() -> list[str]:
    """Return the devices of this machine: cpu, cuda, cuda:0 ..."""
    import torch

    accelerator = torch.accelerator.current_accelerator(check_available=True)
    if accelerator is None:
        return ["cpu"]
    kind, count = accelerator.type, torch.accelerator.device_count()
    return ["cpu", kind, *(f"{kind}:{number}" for number in range(count))]
