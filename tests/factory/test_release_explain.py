"""One row's story, by id or the beginning of one."""

import sqlite3
import sys
from pathlib import Path

import pytest

from counterfactory.errors import UserError
from counterfactory.factory.release.explain import explain

sys.path.append(str(Path(__file__).parent))
import release_kit as kit


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return kit.pairs_release(tmp_path_factory.mktemp("release") / "tiny")


def test_a_kept_row_tells_source_edit_steps_verdicts_and_views(release: Path) -> None:
    candidate = kit.candidate(2)
    story = explain(release, candidate.key)
    assert story.status == "kept" and story.data["source_id"] == "test:2"
    assert story.data["edit"]["kind"] == "remove" and story.data["seed"] == 2
    assert story.data["models"][0]["id"] == "pocket"
    assert story.data["views"]["dpo"] == [f"{candidate.key}-a", f"{candidate.key}-b"]
    text = str(story)
    for words in ("red box -> blue box", "locality.outside  0.004 (threshold 0.02)", "passed"):
        assert " ".join(words.split()) in " ".join(text.split())


def test_a_reject_tells_stage_reason_and_numbers(release: Path) -> None:
    reject = kit.rejects_of(1)[0]
    story = explain(release, reject.id)
    assert story.status == "rejected" and story.data["reject"]["reason"] == "outside_changed"
    assert "0.31 (threshold 0.02)" in str(story)


def test_the_note_of_a_failed_op_is_read_from_the_ledger_beside(tmp_path: Path) -> None:
    release = kit.pairs_release(tmp_path / "tiny", count=1)
    reject = kit.rejects_of(2)[1]
    assert "note" not in str(explain(release, reject.id))
    (tmp_path / "tiny.build").mkdir()
    with sqlite3.connect(tmp_path / "tiny.build" / "ledger.sqlite") as ledger:
        ledger.execute("CREATE TABLE candidates (key TEXT, note TEXT)")
        ledger.execute("INSERT INTO candidates VALUES (?, 'ValueError: bad')", (reject.id,))
    ledger.close()
    assert "ValueError: bad" in str(explain(release, reject.id))


def test_the_beginning_of_an_id_and_the_id_of_a_view_row_are_enough(release: Path) -> None:
    key = kit.candidate(3).key
    assert explain(release, key[:10]).id == explain(release, f"{key}-diff").id == key


def test_an_unknown_id_names_the_nearest(release: Path) -> None:
    key = kit.candidate(3).key
    wrong = key[:12] + "zzz"
    with pytest.raises(UserError, match=f"did you mean {key}"):
        explain(release, wrong)
    with pytest.raises(UserError, match="found no row or reject ''"):
        explain(release, "")


def test_a_beginning_that_fits_several_rows_names_them(tmp_path: Path) -> None:
    twins = [kit.candidate(n, key=f"abc{n}") for n in range(2)]
    release = kit.write(tmp_path / "r", kit.rows_of(twins))
    with pytest.raises(UserError, match="begins 2 ids, expected one: abc0, abc1"):
        explain(release, "abc")


def test_a_row_without_a_pair_tells_what_it_says(tmp_path: Path) -> None:
    release = kit.write(tmp_path / "r", kit.rows_of([kit.asking(1)]))
    story = explain(release, kit.asking(1).key[:6])
    assert "How many boxes are there?" in str(story) and "chosen A red box." in str(story)


def test_a_text_cannot_steer_the_terminal(tmp_path: Path) -> None:
    rows = kit.rows_of([kit.candidate(1, difference="\x1b[2Jgone\nhidden")])
    text = str(explain(kit.write(tmp_path / "r", rows), rows[0]["id"]))
    assert "\x1b" not in text and "?[2Jgone hidden" in text
