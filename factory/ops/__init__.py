"""Every op by its name in a recipe. To add one: write `ops/<name>.py`, import it and name it here.

    propose -> mask -> edit -> edit_classical -> diff -> caption
"""

from counterfactory.factory.ops.base import Context, Focus, Op

OPS: dict[str, type[Op]] = {}

__all__ = ["OPS", "Context", "Focus", "Op"]
