"""One HTML page that needs nothing from outside: pictures stand in it as data, no script, no link.

    render({"title": "region-diff", "summary": "8 of 21 kept", "rows": [...], "rejects": [...]})

The template escapes every text (Jinja's autoescape), and the page forbids itself to load anything,
so a caption that holds markup is shown as the text it is.
"""

import base64
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from counterfactory import images
from counterfactory.cards.templates import page
from counterfactory.records import Pixels


def render(context: Mapping[str, Any]) -> str:
    """Return the page."""
    return page(Path(__file__).with_name("page.html.jinja"), **context)


def picture(pixels: Pixels, title: str, caption: str = "") -> dict[str, Any]:
    """Return what the template needs to show a picture."""
    data = base64.b64encode(images.png(pixels)).decode("ascii")
    height, width = pixels.shape[:2]
    return {
        "uri": f"data:image/png;base64,{data}",
        "title": title,
        "caption": caption,
        "width": width,
        "height": height,
    }
