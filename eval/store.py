"""Replies kept by content: a model is never asked the same thing twice, killed or not.

    model = Remembering(load_local("pocket"), store_for(identity))
    model.replies(asks)
    model.asked        ->  6: so many went to the model; the others were known

The key is a digest of the weights' bytes, processor and template, prompt, images and generation
arguments, so new weights under an old name are asked everything. Each batch is on disk before the
next one begins. Failures are not kept.
"""

import json
import logging
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from counterfactory.cache import Cache, cache_folder
from counterfactory.errors import UserError
from counterfactory.eval.asking import Answerer, Ask, Reply, in_order, streamed
from counterfactory.fingerprint import digest

MOST_NAMES = 500  # keys in one SELECT

log = logging.getLogger(__name__)


class Store(Cache):
    """A file of key -> reply. Processes may share it."""

    def many(self, keys: Sequence[str]) -> dict[str, Reply]:
        """Return the replies that are known; a row that cannot be read is not."""
        found: dict[str, Reply] = {}
        for first in range(0, len(keys), MOST_NAMES):
            some = keys[first : first + MOST_NAMES]
            marks = ",".join("?" * len(some))
            with self._lock:
                try:
                    rows = self._db.execute(
                        f"SELECT key, value FROM said WHERE key IN ({marks})", some
                    ).fetchall()
                except sqlite3.OperationalError as error:
                    raise UserError(f"{self.path}: cannot be read ({error})") from None
                except sqlite3.DatabaseError as error:
                    self._db = self._anew(error)
                    rows = []
            for key, text in rows:
                if (reply := _reply(text)) is not None:
                    found[key] = reply
        return found

    def put_many(self, replies: Mapping[str, Reply]) -> None:
        """Keep replies; they outlive this process when this returns."""
        rows = [(key, json.dumps(asdict(reply))) for key, reply in replies.items()]
        with self._lock:
            try:
                self._write(rows)
            except sqlite3.OperationalError as error:
                raise UserError(f"{self.path}: cannot be written ({error})") from None
            except sqlite3.DatabaseError as error:
                self._db = self._anew(error)
                self._write(rows)

    def _write(self, rows: list[tuple[str, str]]) -> None:
        with self._db:
            self._db.executemany("INSERT OR REPLACE INTO said VALUES (?, ?)", rows)

    def _opened(self) -> sqlite3.Connection:
        db = super()._opened()
        db.execute("PRAGMA synchronous = NORMAL")  # with WAL: safe against kill -9, and fast
        return db

    def _anew(self, error: sqlite3.DatabaseError) -> sqlite3.Connection:
        """Begin a new file with what can still be read of the damaged one."""
        db = super()._anew(error)
        damaged = self.path.with_name(self.path.name + ".damaged")
        kept = _salvaged(damaged)
        with db:
            db.executemany("INSERT OR REPLACE INTO said VALUES (?, ?)", kept)
        log.warning(
            "%s was damaged (%s): %d replies saved, the rest is asked again",
            self.path,
            error,
            len(kept),
        )
        return db


class Remembering:
    """An answerer that is asked only what is not in the store."""

    def __init__(self, inner: Answerer, store: Store | None, *, fresh: bool = False) -> None:
        """`fresh` asks everything anew, and keeps that; without a store nothing is kept."""
        self.inner, self.store, self.fresh = inner, store, fresh
        self.name, self.weights_hash = inner.name, inner.weights_hash
        self._identity = inner.identity()
        self.asked = 0  # sent to the model
        self.known = 0  # found in the store

    def identity(self) -> dict[str, Any]:
        """Return what decides the replies."""
        return self._identity

    def replies(self, asks: Sequence[Ask]) -> list[Reply]:
        """Answer all asks, in order; equal ones are asked once."""
        return in_order(self.stream(asks), len(asks))

    def stream(self, asks: Sequence[Ask]) -> Iterator[dict[int, Reply]]:
        """Yield {place: reply}: what is known first, then what comes, each on disk by then."""
        places: dict[str, list[int]] = {}
        for at, ask in enumerate(asks):
            places.setdefault(ask.key(self._identity), []).append(at)
        known = {} if self.fresh or self.store is None else self.store.many(list(places))
        self.known += len(known)
        yield {at: reply for key, reply in known.items() for at in places[key]}
        wanted = [key for key in places if key not in known]
        for part in streamed(self.inner, [asks[places[key][0]] for key in wanted]):
            self.asked += len(part)
            named = {wanted[number]: reply for number, reply in part.items()}
            if self.store is not None:
                self.store.put_many({key: reply for key, reply in named.items() if not reply.error})
            yield {at: reply for key, reply in named.items() for at in places[key]}


def store_for(identity: Mapping[str, Any]) -> Store:
    """Return the store of one model, in the cache folder."""
    return Store(cache_folder() / "replies" / f"{digest(identity)[:20]}.sqlite")


def _reply(text: Any) -> Reply | None:
    """Return a kept reply; nothing for one that is half written or of an older form."""
    try:
        found = json.loads(text)
        found["logps"], found["greedy"] = tuple(found["logps"]), tuple(found["greedy"])
        return Reply(**found)
    except (ValueError, TypeError, KeyError):
        return None


def _salvaged(path: Path) -> list[tuple[str, str]]:
    """Return the rows of a damaged file up to the damage."""
    rows: list[tuple[str, str]] = []
    try:
        db = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
        for key, value in db.execute("SELECT key, value FROM said"):
            if _reply(value) is not None:
                rows.append((key, value))
        db.close()
    except sqlite3.DatabaseError:
        pass
    return rows
