"""Every source by its name in a recipe. To add one: write `sources/<kind>.py` and name it here."""

from counterfactory.factory.ops.base import Op
from counterfactory.factory.sources.base import OpenSource, Source
from counterfactory.factory.sources.folder import Folder
from counterfactory.factory.sources.hub import Hub
from counterfactory.factory.sources.world import World

SOURCES: dict[str, type[Source]] = {"folder": Folder, "hub": Hub, "world": World}

ORACLE_OPS: dict[str, type[Op]] = {
    name: op for source in SOURCES.values() for name, op in source.oracle_ops().items()
}
"""Ops that see the truth behind a source's samples: each wants `oracle: true`, and stands apart from OPS."""

__all__ = ["ORACLE_OPS", "SOURCES", "OpenSource", "Source"]
