"""Suites by name: `suite_named("pocket-quick").task("count/balanced").items("gate")`.

    pocket        every axis on the pocket world, about 10,000 items a split, drawn as they are asked
    pocket-quick  the first items of each of its tasks, about 600: a minute on two cores
    standard      published benchmarks, from the Hub or a local folder
    folder:PATH   pictures of which nothing is known, to be described and reflected on

Each entry makes its suite when it is called, so that naming suites loads nothing.
"""

from collections.abc import Callable

from counterfactory.errors import UserError, did_you_mean
from counterfactory.eval.items import Suite


def _pocket() -> Suite:
    from counterfactory.eval.suites.pocket import pocket

    return pocket()


def _pocket_quick() -> Suite:
    from counterfactory.eval.suites.pocket import pocket_quick

    return pocket_quick()


def _standard() -> Suite:
    from counterfactory.eval.suites.standard import STANDARD

    return STANDARD


SUITES: dict[str, Callable[[], Suite]] = {
    "pocket": _pocket,
    "pocket-quick": _pocket_quick,
    "standard": _standard,
}


def suite_named(name: str) -> Suite:
    """Return a suite. Raises `UserError` with the nearest name."""
    if name.startswith("folder:"):
        from counterfactory.eval.suites.folder import folder

        return folder(name.removeprefix("folder:"))
    if name not in SUITES:
        hint = did_you_mean(name, SUITES)
        raise UserError(f"no suite {name!r}{hint}; there are: {', '.join(SUITES)}, folder:PATH")
    return SUITES[name]()
