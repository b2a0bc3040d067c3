"""Every check by its name in a recipe. To add one: write `checks/<name>.py`, import it and name it here."""

from counterfactory.factory.checks.base import Check

CHECKS: dict[str, type[Check]] = {}

__all__ = ["CHECKS", "Check"]
