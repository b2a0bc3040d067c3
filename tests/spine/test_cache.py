"""The cache of costly answers: it may be shared, torn and lost, and a run goes on."""

import multiprocessing
import sqlite3
from pathlib import Path

import pytest

from counterfactory.cache import Cache, cache_folder
from counterfactory.errors import UserError


def test_what_was_put_is_there_for_the_next_process(tmp_path: Path) -> None:
    path = tmp_path / "new" / "c.sqlite"
    first = Cache(path)
    assert first.get("k") is None
    first.put("k", {"text": "é", "tokens": 3})
    assert Cache(path).get("k") == {"text": "é", "tokens": 3}  # the first is still open
    first.put("k", {"text": "later"})
    first.close()
    assert Cache(path).get("k") == {"text": "later"}


@pytest.mark.parametrize("damage", ["cut", "text", "empty"])
def test_a_torn_file_is_put_aside_and_a_new_one_begun(tmp_path: Path, damage: str) -> None:
    path = tmp_path / "c.sqlite"
    whole = Cache(path)
    for index in range(300):
        whole.put(f"k{index}", {"text": "x" * 200})
    whole.close()
    data = path.read_bytes()
    path.write_bytes({"cut": data[: len(data) // 3], "text": b"hello " * 900, "empty": b""}[damage])
    cache = Cache(path)
    for index in range(300):
        cache.get(f"k{index}")  # lost or there, never an error
    cache.put("new", {"text": "y"})
    assert cache.get("new") == {"text": "y"} and Cache(path).get("new") == {"text": "y"}


def test_a_value_that_is_no_json_object_is_asked_again(tmp_path: Path) -> None:
    path = tmp_path / "c.sqlite"
    cache = Cache(path)
    with sqlite3.connect(path) as db:
        db.executemany("INSERT INTO said VALUES (?, ?)", [("a", "{"), ("b", "3")])
    assert cache.get("a") is None and cache.get("b") is None


def test_a_folder_that_cannot_be_made_is_the_users_to_change(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="COUNTERFACTORY_CACHE"):
        Cache(tmp_path / "file" / "c.sqlite")


def fill(path: Path, name: str) -> None:
    cache = Cache(path)
    for index in range(50):
        cache.put(f"{name}-{index}", {"n": index})


def test_two_processes_write_at_once_and_lose_nothing(tmp_path: Path) -> None:
    path = tmp_path / "c.sqlite"
    spawn = multiprocessing.get_context("spawn")
    workers = [spawn.Process(target=fill, args=(path, name)) for name in "ab"]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
    cache = Cache(path)
    assert all(cache.get(f"{name}-{index}") == {"n": index} for name in "ab" for index in range(50))


def test_caches_go_where_the_user_says(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("COUNTERFACTORY_CACHE", str(tmp_path))
    assert cache_folder() == tmp_path
    monkeypatch.delenv("COUNTERFACTORY_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", "/x")
    assert cache_folder() == Path("/x/counterfactory")
