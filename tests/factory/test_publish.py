"""Publishing to a real Hub of our own: once, twice, changed, by two at once; read back by `datasets`."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from counterfactory.factory.release import manifest
from counterfactory.factory.release.hub import serve
from counterfactory.factory.release.validate import validate
from counterfactory.factory.release.write import write_release

sys.path += [str(Path(__file__).parent), str(Path(__file__).parents[1])]
import publishing
import release_kit as kit
from publishing import Fault, Publisher, Road

VIEWS = ("sft", "dpo")


class Place(NamedTuple):
    """A Hub, the road to it, and who publishes."""

    hub: str
    road: Road
    publisher: Publisher
    root: Path  # what the Hub keeps

    def publish(self, folder: Path, to: str, *more: str) -> dict[str, Any]:
        done = self.publisher.publish(folder, to, *more)
        assert done.code == 0, done.err
        return done.json

    def refused(self, folder: Path, to: str, *more: str) -> str:
        done = self.publisher.publish(folder, to, *more)
        assert done.code == 2 and len(done.errors) == 1, done.err
        return done.errors[0]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    hub = tmp_path_factory.mktemp("hub")
    with serve(hub) as url, Road(url) as road, Publisher(road.url) as publisher:
        yield Place(url, road, publisher, hub)


def release(folder: Path, count: int = 3, views: tuple[str, ...] = VIEWS, **facts: Any) -> Path:
    rows = kit.rows_of(kit.candidate(n) for n in range(count))
    return kit.write(folder, rows, views=views, **facts)


def bytes_of(folder: Path) -> dict[str, bytes]:
    return {path: (folder / path).read_bytes() for path in manifest.paths_of(folder)}


def test_a_release_becomes_one_commit_and_a_tag_and_loads(place: Place, tmp_path: Path) -> None:
    folder = release(tmp_path / "r", views=("pairs", *VIEWS))
    before = bytes_of(folder)
    place.road.clear()
    done = place.publish(folder, "lab/once")
    assert done["verified"] and done["new"] and done["private"] and done["rows"] == 3 + 9 + 6
    assert publishing.tags(place.hub, "lab/once") == {done["tag"]: done["commit"]}
    assert sum("/commit/main" in line for line in place.road.seen) == 1
    assert bytes_of(folder) == before, "the folder itself is never changed"
    loaded = place.publisher.call("load", "lab/once", "pairs", done["tag"], False, tmp_path / "c")
    assert loaded["shown"] == [[32, 32]] and len(loaded["ids"]) == 3


def test_the_same_content_again_does_nothing(place: Place, tmp_path: Path) -> None:
    first = place.publish(release(tmp_path / "a"), "lab/twice")
    rebuilt = release(tmp_path / "b", created="2027-01-01T00:00:00Z")
    place.road.clear()
    again = place.publish(rebuilt, "lab/twice")
    assert not again["new"] and again["commit"] == first["commit"] and again["tag"] == first["tag"]
    assert [line for line in place.road.seen if not line.startswith(("GET", "HEAD"))] == []


def test_what_is_downloaded_keeps_every_promise(place: Place, tmp_path: Path) -> None:
    done = place.publish(release(tmp_path / "r"), "lab/whole")
    place.publisher.call("snapshot", "lab/whole", "dataset", done["tag"], tmp_path / "copy")
    report = validate(tmp_path / "copy", "llamafactory")
    assert report.ok, report.problems
    held = manifest.read(tmp_path / "copy")
    assert held["version"] == done["tag"] and held["repo"] == "lab/whole"
    entry = json.loads((tmp_path / "copy" / "dataset_info.json").read_text())["tiny_sft"]
    assert entry["hf_hub_url"] == "lab/whole" and entry["subset"] == "sft"
    again = place.publish(tmp_path / "copy", "lab/whole")
    assert not again["new"], "a downloaded version is the version it was downloaded from"


def widened(folder: Path, view: str, change: Any) -> None:
    """Write a view's files with other columns, as another version of the factory would."""
    for path in (folder / "data" / view).glob("*.parquet"):
        table = change(pq.read_table(path))
        info = {"info": {"features": _features(table)}}
        meta = {"huggingface": json.dumps(info)}
        pq.write_table(table.replace_schema_metadata(meta), path)


