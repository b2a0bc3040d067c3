"""Published benchmarks as items: one file each, with its Hub id, its columns and its scoring.

    from counterfactory.eval.benchmarks import BENCHMARKS, load
    rows = load(BENCHMARKS["mmvp"])
    item = BENCHMARKS["mmvp"].items_of(rows[0])[0]

None may be trained on. What a file leaves out of an official rule stands in its first lines.
"""

from counterfactory.eval.benchmarks.amber import AMBER, AMBER_G
from counterfactory.eval.benchmarks.base import Benchmark
from counterfactory.eval.benchmarks.blink import BLINK
from counterfactory.eval.benchmarks.chair import CHAIR
from counterfactory.eval.benchmarks.clevr_math import CLEVR_MATH
from counterfactory.eval.benchmarks.cvbench import CVBENCH
from counterfactory.eval.benchmarks.geoqa import GEOQA
from counterfactory.eval.benchmarks.hallusion import HALLUSION
from counterfactory.eval.benchmarks.load import FOLDER, Rows, load
from counterfactory.eval.benchmarks.mathvista import MATHVISTA
from counterfactory.eval.benchmarks.mm_safetybench import MM_SAFETYBENCH, MM_SAFETYBENCH_RULE
from counterfactory.eval.benchmarks.mmhal import MMHAL
from counterfactory.eval.benchmarks.mmvp import MMVP
from counterfactory.eval.benchmarks.mossbench import MOSSBENCH
from counterfactory.eval.benchmarks.naturalbench import NATURALBENCH
from counterfactory.eval.benchmarks.pope import POPE
from counterfactory.eval.benchmarks.spa_vl import SPA_VL_HARM, SPA_VL_HARM_RULE, SPA_VL_HELP
from counterfactory.eval.benchmarks.vlguard import VLGUARD
from counterfactory.eval.benchmarks.vsr import VSR
from counterfactory.eval.benchmarks.whatsup import WHATSUP
from counterfactory.eval.benchmarks.winoground import WINOGROUND

_ALL = (
    POPE, HALLUSION, MMVP, NATURALBENCH, MATHVISTA, GEOQA, BLINK, CVBENCH, CHAIR,
    AMBER, AMBER_G, CLEVR_MATH, VSR, WHATSUP, VLGUARD, WINOGROUND,
    MM_SAFETYBENCH, MM_SAFETYBENCH_RULE, SPA_VL_HARM, SPA_VL_HARM_RULE, SPA_VL_HELP, MMHAL,
    MOSSBENCH,
)  # fmt: skip

BENCHMARKS: dict[str, Benchmark] = {benchmark.name: benchmark for benchmark in _ALL}
"""Name -> benchmark, in the order in which they are run."""

__all__ = ["BENCHMARKS", "FOLDER", "Benchmark", "Rows", "load"]
