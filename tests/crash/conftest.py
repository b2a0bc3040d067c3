"""The engine's tests share `engine_toys`, which worker processes import by name as well."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parent))
