"""A model for lm-eval that says what it is told to: `Parrot(["Yes", "No"])` answers in order."""

from collections.abc import Callable, Sequence
from typing import Any

from lm_eval.api.model import LM


class Parrot(LM):
    """Replies from a list, or from a function of (prompt, pictures)."""

    MULTIMODAL = True
    tokenizer_name = "parrot"

    def __init__(self, says: Sequence[str] | Callable[[str, list[Any]], str]) -> None:
        super().__init__()
        self.says, self.heard = says, []  # type: ignore[var-annotated]

    def generate_until(self, requests: Any, disable_tqdm: bool = False) -> list[str]:
        """Answer all requests."""
        self.heard += [request.args for request in requests]
        if callable(self.says):
            return [self.says(args[0], args[2]["visual"]) for args in self.heard]
        return list(self.says)

    def loglikelihood(self, requests: Any, disable_tqdm: bool = False) -> Any:
        raise NotImplementedError

    def loglikelihood_rolling(self, requests: Any, disable_tqdm: bool = False) -> Any:
        raise NotImplementedError
