"""The store of replies: nothing twice, nothing of other weights, nothing lost to damage."""

import multiprocessing
from pathlib import Path

import pytest
from tests.eval.toy_suite import Counting, image

from counterfactory.eval.asking import Ask, Reply
from counterfactory.eval.store import Remembering, Store, store_for


def asks(count: int) -> list[Ask]:
    return [
        Ask(content=[{"type": "image"}, {"type": "text", "text": f"{n}?"}], images=(image(0),))
        for n in range(count)
    ]


def test_what_was_answered_is_not_asked_again(tmp_path: Path) -> None:
    model = Remembering(Counting(), Store(tmp_path / "a.sqlite"))
    first = model.replies([*asks(5), *asks(5)])
    assert model.asked == 5 and len(first) == 10
    again = Remembering(inner := Counting(said="other"), Store(tmp_path / "a.sqlite"))
    assert again.replies(asks(7)) == [*first[:5], *inner.replies(asks(7))[5:]]
    assert (again.asked, again.known) == (2, 5)


@pytest.mark.parametrize(
    "change",
    [
        {"max_tokens": 9}, {"temperature": 0.5}, {"temperature": 0.5, "seed": 1},
        {"temperature": 0.5, "top_p": 0.9}, {"images": (image(1),)}, {"choices": ("yes", "no")},
        {"content": [{"type": "text", "text": "0?"}, {"type": "image"}]},
    ],
)  # fmt: skip
def test_a_key_holds_everything_that_decides_a_reply(change: dict[str, object]) -> None:
    base = {"content": asks(1)[0].content, "images": asks(1)[0].images}
    model = {"weights": "a"}
    changed = Ask(**{**base, **change})  # type: ignore[arg-type]
    assert changed.key(model) != Ask(**base).key(model)  # type: ignore[arg-type]
    assert Ask(**base).key({"weights": "b"}) != Ask(**base).key(model)  # type: ignore[arg-type]


def test_each_model_has_a_file_of_its_own() -> None:
    places = {store_for({"weights": w, "dtype": d}).path for w in "ab" for d in ("x", "y")}
    assert len(places) == 4


def test_failures_are_not_kept(tmp_path: Path) -> None:
    model = Remembering(Counting(fail_at=2), Store(tmp_path / "a.sqlite"))
    assert [bool(reply.error) for reply in model.replies(asks(3))] == [False, True, False]
    again = Remembering(Counting(), Store(tmp_path / "a.sqlite"))
    assert not any(reply.error for reply in again.replies(asks(3))) and again.asked == 1


def test_fresh_asks_everything_anew_and_keeps_that(tmp_path: Path) -> None:
    Remembering(Counting(), Store(tmp_path / "a.sqlite")).replies(asks(3))
    model = Remembering(Counting(said="no"), Store(tmp_path / "a.sqlite"), fresh=True)
    assert [r.text for r in model.replies(asks(3))] == ["no"] * 3 and model.asked == 3
    assert Store(tmp_path / "a.sqlite").many([asks(1)[0].key({"weights": "w0"})])


def test_likelihoods_come_back_as_they_went_in(tmp_path: Path) -> None:
    store = Store(tmp_path / "a.sqlite")
    kept = Reply(logps=(-0.25, -3.5), greedy=(True, False), tokens=2, seconds=0.5)
    store.put_many({"k": kept})
    assert store.many(["k", "x"]) == {"k": kept}


@pytest.mark.parametrize("damage", ["cut", "torn", "nonsense"])
def test_a_damaged_file_is_begun_anew_with_what_can_be_read(
    tmp_path: Path, damage: str, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "a.sqlite"
    store = Store(path)
    store.put_many({f"key{n:04}": Reply(text=str(n) * 50) for n in range(400)})
    store._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    store.close()
    whole = path.read_bytes()
    half = len(whole) // 2
    path.write_bytes(
        {"cut": whole[:half], "torn": whole[:half] + b"\xff" * half, "nonsense": b"not a database" * 99}[damage]
    )  # fmt: skip
    damaged = Store(path)
    found = damaged.many([f"key{n:04}" for n in range(400)])
    assert all(reply.text == str(int(key[3:])) * 50 for key, reply in found.items())
    damaged.put_many({"new": Reply(text="fine")})
    assert Store(path).many(["new"])["new"].text == "fine"
    assert damage != "nonsense" or "saved" in caplog.text


def test_a_half_written_row_is_asked_again(tmp_path: Path) -> None:
    store = Store(tmp_path / "a.sqlite")
    store.put("whole", {"text": "yes", "logps": [], "greedy": []})
    with store._db:
        store._db.execute("INSERT INTO said VALUES ('half', '{\"text\": \"ye')")
        store._db.execute("INSERT INTO said VALUES ('old', '{\"word\": 1}')")
    assert set(store.many(["whole", "half", "old"])) == {"whole"}


def _fill(path: Path, start: int) -> None:
    store = Store(path)
    for number in range(start, start + 60):
        store.put_many({str(number): Reply(text=str(number))})


def test_processes_share_one_file(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    path = tmp_path / "a.sqlite"
    some = [context.Process(target=_fill, args=(path, start)) for start in (0, 60)]
    for process in some:
        process.start()
    for process in some:
        process.join(60)
    found = Store(path).many([str(n) for n in range(120)])
    assert len(found) == 120
