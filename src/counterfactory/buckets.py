"""Folders in object storage, by URL: on S3, on a server that speaks S3, on what else fsspec knows.

    bucket = Bucket("s3://acme/releases/region-diff")
    bucket.files()                   -> {"manifest.json": Stat(size=5120, tag="9a0364..."), ...}
    bucket.put(Path("out/README.md"), "README.md")
    mirror("s3://acme/releases/region-diff")   -> Path: a copy on this machine, fetched once

Credentials and endpoint are those of the client's own variables and files: AWS_ACCESS_KEY_ID,
AWS_SECRET_ACCESS_KEY, AWS_ENDPOINT_URL (MinIO, Ceph, R2 ...), ~/.aws/config. An object is written
whole or not at all; nothing is renamed.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Any

from counterfactory.errors import UserError

PROTOCOLS = {
    "s3": "s3fs", "s3a": "s3fs", "gs": "gcsfs", "gcs": "gcsfs", "az": "adlfs", "abfs": "adlfs", "abfss": "adlfs"
}  # fmt: skip
"""What a URL may begin with, and the package that reads it."""

_URL = re.compile(r"^([a-z][a-z0-9+.-]*)://")


def is_url(place: str | Path) -> bool:
    """Say whether a place is a URL of object storage rather than a folder or a Hub id.

    >>> is_url("s3://acme/region-diff"), is_url("acme/region-diff@v1"), is_url("./s3")
    (True, False, False)
    """
    return isinstance(place, str) and _URL.match(place) is not None


def read_at(place: str | Path, path: str) -> bytes:
    """Return a file's bytes, of a folder or of a URL. Raises `UserError` where there is none."""
    if isinstance(place, str) and is_url(place):
        data = Bucket(place).read(path)
    else:
        data = Path(place, path).read_bytes() if Path(place, path).is_file() else None
    if data is None:
        raise UserError(f"{place}: found no {path}")
    return data


@dataclass(frozen=True, slots=True)
class Stat:
    """What a listing says of one object."""

    size: int  # bytes
    tag: str  # changes with its content


class Bucket:
    """One folder of a bucket. Every error is a `UserError` of one line that names the URL."""

    def __init__(self, url: str) -> None:
        self.url = _checked(url)

    @property
    def name(self) -> str:
        """Return the folder's own name."""
        return self.url.rpartition("/")[2]

    def beside(self, ending: str) -> "Bucket":
        """Return the folder whose name is this one's with an ending: `region-diff.build`."""
        return Bucket(self.url + ending)

    def files(self) -> dict[str, Stat]:
        """Return every object below the folder, by path; none where there is no such folder."""
        with self._errors():
            try:
                found = self._fs.find(self._root, detail=True)
            except FileNotFoundError:
                if not self._fs.exists(self._root.partition("/")[0]):
                    raise
                return {}
        below = {path[len(self._root) + 1 :]: about for path, about in found.items()}
        return {
            path: Stat(int(about["size"]), str(about.get("ETag") or about.get("mtime") or ""))
            for path, about in sorted(below.items())
            if path and about.get("type") == "file" and not path.endswith("/")
        }

    def read(self, path: str) -> bytes | None:
        """Return an object's bytes; None where there is none."""
        with self._errors():
            try:
                return bytes(self._fs.cat_file(self._path(path)))
            except FileNotFoundError:
                return None

    def write(self, path: str, data: bytes) -> None:
        """Write an object."""
        with self._errors():
            self._fs.pipe_file(self._path(path), data)

    def put(self, file: Path, path: str) -> None:
        """Write an object from a file, in parts when it is large."""
        with self._errors():
            self._fs.put_file(str(file), self._path(path))

    def get(self, path: str, file: Path) -> None:
        """Write an object to a file, block by block."""
        with self._errors():
            self._fs.get_file(self._path(path), str(file))

    def remove(self, path: str) -> None:
        """Remove an object; one that is not there is no error."""
        with self._errors():
            try:
                self._fs.rm_file(self._path(path))
            except FileNotFoundError:
                return

    @cached_property
    def _fs(self) -> Any:
        import fsspec

        try:
            return fsspec.filesystem(self.url.partition(":")[0], use_listings_cache=False)
        except ImportError:
            package = PROTOCOLS[self.url.partition(":")[0]]
            extra = "'counterfactory[s3]'" if package == "s3fs" else package
            raise UserError(
                f"{self.url}: the package {package} is not installed; install it with: pip install {extra}"
            ) from None

    @property
    def _root(self) -> str:
        return self.url.partition("://")[2]

    def _path(self, path: str) -> str:
        return f"{self._root}/{path}"

    @contextmanager
    def _errors(self) -> Iterator[None]:
        """Say in one line what the storage refuses; a full disk on this side stays what it is."""
        try:
            yield
        except UserError:
            raise
        except FileNotFoundError:
            raise UserError(f"{self.url}: found no such bucket or object") from None
        except PermissionError as error:
            raise UserError(f"{self.url}: the storage refuses access: {_line(error)}") from None
        except OSError as error:
            if error.errno and error.filename:
                raise
            raise UserError(f"{self.url}: the storage fails: {_line(error)}") from None
        except Exception as error:
            if not type(error).__module__.startswith(
                ("botocore", "aiobotocore", "aiohttp", "gcsfs")
            ):
                raise
            raise UserError(f"{self.url}: cannot be reached: {_line(error)}") from None


def _checked(url: str) -> str:
    """Return a URL without its last slash. Raises `UserError` for one that names no folder."""
    match = _URL.match(url)
    protocol = match[1] if match else ""
    if protocol not in PROTOCOLS:
        raise UserError(f"{url}: found {protocol}://, expected one of {', '.join(PROTOCOLS)}")
    rest = url[len(protocol) + 3 :].rstrip("/")
    parts = rest.split("/")
    if len(parts) < 2 or not all(parts) or {".", ".."} & {*parts} or "@" in parts[0]:
        raise UserError(
            f"{protocol}://...: found no folder of a bucket, expected {protocol}://BUCKET/PATH"
        )
    if bad := re.search(r"[\s?*\[\]#\\]", rest):
        raise UserError(f"{url}: found {bad[0]!r}, expected letters, digits and -_./")
    return f"{protocol}://{rest}"


def safe(path: str) -> bool:
    r"""Say whether an object's path may become a file below a folder.

    >>> safe("data/sft/train.parquet"), safe("../x"), safe("/etc/x"), safe("a\\b")
    (True, False, False, False)
    """
    pure = PurePosixPath(path)
    return not (pure.is_absolute() or ".." in pure.parts or "\\" in path or "\0" in path)


def _line(error: BaseException) -> str:
    """Return the first line of an error, without what a client may quote of its keys."""
    text = (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
    return re.sub(r"(?i)(key|token|secret|signature|credential)(\s*[=:]\s*)\S+", r"\1\2...", text)
