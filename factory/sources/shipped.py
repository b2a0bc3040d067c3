"""The photographs inside scikit-image, as a source that needs neither network nor disk of the
user's.

    source: {kind: folder, path: skimage, n: 240}

Taken are those photographs of everyday things whose licence scikit-image's documentation states:
the stereo pair of a motorcycle is left out for want of one, textures and pictures of stars, eyes
and tissue for want of things. They are read from the installed package, never downloaded. The
captions are ours.
"""

from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from counterfactory.errors import UserError
from counterfactory.factory.sources.pictures import Limits, Picture, Pictures
from counterfactory.fingerprint import digest


@dataclass(frozen=True, slots=True)
class Photograph:
    """One shipped photograph, with the facts that scikit-image's documentation gives."""

    name: str
    caption: str
    license: str
    credit: str


PHOTOGRAPHS = (
    Photograph(
        "astronaut.png",
        "A smiling astronaut in an orange suit with a helmet, beside a flag and a space shuttle.",
        "public-domain",
        "NASA Great Images database: Eileen Collins; no known copyright restrictions",
    ),
    Photograph(
        "chelsea.png",
        "A close view of the face of a brown tabby cat.",
        "cc0-1.0",
        "Stefan van der Walt: Chelsea the cat",
    ),
    Photograph(
        "coffee.png",
        "A cup of coffee on a saucer with a spoon, on a wooden table.",
        "cc0-1.0",
        "Rachel Michetti, courtesy of Pikolo Espresso Bar",
    ),
    Photograph(
        "coins.png",
        "Rows of old coins on a grey ground, in black and white.",
        "public-domain",
        "Brooklyn Museum Collection: Greek coins from Pompeii; no known copyright restrictions",
    ),
    Photograph(
        "rocket.jpg",
        "A white rocket stands on a launch pad between towers at dusk, with bright lamps below.",
        "public-domain",
        "SpaceX: launch of DSCOVR on Falcon 9",
    ),
)


def open_shipped(n: int, limits: Limits) -> Pictures:
    """Return the shipped photographs.

    Raises `UserError` when this scikit-image does not hold them.
    """
    root = _data_folder()
    missing = [photo.name for photo in PHOTOGRAPHS if not (root / photo.name).is_file()]
    if missing:
        raise UserError(
            f"source.path: this scikit-image does not ship {', '.join(missing)}; name a folder of images instead"
        )
    facts = {
        "kind": "folder",
        "title": "photographs that ship with scikit-image",
        "listing": digest([photo.name for photo in PHOTOGRAPHS]),
        "files": [
            {"name": photo.name, "license": photo.license, "credit": photo.credit}
            for photo in PHOTOGRAPHS
        ],
    }
    pictures = [Picture(photo.name, photo.caption, photo.license) for photo in PHOTOGRAPHS]
    licences = ", ".join(sorted({photo.license for photo in PHOTOGRAPHS}))
    return Pictures(
        root, pictures, n=n, prefix="skimage", license=licences, limits=limits, facts=facts
    )


def _data_folder() -> Path:
    spec = find_spec("skimage")
    if spec is None or not spec.submodule_search_locations:
        raise UserError("source.path: 'skimage' needs scikit-image (pip install scikit-image)")
    return Path(spec.submodule_search_locations[0], "data")
