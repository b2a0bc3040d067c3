"""The photographs inside scikit-image, as a source that needs neither network nor disk of the user's.

    source: {kind: folder, path: skimage, n: 240}

Taken are the colour photographs whose licence scikit-image's documentation states; the stereo pair of a motorcycle
is left out for want of one. They are read from the installed package, never downloaded. The captions are ours.
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
        "A smiling astronaut in an orange suit with a white helmet, a flag and a model of a space shuttle.",
        "public-domain",
        "NASA Great Images database: Eileen Collins; no known copyright restrictions",
    ),
    Photograph(
        "chelsea.png",
        "A close view of the face of a ginger cat.",
        "cc0-1.0",
        "Stefan van der Walt: Chelsea the cat",
    ),
    Photograph(
        "coffee.png",
        "A cup of coffee on a saucer with a spoon on a wooden table.",
        "cc0-1.0",
        "Rachel Michetti, courtesy of Pikolo Espresso Bar",
    ),
    Photograph(
        "hubble_deep_field.jpg",
        "Many small bright galaxies and stars against a black sky.",
        "public-domain",
        "NASA, HubbleSite: Hubble eXtreme Deep Field",
    ),
    Photograph(
        "retina.jpg",
        "A photograph of the back of an eye, an orange disc with dark red vessels and a bright spot.",
        "cc0-1.0",
        "Mikael Häggström, Wikimedia Commons: fundus photograph of a normal left eye",
    ),
    Photograph(
        "rocket.jpg",
        "A rocket lifts off between towers on a launch pad, with a bright flame below it.",
        "public-domain",
        "SpaceX: launch of DSCOVR on Falcon 9",
    ),
)


def open_shipped(n: int, limits: Limits) -> Pictures:
    """Return the shipped photographs. Raises `UserError` when this scikit-image does not hold them."""
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
