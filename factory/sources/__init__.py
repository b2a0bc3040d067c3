"""Every source by its name in a recipe. To add one: write `sources/<kind>.py` and name it here."""

from counterfactory.factory.sources.base import OpenSource, Source
from counterfactory.factory.sources.folder import Folder
from counterfactory.factory.sources.hub import Hub
from counterfactory.factory.sources.world import World

SOURCES: dict[str, type[Source]] = {"folder": Folder, "hub": Hub, "world": World}

__all__ = ["SOURCES", "OpenSource", "Source"]
