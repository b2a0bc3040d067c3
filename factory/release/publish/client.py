"""How huggingface_hub talks while something is published: with time-outs, and with plain uploads.

with answers_within(120.0):
    HfApi().repo_info(...)          # a Hub that hangs is an error after two minutes, not a wait for ever
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def answers_within(seconds: float) -> Iterator[None]:
    """Let no call to a Hub wait for ever: huggingface_hub by itself sets no limit."""
    from huggingface_hub import close_session, set_client_factory
    from huggingface_hub.utils._http import default_client_factory

    def client() -> Any:
        made = default_client_factory()
        made.timeout = seconds
        return made

    set_client_factory(client)
    try:
        yield
    finally:
        set_client_factory(default_client_factory)
        close_session()


def without_xet() -> None:
    """Use plain uploads with a Hub of one's own: only the big one has a Xet store."""
    from huggingface_hub import constants

    if "HF_HUB_DISABLE_XET" not in os.environ and not constants.ENDPOINT.endswith(
        (".huggingface.co", "//huggingface.co", "//hf.co")
    ):
        constants.HF_HUB_DISABLE_XET = True
