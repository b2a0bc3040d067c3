"""The loop's tests share `loop_toys`."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parent))