def _features(table: pa.Table) -> Any:
    from datasets import Features

    return Features.from_arrow_schema(table.schema.remove_metadata()).to_dict()


def resealed(folder: Path, count: int, **facts: Any) -> Path:
    rows = kit.rows_of(kit.candidate(n) for n in range(count))
    write_release(folder, kit.facts_of(rows, [], **facts))
    return folder


def without_images(table: pa.Table) -> pa.Table:
    return table.drop_columns(["images"])


def test_columns_and_configs_come_and_go_and_every_version_loads(
    place: Place, tmp_path: Path
) -> None:
    repo, versions = "lab/evolving", []
    first = release(tmp_path / "1", views=("sft", "dpo", "grpo"))
    versions.append((place.publish(first, repo)["tag"], ["sft", "dpo", "grpo"]))
    added = release(tmp_path / "2", count=4, views=("sft", "dpo", "grpo"))
    widened(
        added,
        "grpo",
        lambda t: without_images(t).append_column("difficulty", pa.array([0.5] * len(t))),
    )
    versions.append((place.publish(resealed(added, 4), repo)["tag"], ["sft", "dpo", "grpo"]))
    renamed = release(tmp_path / "3", count=4, views=("sft", "grpo"))
    widened(renamed, "grpo", lambda t: without_images(t).rename_columns(
        ["truth" if n == "answer" else n for n in without_images(t).column_names]))  # fmt: skip
    versions.append((place.publish(resealed(renamed, 4), repo)["tag"], ["sft", "grpo"]))
    columns = []
    for number, (tag, configs) in enumerate(versions):
        for config in configs:
            cache = tmp_path / f"cache{number}{config}"
            for streaming in (False, True):
                found = place.publisher.call("load", repo, config, tag, streaming, cache)
            if config == "grpo":
                columns.append(found["columns"])
    assert "images" in columns[0] and "difficulty" not in columns[0]
    assert columns[1] == ["prompt", "answer", "verifier", "harmful", "id", "difficulty"]
    assert columns[2] == ["prompt", "truth", "verifier", "harmful", "id"]
    there = publishing.tree(place.hub, repo)
    assert not any(path.startswith("data/dpo/") for path in there), "what is gone is removed"
    text = place.publisher.call("card", repo, "dataset", versions[2][0])["text"]
    assert "`dpo` is gone" in text and "columns new: `truth`" in text
    log = place.publisher.call("snapshot", repo, "dataset", "main", tmp_path / "main")
    told = (Path(log) / "CHANGELOG.md").read_text()
    assert [told.index(f"## {tag}") for tag, _ in reversed(versions)] == sorted(
        told.index(f"## {tag}") for tag, _ in versions
    )


def test_changed_and_added_rows_are_counted_in_the_card(place: Place, tmp_path: Path) -> None:
    place.publish(release(tmp_path / "a"), "lab/rows")
    done = place.publish(release(tmp_path / "b", count=5), "lab/rows")
    card = place.publisher.call("card", "lab/rows", "dataset", done["tag"])
    assert "`sft`: 6 rows added, 0 removed, 0 changed, 9 the same" in card["text"]
    assert card["data"]["configs"][0]["config_name"] == "sft"
    for heading in ("Dataset description", "Structure", "How it was made", "Bias and limits", "Safety",
                    "Licence", "Citation", "Versions", f"Changes in {done['tag']}"):  # fmt: skip
        assert f"\n## {heading}\n" in card["text"], heading


def test_a_tag_never_moves(place: Place, tmp_path: Path) -> None:
    first = place.publish(release(tmp_path / "a"), "lab/tagged", "--tag", "v1.0")
    assert first["tag"] == "v1.0"
    other = release(tmp_path / "b", count=4)
    before = publishing.head(place.hub, "lab/tagged")
    error = place.refused(other, "lab/tagged", "--tag", "v1.0")
    assert "tags are never moved" in error and first["commit"][:12] in error
    assert publishing.head(place.hub, "lab/tagged") == before
    assert not place.publish(tmp_path / "a", "lab/tagged", "--tag", "v1.0")["new"]
    assert place.publish(other, "lab/tagged", "--tag", "v1.1")["new"]


