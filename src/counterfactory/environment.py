"""An environment variable for a while: this process, and those it starts meanwhile, see it.

with variable("COUNTERFACTORY_CACHE", "/tmp/empty"):
    ...                         # afterwards it is what it was before, or not there
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def variable(name: str, value: str) -> Iterator[None]:
    """Set a variable within a `with`."""
    before = os.environ.get(name)
    os.environ[name] = value
    try:
        yield
    finally:
        if before is None:
            del os.environ[name]
        else:
            os.environ[name] = before
