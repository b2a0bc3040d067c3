"""How a check of another team's code says what it found: lines for people, the last one for the table.

    checked("sft: 2 steps of training", rows=36, images=48)
    told("llamafactory")        # {"package": "llamafactory", "version": "0.9.5", "checks": [...]}

Runs in the other team's environment: nothing here imports counterfactory.
"""

import json
import sys
from importlib.metadata import version
from typing import Any

_CHECKS: list[dict[str, Any]] = []


def checked(what: str, **numbers: Any) -> None:
    """Note a check that held."""
    _CHECKS.append({"what": what, **numbers})
    rest = ", ".join(f"{name} {value}" for name, value in numbers.items())
    _line(f"ok: {what}" + (f" ({rest})" if rest else ""))


def same(found: Any, wanted: Any, what: str) -> None:
    """Break off unless two things are equal."""
    if found != wanted:
        raise AssertionError(f"{what}: found {found}, expected {wanted}")


def told(package: str) -> None:
    """Write the line that the table is made from; no package means that none of its code was run."""
    found = version(package) if package else "not run: written-down schema"
    _line("\nTOLD " + json.dumps({"version": found, "checks": _CHECKS}))


def _line(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()
