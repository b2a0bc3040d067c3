"""Every op by its name in a recipe. To add one: write `ops/<name>.py`, import it and name it here.

propose -> mask -> edit -> edit_classical -> diff -> caption        pairs
propose -> mask_classical -> edit_classical -> diff -> caption      pairs of photographs, no weights
annotate -> prefer                                                  questions and preferences about one picture
"""

from counterfactory.factory.ops.annotate import Annotate
from counterfactory.factory.ops.base import Context, Focus, Op
from counterfactory.factory.ops.caption import CaptionOp
from counterfactory.factory.ops.caption_region import CaptionRegion
from counterfactory.factory.ops.diff import Diff
from counterfactory.factory.ops.edit import EditOp
from counterfactory.factory.ops.edit_classical import EditClassical
from counterfactory.factory.ops.mask import MaskOp
from counterfactory.factory.ops.mask_classical import MaskClassical
from counterfactory.factory.ops.prefer import Prefer
from counterfactory.factory.ops.propose import Propose

OPS: dict[str, type[Op]] = {
    "propose": Propose,
    "mask": MaskOp,
    "edit": EditOp,
    "diff": Diff,
    "caption": CaptionOp,
    "annotate": Annotate,
    "prefer": Prefer,
    "caption_region": CaptionRegion,
    "edit_classical": EditClassical,
    "mask_classical": MaskClassical,
}

__all__ = ["OPS", "Context", "Focus", "Op"]
