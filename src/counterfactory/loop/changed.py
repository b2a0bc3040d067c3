"""What differs between the recipe that a loop's folder holds and the one that it is to go on with.

said(old, new)
->  "recipe changed since the last run: stages.prefer.steps 300 -> 100; finished stages that depend on it are done anew"
"""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

MOST = 4  # fields that are named


def said(was: object, now: object) -> str:
    """Return a line about two recipes' plain values; "" where they are the same."""
    found = list(changes(_named(was), _named(now)))
    if not found:
        return ""
    more = f" and {len(found) - MOST} more" if len(found) > MOST else ""
    return (
        f"recipe changed since the last run: {', '.join(found[:MOST])}{more}; "
        "finished stages that depend on it are done anew"
    )


def changes(was: object, now: object, path: str = "") -> Iterator[str]:
    """Yield the fields that differ: "stages.prefer.steps 300 -> 100", "stages.reinforce removed"."""
    if not (isinstance(was, dict) and isinstance(now, dict)):
        if was != now:
            yield f"{path} {json.dumps(was)} -> {json.dumps(now)}"
        return
    if was.keys() == now.keys() and list(was) != list(now):
        yield f"{path} in another order"
    for key in {**was, **now}:
        at = f"{path}.{key}" if path else str(key)
        if key in was and key in now:
            yield from changes(was[key], now[key], at)
        else:
            yield f"{at} {'removed' if key in was else 'added'}"


def _named(value: object) -> Any:
    """Return the value with its lists of builds and stages by name."""
    if isinstance(value, Mapping):
        return {str(key): _named(one) for key, one in value.items()}
    if isinstance(value, list) and value and all(_title(one) for one in value):
        return {_title(one): _named(one) for one in value}
    return value


def _title(one: object) -> str:
    if not isinstance(one, Mapping):
        return ""
    return str(one.get("name") or one.get("train") or Path(str(one.get("recipe", ""))).stem)
