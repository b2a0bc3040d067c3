"""Every check by its name in a recipe. To add one: write `checks/<name>.py`, import it and name it here."""

from counterfactory.factory.checks.base import Check
from counterfactory.factory.checks.presence import Presence
from counterfactory.factory.checks.similarity import Similarity
from counterfactory.factory.checks.swap import Swap

CHECKS: dict[str, type[Check]] = {
    "presence": Presence,
    "swap": Swap,
    "similarity": Similarity,
}

__all__ = ["CHECKS", "Check"]
