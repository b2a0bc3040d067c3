"""Names that come from outside: repositories, files in them, refs. Each is checked before it is used.

    repo_part("edits")            ->  "edits"
    file_path("data/a.parquet")   ->  "data/a.parquet"
    file_path("../a")             ->  Refusal 400
    ref_file("round/1")           ->  "round%2F1.ref"      one flat file name for any ref

Paths inside a repository are keys and never become paths on the server's disk; they are still held
to what is safe to write, because a client that downloads writes them.
"""

import re
from urllib.parse import quote, unquote

from counterfactory.factory.release.hub.refusal import Refusal

KINDS = ("models", "datasets", "spaces")
RESERVED = {*KINDS, "api"}
"""First parts of addresses; nobody may be called so."""

_PART = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,94}[A-Za-z0-9_])?")
_HEX = re.compile(r"[0-9a-f]+")
_NEVER_IN_A_PATH = re.compile(r"[\x00-\x1f\x7f\\]")
_NEVER_IN_A_REF = re.compile(r"[\x00-\x20\x7f~^:?*\[\\]|\.\.|//|@\{|^[/.-]|[/.]$|\.lock$|/\.")
PATH_BYTES, PART_BYTES, REF_BYTES = 1000, 255, 80


def repo_part(text: str) -> str:
    """Return a namespace or a repository's name, as the Hub allows them."""
    if not _PART.fullmatch(text) or "--" in text or ".." in text or text.endswith(".git"):
        raise Refusal(
            400,
            f"Invalid name {text[:100]!r}: expected 1 to 96 letters, digits, '-', '_' or '.', "
            "with no '--', '..' or '.git' at the end",
        )
    return text


def repo_name(text: str) -> str:
    """Return the full name of a repository, "lab/edits"."""
    space, slash, name = text.partition("/")
    if not slash or space in RESERVED:
        raise Refusal(400, f"Invalid repository name {text[:100]!r}: expected NAMESPACE/NAME")
    return f"{repo_part(space)}/{repo_part(name)}"


def file_path(text: object) -> str:
    """Return the path of a file in a repository."""
    if not isinstance(text, str) or not text or len(text.encode(errors="replace")) > PATH_BYTES:
        raise Refusal(400, f"Invalid path: expected text of 1 to {PATH_BYTES} bytes")
    parts = text.split("/")
    wrong = {"", ".", ".."}.intersection(parts) or any(part.lower() == ".git" for part in parts)
    long = any(len(part.encode(errors="replace")) > PART_BYTES for part in parts)
    if wrong or long or _NEVER_IN_A_PATH.search(text) or not _encodable(text):
        raise Refusal(
            400,
            f"Invalid path {text[:200]!r}: expected names joined by '/', without '..', '.git' or "
            "control characters, that stay inside the repository",
        )
    return text


def ref_name(text: object, what: str) -> str:
    """Return the name of a branch or a tag, by the rules of git."""
    if (
        not isinstance(text, str)
        or not text
        or _NEVER_IN_A_REF.search(text)
        or len(quote(text, safe="")) > REF_BYTES * 3
        or text.startswith("refs/")
        or text == "HEAD"
    ):
        raise Refusal(400, f"Invalid {what} name: {str(text)[:100]!r}")
    return text


def ref_file(name: str) -> str:
    """Return the file name that a ref is kept under."""
    return f"{quote(name, safe='')}.ref"


def ref_of_file(name: str) -> str:
    """Return the ref that is kept under a file name."""
    return unquote(name.removesuffix(".ref"))


def is_hex(text: object, length: int) -> bool:
    """Say whether a text is a digest of so many hexadecimal digits."""
    return isinstance(text, str) and len(text) == length and bool(_HEX.fullmatch(text))


def _encodable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:  # half of a surrogate pair
        return False
    return True
