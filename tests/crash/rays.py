"""A Ray on this machine for tests. It gives its own processes 30 seconds, so a busy machine may need
a second try.

started(lambda: ray.init(address="local", num_cpus=2), ray.shutdown)
"""

from collections.abc import Callable
from typing import Any, TypeVar

T = TypeVar("T")
TRIES = 4


def started(start: Callable[[], T], stop: Callable[[], Any]) -> T:
    """Return what `start` gives, tried again while Ray takes too long."""
    for left in reversed(range(TRIES)):
        try:
            return start()
        except Exception as error:
            stop()
            if "timed out" not in str(error) or not left:
                raise
    raise AssertionError("the last try returns or raises")
