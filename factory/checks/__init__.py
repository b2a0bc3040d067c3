"""Every check by its name in a recipe.

To add one: write `checks/<name>.py`, import it and name it here.
"""

from counterfactory.factory.checks.base import Check
from counterfactory.factory.checks.change_area import ChangeArea
from counterfactory.factory.checks.contamination import Contamination
from counterfactory.factory.checks.duplicate import Duplicate
from counterfactory.factory.checks.judged import Judged
from counterfactory.factory.checks.locality import Locality
from counterfactory.factory.checks.presence import Presence
from counterfactory.factory.checks.sanity import Sanity
from counterfactory.factory.checks.similarity import Similarity
from counterfactory.factory.checks.ssim import Ssim
from counterfactory.factory.checks.swap import Swap

CHECKS: dict[str, type[Check]] = {
    "presence": Presence,
    "swap": Swap,
    "similarity": Similarity,
    "change_area": ChangeArea,
    "contamination": Contamination,
    "duplicate": Duplicate,
    "judge": Judged,
    "locality": Locality,
    "sanity": Sanity,
    "ssim": Ssim,
}

__all__ = ["CHECKS", "Check"]