def test_versions_of_one_day_are_counted_on(place: Place, tmp_path: Path) -> None:
    tags = [
        place.publish(release(tmp_path / str(n), count=n), "lab/days")["tag"] for n in (1, 2, 3)
    ]
    days = {tag.rpartition(".")[0] for tag in tags}
    if len(days) == 1:  # not at midnight
        assert [tag.rpartition(".")[2] for tag in tags] == ["1", "2", "3"]


@pytest.mark.parametrize(
    ("to", "tag", "field"),
    [("once", "", "--to"), ("a/b/c", "", "--to"), ("lab/..", "", "--to"), ("lab/x--y", "", "--to"),
     ("lab/x", "main", "--tag"), ("lab/x", "a b", "--tag"), ("lab/x", "0123abc", "--tag")],
)  # fmt: skip
def test_a_wrong_name_is_refused_before_anything_is_sent(
    place: Place, tmp_path: Path, to: str, tag: str, field: str
) -> None:
    place.road.clear()
    error = place.refused(tmp_path, to, *(["--tag", tag] if tag else []))
    assert error.startswith(f"{field}: found") and place.road.seen == []


def test_a_broken_release_is_refused_before_anything_is_sent(place: Place, tmp_path: Path) -> None:
    folder = release(tmp_path / "r")
    path = next((folder / "data" / "sft").glob("*.parquet"))
    path.write_bytes(path.read_bytes() + b"x")
    place.road.clear()
    assert "the manifest says" in place.refused(folder, "lab/broken")
    assert "no such folder" in place.refused(tmp_path / "none", "lab/broken")
    assert "found neither manifest.json" in place.refused(tmp_path, "lab/broken")
    assert place.road.seen == []


def test_a_repository_of_someone_else_is_left_alone(place: Place, tmp_path: Path) -> None:
    place.publish(release(tmp_path / "a"), "lab/mine")
    publishing.commit(place.hub, "lab/mine", {"notes.txt": "kept"})
    place.publish(release(tmp_path / "b", count=4), "lab/mine")
    assert "notes.txt" in publishing.tree(place.hub, "lab/mine"), "files of others stay"
    import urllib.request

    body = json.dumps({"name": "theirs", "organization": "lab", "type": "dataset"}).encode()
    asked = urllib.request.Request(
        f"{place.hub}/api/repos/create", body, {"Content-Type": "application/json"}
    )
    urllib.request.urlopen(asked).close()
    publishing.commit(place.hub, "lab/theirs", {"data.csv": "a,b"})
    error = place.refused(tmp_path / "a", "lab/theirs")
    assert "data.csv" in error and "no manifest.json" in error


def test_a_head_that_moved_elsewhere_is_followed(place: Place, tmp_path: Path) -> None:
    place.publish(release(tmp_path / "a"), "lab/moving")
    place.road.meanwhile(
        "POST", "/commit/main",
        lambda: publishing.commit(place.hub, "lab/moving", {"notes.txt": "meanwhile"}),
    )  # fmt: skip
    done = place.publish(release(tmp_path / "b", count=4), "lab/moving")
    assert "notes.txt" in publishing.tree(place.hub, "lab/moving", done["commit"])


def test_a_head_that_moved_under_our_own_files_is_not_overwritten(
    place: Place, tmp_path: Path
) -> None:
    first = place.publish(release(tmp_path / "a"), "lab/contested")
    place.road.meanwhile(
        "POST", "/commit/main",
        lambda: publishing.commit(place.hub, "lab/contested", {"README.md": "---\nlicense: mit\n---\n"}),
    )  # fmt: skip
    error = place.refused(release(tmp_path / "b", count=4), "lab/contested")
    assert "README.md was changed there by someone else" in error
    assert publishing.tags(place.hub, "lab/contested") == {first["tag"]: first["commit"]}
    assert place.publish(tmp_path / "b", "lab/contested")["new"], "the same command again"


