"""A folder of object storage as a folder of this machine, fetched once.

    mirrored("s3://acme/releases/region-diff")  -> Path("~/.cache/counterfactory/buckets/5e1c.../region-diff")
    folder_of("out/region-diff")                -> Path("out/region-diff"): a folder stays what it is

The copy is named by what the storage lists (paths, sizes, tags), so a changed folder gets a new
copy, and what is cut off goes on where it stopped. Several processes may ask at once.
"""

from pathlib import Path

from counterfactory.buckets import Bucket, Stat, is_url, safe
from counterfactory.cache import cache_folder
from counterfactory.errors import UserError
from counterfactory.fingerprint import digest


def folder_of(place: str | Path) -> Path:
    """Return the folder of a path, or the mirror of a URL."""
    return mirrored(place) if isinstance(place, str) and is_url(place) else Path(place).expanduser()


def with_ledger(place: str | Path) -> Path:
    """Return the same, for a URL with the build's ledger beside it where the storage has that."""
    folder = folder_of(place)
    if isinstance(place, str) and is_url(place):
        file = folder.with_name(f"{folder.name}.build") / "ledger.sqlite"
        work = Bucket(place).beside(".build")
        if not file.exists() and (stat := work.files().get(file.name)) is not None:
            _fetch_one(work, file.name, stat, file)
    return folder


def mirrored(url: str) -> Path:
    """Return a local copy of a folder of object storage. Raises `UserError`."""
    bucket = Bucket(url)
    files = bucket.files()
    if not files:
        raise UserError(f"{bucket.url}: found no files, expected a folder with some")
    if wrong := [path for path in files if not safe(path)]:
        raise UserError(
            f"{bucket.url}: found an object {wrong[0]!r}, whose path leads out of the folder"
        )
    listed = digest([bucket.url, [[path, stat.size, stat.tag] for path, stat in files.items()]])
    place = cache_folder() / "buckets" / listed[:20]
    folder = place / bucket.name
    if not folder.is_dir():
        _fetch(bucket, files, folder)
    return folder


def _fetch(bucket: Bucket, files: dict[str, Stat], folder: Path) -> None:
    """Fetch what is missing beside, then name it."""
    import fcntl

    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with (folder.parent / "lock").open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if folder.is_dir():  # another process was here first
                return
            begun = folder.with_name(f"{folder.name}.part")
            for path, stat in files.items():
                _fetch_one(bucket, path, stat, begun / path)
            begun.rename(folder)
    except OSError as error:
        raise UserError(
            f"{folder.parent}: {error.strerror}; a copy of {bucket.url} goes here "
            "(COUNTERFACTORY_CACHE names the place)"
        ) from None


def _fetch_one(bucket: Bucket, path: str, stat: Stat, file: Path) -> None:
    if file.is_file() and file.stat().st_size == stat.size:
        return
    file.parent.mkdir(parents=True, exist_ok=True)
    temporary = file.with_name(f"{file.name}.tmp")
    bucket.get(path, temporary)
    if (found := temporary.stat().st_size) != stat.size:
        raise UserError(
            f"{bucket.url}: {path}: found {found} bytes, the listing says {stat.size}; try again"
        )
    temporary.replace(file)
