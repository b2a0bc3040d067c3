"""Finished batches in object storage, so that a build goes on when its machine is lost.

    shelf = Shelf(Bucket("s3://acme/region-diff.build"))
    shelf.meet(identity, ledger, segments)     # fetch what only the storage has, store what only we have
    shelf.keep(made)                           # batches/000012.batch, written in the background
    shelf.settle()                             # wait until all of it is there

A batch is one object: a line of JSON (fates, seconds), then its rows as Parquet. So it is there
whole or not at all, as in the ledger.
"""

import json
import re
from collections import deque
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor

from counterfactory.buckets import Bucket
from counterfactory.errors import UserError
from counterfactory.factory.run.ledger import Fate, Ledger
from counterfactory.factory.run.maker import Made
from counterfactory.factory.run.segments import Segments

AT_ONCE = 8  # batches on their way
IDENTITY = "identity.json"
_NAME = re.compile(r"^batches/(\d{6,})\.batch$")


class Shelf:
    """The batches of one build below one URL."""

    def __init__(self, bucket: Bucket) -> None:
        self.bucket = bucket
        self._pool = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="shelf")
        self._going: deque[Future[None]] = deque()

    def meet(self, identity: Mapping[str, str], ledger: Ledger, segments: Segments) -> None:
        """Bring ledger and storage to the same batches.

        Raises `UserError` when the storage holds another build.
        """
        self._claim(identity)
        there = {int(match[1]) for path in self.bucket.files() if (match := _NAME.match(path))}
        here = ledger.finished()
        wanted = sorted(there - here.keys())
        for batch, made in zip(wanted, self._pool.map(self._fetched, wanted), strict=True):
            segments.write(batch, made.rows)
            ledger.add(batch, made.fates, made.seconds)
        for batch in sorted(here.keys() - there):
            self.keep(_from_ledger(batch, ledger, segments))
        self.settle()

    def keep(self, made: Made) -> None:
        """Store a batch, without waiting for it unless too many are on their way."""
        if len(self._going) >= AT_ONCE:
            self._going.popleft().result()
        self._going.append(self._pool.submit(self.bucket.write, _name(made.batch), packed(made)))

    def settle(self) -> None:
        """Wait for all that was kept. Raises what went wrong."""
        while self._going:
            self._going.popleft().result()

    def close(self) -> None:
        """Let what is on its way arrive, and end the threads."""
        self._pool.shutdown()

    def _claim(self, identity: Mapping[str, str]) -> None:
        found = self.bucket.read(IDENTITY)
        if found is None:
            self.bucket.write(IDENTITY, json.dumps(dict(identity)).encode())
            return
        try:
            known = json.loads(found)
        except ValueError:
            known = {}
        for name, value in identity.items():
            if known.get(name) != value:
                raise UserError(
                    f"{self.bucket.url}: begun with another {name} (found {str(known.get(name))[:12]}, now "
                    f"{value[:12]}); choose another --out, or delete this folder to begin anew"
                )

    def _fetched(self, batch: int) -> Made:
        data = self.bucket.read(_name(batch))
        made = unpacked(data or b"")
        if made is None or made.batch != batch:
            raise UserError(
                f"{self.bucket.url}: {_name(batch)}: found no batch of a build; delete it to make it again"
            )
        return made


def packed(made: Made) -> bytes:
    """Return a batch as one object's bytes."""
    head = {
        "batch": made.batch,
        "seconds": made.seconds,
        "bytes": len(made.rows),
        "fates": made.fates,
    }
    return json.dumps(head).encode() + b"\n" + made.rows


def unpacked(data: bytes) -> Made | None:
    """Return the batch of an object's bytes; None when they are none, or cut off."""
    head, line, rows = data.partition(b"\n")
    try:
        about = json.loads(head)
        fates = [Fate(*fate) for fate in about["fates"]]
        if not line or about["bytes"] != len(rows):
            return None
        return Made(batch=about["batch"], rows=rows, fates=fates, seconds=about["seconds"])
    except (ValueError, TypeError, KeyError):
        return None


def _from_ledger(batch: int, ledger: Ledger, segments: Segments) -> Made:
    """Return a finished batch as its worker gave it: before any check of scope "global"."""
    fates = ledger.fates(batch)
    first = [
        one if one.segment_row is None
        else Fate.kept(one.position, one.key, one.sample_id, one.segment_row)
        for one in fates
    ]  # fmt: skip
    path = segments.path(batch)
    rows = path.read_bytes() if path.exists() else b""
    return Made(batch=batch, rows=rows, fates=first, seconds=sum(one.seconds for one in fates))


def _name(batch: int) -> str:
    return f"batches/{batch:06d}.batch"