def test_a_commit_without_a_tag_that_someone_changed_becomes_a_version_of_its_own(
    place: Place, tmp_path: Path
) -> None:
    folder = release(tmp_path / "r")
    place.road.clear()
    place.road.block("POST", "/tag/", Fault("status", 403))
    assert "answered 403" in place.refused(folder, "lab/cut")
    place.road.clear()
    publishing.commit(place.hub, "lab/cut", {"README.md": "---\nlicense: mit\n---\n"})
    done = place.publish(folder, "lab/cut")
    assert done["new"] and publishing.tags(place.hub, "lab/cut") == {done["tag"]: done["commit"]}
    card = place.publisher.call("card", "lab/cut", "dataset", done["tag"])
    assert card["data"]["license"] == "cc0-1.0"


def _blob(root: Path, repo: str, content: bytes) -> Path:
    """The file in which the Hub keeps a content of a repository."""
    files = (p for p in root.rglob("*") if p.is_file() and repo in p.as_posix())
    (found,) = (p for p in files if p.read_bytes() == content)
    return found


@pytest.mark.parametrize("damage", ["other rows", "no parquet"])
def test_what_does_not_come_back_as_it_was_sent_gets_no_tag(
    place: Place, tmp_path: Path, damage: str
) -> None:
    repo = f"lab/damaged-{damage.replace(' ', '-')}"
    folder, other = release(tmp_path / "a", count=5), release(tmp_path / "b", count=6)
    (sent,) = (folder / "data" / "dpo").glob("*.parquet")
    (wrong,) = (other / "data" / "dpo").glob("*.parquet")
    new = wrong.read_bytes() if damage == "other rows" else b"x" * sent.stat().st_size

    def spoil() -> None:
        _blob(place.root, repo, sent.read_bytes()).write_bytes(new)

    place.road.meanwhile("GET", r"/resolve/.*\.parquet", spoil)
    error = place.refused(folder, repo)
    assert "is not what was sent: config dpo" in error and "it has no tag" in error
    assert publishing.tags(place.hub, repo) == {}


def many_files(folder: Path, count: int) -> Path:
    """A release whose view `sft` has so many files."""
    rows = kit.rows_of(kit.candidate(n) for n in range(count))
    kit.write(folder, rows, views=VIEWS)
    (path,) = (folder / "data" / "sft").glob("*.parquet")
    table = pq.read_table(path).slice(0, count)
    path.unlink()
    for n in range(count):
        pq.write_table(table.slice(n, 1), path.with_name(f"train-{n:05d}-of-{count:05d}.parquet"))
    write_release(folder, kit.facts_of(rows, []))
    return folder


def test_many_files_go_by_a_pull_request_that_is_merged(place: Place, tmp_path: Path) -> None:
    folder = many_files(tmp_path / "many", 100)
    place.road.clear()
    done = place.publish(folder, "lab/many")
    assert done["rows"] == 300 and done["verified"]
    sent = [line for line in place.road.seen if "/commit/" in line]
    assert "create_pr=1" in sent[0] and len(sent) == 2
    assert any("/merge" in line for line in place.road.seen)
    assert publishing.tags(place.hub, "lab/many") == {done["tag"]: done["commit"]}
    assert not place.publish(folder, "lab/many")["new"]


def test_private_unless_someone_says_public(place: Place, tmp_path: Path) -> None:
    folder = release(tmp_path / "r", harmful_text=True)
    assert "found nobody to ask" in place.refused(folder, "lab/seen", "--public")
    assert place.publish(folder, "lab/seen")["private"]
    assert place.publisher.call("visible", "lab/seen", "dataset")["private"]
    done = place.publish(folder, "lab/seen", "--public", "--yes", "--gated")
    assert not done["new"] and not done["private"]
    assert place.publisher.call("visible", "lab/seen", "dataset") == {
        "private": False,
        "gated": "auto",
    }
    card = place.publisher.call("card", "lab/seen", "dataset", "main")
    assert "not-for-all-audiences" in card["data"]["tags"]
    assert "teach refusal" in card["data"]["extra_gated_prompt"]
