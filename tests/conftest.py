"""Tests run offline, on one thread, with caches of their own, and give the same result twice."""

import atexit
import os
import shutil
import tempfile

from hypothesis import settings

# A folder of this run alone; children (spawned workers, commands) inherit every setting below.
CACHE = tempfile.mkdtemp(prefix="counterfactory-tests-")
atexit.register(shutil.rmtree, CACHE, ignore_errors=True)

os.environ |= {
    "COUNTERFACTORY_CACHE": f"{CACHE}/counterfactory",
    "HF_HOME": f"{CACHE}/huggingface",
    "HF_HUB_OFFLINE": "1",
    "HF_DATASETS_OFFLINE": "1",
    "TRANSFORMERS_OFFLINE": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "HF_HUB_DISABLE_XET": "1",
    "HF_HUB_DISABLE_PROGRESS_BARS": "1",
    "DO_NOT_TRACK": "1",
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "TOKENIZERS_PARALLELISM": "false",
}

settings.register_profile("counterfactory", derandomize=True, deadline=None, print_blob=True)
settings.load_profile("counterfactory")
