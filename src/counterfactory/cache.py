"""What was costly to get, kept by content: a table of key -> JSON in one SQLite file.

    cache = Cache(cache_folder() / "judges.sqlite")
    cache.put(key, {"text": "Verdict: safe", "tokens_in": 80, "tokens_out": 6})
    cache.get(key)["text"]          ->  "Verdict: safe"

The key is a digest of everything that decides the value, so nothing is ever out of date. A file
that cannot be read is put aside and a new one begun: a cache may be lost, a run may not.
"""

import json
import os
import sqlite3
import threading
from pathlib import Path
from typing import Any

from counterfactory.errors import UserError


def cache_folder() -> Path:
    """Return where caches go: COUNTERFACTORY_CACHE, or the user's cache folder."""
    if given := os.environ.get("COUNTERFACTORY_CACHE"):
        return Path(given).expanduser()
    base = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(base).expanduser() / "counterfactory"


class Cache:
    """A small table of key -> JSON. Threads and processes may share it; each put is on disk."""

    def __init__(self, path: Path) -> None:
        self.path, self._lock = path, threading.Lock()
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UserError(
                f"{path.parent}: {error.strerror}; expected a folder that can be written "
                "(COUNTERFACTORY_CACHE)"
            ) from None
        try:
            self._db = self._opened()
        except sqlite3.DatabaseError as error:
            self._db = self._anew(error)

    def get(self, key: str) -> dict[str, Any] | None:
        """Return what was put under a key."""
        with self._lock:
            try:
                row = self._db.execute("SELECT value FROM said WHERE key = ?", (key,)).fetchone()
                value = json.loads(row[0]) if row else None
            except (sqlite3.DatabaseError, ValueError):
                return None  # a damaged page: ask again
        return value if isinstance(value, dict) else None

    def put(self, key: str, value: dict[str, Any]) -> None:
        """Keep a value; it is on disk when this returns."""
        row = (key, json.dumps(value))
        with self._lock:
            try:
                self._put(row)
            except sqlite3.OperationalError as error:  # disk full, locked for long, read-only
                raise UserError(f"{self.path}: cannot be written ({error})") from None
            except sqlite3.DatabaseError as error:
                self._db = self._anew(error)
                self._put(row)

    def close(self) -> None:
        """Let go of the file."""
        with self._lock:
            self._db.close()

    def _put(self, row: tuple[str, str]) -> None:
        with self._db:
            self._db.execute("INSERT OR REPLACE INTO said VALUES (?, ?)", row)

    def _opened(self) -> sqlite3.Connection:
        db = sqlite3.connect(self.path, timeout=60, check_same_thread=False)
        try:
            db.execute("PRAGMA journal_mode = WAL")
            with db:
                db.execute("CREATE TABLE IF NOT EXISTS said (key TEXT PRIMARY KEY, value TEXT)")
            db.execute("SELECT key, value FROM said LIMIT 1").fetchone()
        except sqlite3.DatabaseError:
            db.close()
            raise
        return db

    def _anew(self, error: sqlite3.DatabaseError) -> sqlite3.Connection:
        """Put the damaged file aside and begin a new one."""
        if isinstance(error, sqlite3.OperationalError):
            raise UserError(f"{self.path}: cannot be opened ({error})") from None
        for end in ("", "-wal", "-shm"):
            part = self.path.with_name(self.path.name + end)
            if part.exists():
                part.replace(part.with_name(part.name + ".damaged"))
        return self._opened()
