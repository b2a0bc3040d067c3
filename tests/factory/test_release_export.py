"""Exports hold every row, copy pictures byte for byte, and are whole or not there."""

import csv
import io
import json
import os
import signal
import subprocess
import sys
import tarfile
from ast import literal_eval
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from counterfactory import cli
from counterfactory.errors import UserError
from counterfactory.factory.release import manifest
from counterfactory.factory.release.contents import contents, scan
from counterfactory.factory.release.export import export
from counterfactory.factory.release.export.coco import rle
from counterfactory.factory.release.export.forms import FORMS
from counterfactory.factory.release.export.openclip import MISSING, title
from counterfactory.factory.release.export.tar import Tar
from counterfactory.factory.release.export.webdataset import key, per_shard
from counterfactory.factory.release.export.work import extension
from counterfactory.factory.release.views import VIEWS

sys.path.append(str(Path(__file__).parent))
import release_kit as kit

HOSTILE = 'a\t"tab" | \U0001f600 \\ ../../x\nnew <image> line'


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> Path:
    rows = [kit.candidate(n) for n in range(5)]
    rows += [
        kit.candidate(5, caption_a=HOSTILE, question=HOSTILE),
        kit.candidate(6, caption_b="NA"),
    ]
    rows += [kit.asking(7), kit.asking(8)]
    return kit.write(tmp_path_factory.mktemp("r") / "tiny", kit.rows_of(rows), kit.rejects_of(2))


@pytest.fixture(scope="module")
def exports(release: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    home = tmp_path_factory.mktemp("exports")
    for target in FORMS:
        export(release, target, home / target)
    return {target: home / target for target in FORMS}


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").split("\n") if line]


def stored(release: Path, view: str) -> dict[str, dict[str, Any]]:
    return {row["id"]: row for row in scan(release, view)}


def snapshot(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


@pytest.mark.parametrize("target", FORMS)
def test_every_row_of_every_view_is_in_the_export(
    release: Path, exports: dict[str, Path], target: str
) -> None:
    record = json.loads((exports[target] / "export.json").read_text())
    rows = {view: about.rows for view, about in contents(release).items()}
    assert record["rows"] == {view: rows[view] for view in FORMS[target].views}
    assert record["seal"] == manifest.read(release)["seal"]
    assert set(record["files"]) <= set(snapshot(exports[target]))


@pytest.mark.parametrize("target", FORMS)
def test_the_same_export_again_does_nothing_and_elsewhere_gives_the_same_bytes(
    release: Path, exports: dict[str, Path], target: str, tmp_path: Path
) -> None:
    assert export(release, target, exports[target]).unchanged
    again = export(release, target, tmp_path / "again")
    assert not again.unchanged
    assert snapshot(tmp_path / "again") == snapshot(exports[target])


@pytest.mark.parametrize(
    "target", ["llava", "openclip-csv", "negclip", "swift", "internvl", "coco"]
)
def test_pictures_are_the_releases_own_bytes_under_safe_names(
    release: Path, exports: dict[str, Path], target: str
) -> None:
    mine = set()
    for view in FORMS[target].views:
        for row in scan(release, view):
            cells = [row.get(n) for n in ("image", "neg_image", "image_a", "image_b")]
            mine |= {cell["bytes"] for cell in [*cells, *(row.get("images") or ())] if cell}
    found = list((exports[target] / "images").rglob("*.*"))
    assert {path.read_bytes() for path in found} <= mine
    assert len({path.read_bytes() for path in found}) == len(found) > 0
    assert all(path.stem.isalnum() and path.suffix == ".png" for path in found)


def test_llava_rows_have_one_placeholder_an_image(release: Path, exports: dict[str, Path]) -> None:
    out = exports["llava"]
    one = json.loads((out / "sft-train.json").read_text(encoding="utf-8"))
    several = json.loads((out / "sft-train-multi.json").read_text(encoding="utf-8"))
    rows = stored(release, "sft")
    assert {row["id"] for row in [*one, *several]} == rows.keys()
    for row in one:
        assert row["conversations"][0]["value"].startswith("<image>\n")
        assert (out / row["image"]).read_bytes() == rows[row["id"]]["images"][0]["bytes"]
    for row in several:
        assert row["conversations"][0]["value"].count("<image>") == len(row["image"]) == 2


def test_swift_rows_say_what_the_release_says(release: Path, exports: dict[str, Path]) -> None:
    out = exports["swift"]
    for view in ("sft", "dpo", "kto", "grpo"):
        rows = stored(release, view)
        written = lines(out / f"{view}-train.jsonl")
        assert [row["id"] for row in written] == list(rows)
        for row in written:
            asked = row["messages"][0]["content"]
            assert asked.count("<image>") == len(row["images"])
            assert [(out / p).read_bytes() for p in row["images"]] == [
                cell["bytes"] for cell in rows[row["id"]]["images"]
            ]
    (row, *_), rows = lines(out / "dpo-train.jsonl"), stored(release, "dpo")
    assert row["messages"][1]["content"] == rows[row["id"]]["chosen_text"]
    assert row["rejected_response"] == rows[row["id"]]["rejected_text"]


def test_internvl_files_are_named_by_their_meta(release: Path, tmp_path: Path) -> None:
    out = tmp_path / "vl"
    export(release, "internvl", out, prefix=f"{out}/")
    (entry,) = json.loads((out / "meta-dpo.json").read_text()).values()
    rows = lines(Path(entry["annotation"]))
    assert entry["length"] == len(rows) == len(stored(release, "dpo"))
    for row in rows:
        assert Image.open(os.path.join(entry["root"], row["image"])).size == (kit.SIDE, kit.SIDE)
        assert row["question"].startswith("<image>\n") and row["chosen"] != row["rejected"]


def test_hostile_captions_survive_tables(release: Path, exports: dict[str, Path]) -> None:
    with (exports["openclip-csv"] / "clip-train.csv").open(newline="", encoding="utf-8") as stream:
        told = [row["title"].rstrip() for row in csv.DictReader(stream, delimiter="\t")]
    assert told == [row["caption"] for row in stored(release, "clip").values()]


def test_pandas_reads_text_in_every_cell(exports: dict[str, Path]) -> None:
    import pandas

    frame = pandas.read_csv(exports["openclip-csv"] / "clip-train.csv", sep="\t")
    assert all(isinstance(text, str) for text in frame["title"])


@pytest.mark.parametrize("word", sorted(MISSING))
def test_captions_that_pandas_takes_for_nothing_stay_text(word: str) -> None:
    import pandas

    table = io.StringIO(f"title\tn\n{word}\t1\n{title(word)}\t2\n")
    first, second = pandas.read_csv(table, sep="\t")["title"]
    assert first != first and isinstance(second, str) and second.strip() == word


def test_negclip_numbers_lead_to_the_negative(release: Path, exports: dict[str, Path]) -> None:
    out = exports["negclip"]
    with (out / "clip-train.csv").open(newline="", encoding="utf-8") as stream:
        table = list(csv.DictReader(stream, delimiter="\t"))
    rows = list(stored(release, "clip").values())
    assert len(table) == len(rows)
    for line, row in zip(table, rows, strict=True):
        (other,) = literal_eval(line["neg_image"])
        assert (out / table[other]["filepath"]).read_bytes() == row["neg_image"]["bytes"]
        assert literal_eval(line["neg_caption"]) == [row["neg_caption"]]


def test_a_negative_that_is_no_row_gets_one(tmp_path: Path) -> None:
    folder = kit.write(tmp_path / "r", kit.rows_of([kit.candidate(1), kit.candidate(2)]))
    path = next((folder / "data/clip").glob("*.parquet"))
    table = pq.read_table(path)
    pq.write_table(table.take([1, 2, 3]), path)  # the first row's side is gone
    export(folder, "negclip", tmp_path / "out")
    with (tmp_path / "out/clip-train.csv").open(newline="") as stream:
        lines = list(csv.DictReader(stream, delimiter="\t"))
    assert [literal_eval(line["neg_image"]) for line in lines] == [[1], [0], [3], [2]]
    assert lines[1]["title"] == literal_eval(lines[0]["neg_caption"])[0]


def test_webdataset_members_are_the_rows(release: Path, exports: dict[str, Path]) -> None:
    out = exports["webdataset"]
    sizes = json.loads((out / "sizes.json").read_text())
    found: dict[str, dict[str, bytes]] = {}
    for name in sizes:
        with tarfile.open(out / name) as archive:
            for member in archive:
                key, _, kind = member.name.partition(".")
                found.setdefault(f"{name[:4]}/{key}", {})[kind] = archive.extractfile(member).read()  # type: ignore[union-attr]
    clip, sft = stored(release, "clip"), stored(release, "sft")
    assert found.keys() == {*(f"clip/{n}" for n in clip), *(f"sft-/{n}" for n in sft)}
    for row_id, row in clip.items():
        assert found[f"clip/{row_id}"]["png"] == row["image"]["bytes"]
        assert found[f"clip/{row_id}"]["neg.png"] == row["neg_image"]["bytes"]
        assert found[f"clip/{row_id}"]["txt"].decode() == row["caption"]
    for row_id, row in sft.items():
        pictures = [data for kind, data in found[f"sft-/{row_id}"].items() if kind != "json"]
        assert pictures == [cell["bytes"] for cell in row["images"]]
        assert json.loads(found[f"sft-/{row_id}"]["json"])["conversations"] == row["conversations"]
    assert sum(sizes.values()) == len(clip) + len(sft)


def test_small_splits_are_cut_into_shards_for_several_workers() -> None:
    assert [per_shard(n) for n in (1, 100, 4000, 10**6)] == [32, 32, 250, 10_000]


@given(st.text(min_size=1))
def test_keys_are_safe_names_and_differ(text: str) -> None:
    name = key(text)
    assert name.isascii() and name.replace("-", "").replace("_", "").isalnum() and len(name) < 80
    assert key(text + "x") != name


@given(st.lists(st.binary(max_size=2000), max_size=8))
def test_tar_files_are_what_the_standard_library_reads(
    tmp_path_factory: pytest.TempPathFactory, members: list[bytes]
) -> None:
    path = tmp_path_factory.mktemp("tar") / "x.tar"
    with Tar(path) as tar:
        for number, data in enumerate(members):
            tar.add(f"{number:06d}.bin", data)
    with tarfile.open(path) as archive:
        read = [archive.extractfile(member).read() for member in archive]  # type: ignore[union-attr]
    assert read == members
    assert path.stat().st_size % (20 * 512) == 0


def test_a_name_that_has_no_place_in_a_tar_file_is_refused(tmp_path: Path) -> None:
    with Tar(tmp_path / "x.tar") as tar, pytest.raises(ValueError, match="no ustar header"):
        tar.add("x" * 101, b"")


def test_verl_rows_are_questions_with_a_ground_truth(
    release: Path, exports: dict[str, Path]
) -> None:
    rows = stored(release, "grpo")
    for row in pq.read_table(exports["verl"] / "grpo-train.parquet").to_pylist():
        mine = rows[row["extra_info"]["id"]]
        assert row["reward_model"] == {"style": "rule", "ground_truth": mine["answer"]}
        assert row["prompt"][0]["content"] == row["problem"]
        assert row["problem"].count("<image>") == len(row["images"]) == len(mine["images"])
        assert row["images"][0]["bytes"] == mine["images"][0]["bytes"]


def test_verl_pictures_load_as_pictures(exports: dict[str, Path], tmp_path: Path) -> None:
    from datasets import load_dataset

    for view in ("sft", "grpo"):
        path = str(exports["verl"] / f"{view}-train.parquet")
        rows = load_dataset("parquet", data_files=path, split="train", cache_dir=str(tmp_path))
        assert rows[0]["images"][0].size == (kit.SIDE, kit.SIDE)


def test_coco_boxes_hold_what_was_edited(release: Path, exports: dict[str, Path]) -> None:
    out = exports["coco"]
    made = json.loads((out / "annotations/instances_train.json").read_text())
    pairs = stored(release, "pairs")
    images = {image["id"]: image for image in made["images"]}
    names = {one["id"]: one["name"] for one in made["categories"]}
    assert len(images) == 2 * len(pairs)
    moved = sum(row["edit"]["kind"] == "move" for row in pairs.values())
    assert len(made["annotations"]) == 2 * (len(pairs) - moved) > 0
    for one in made["annotations"]:
        image = images[one["image_id"]]
        row = pairs[image["pair_id"]]
        cell = row[f"image_{image['side']}"]
        assert (out / "images" / image["file_name"]).read_bytes() == cell["bytes"]
        x0, y0, x1, y1 = (edge * kit.SIDE for edge in row["boxes"][0])
        assert one["bbox"] == [x0, y0, x1 - x0, y1 - y0]
        assert one["area"] == sum(one["segmentation"]["counts"][1::2]) <= (x1 - x0) * (y1 - y0)
        assert (
            names[one["category_id"]]
            == row["edit"]["target" if image["side"] == "a" else "replacement"]
        )
    said = json.loads((out / "annotations/captions_train.json").read_text())
    assert [one["caption"] for one in said["annotations"][:2]] == [
        next(iter(pairs.values()))[f"caption_{side}"] for side in "ab"
    ]


@given(st.integers(1, 6), st.integers(1, 6), st.data())
def test_runs_give_the_mask_back(height: int, width: int, data: st.DataObject) -> None:
    bits = data.draw(st.lists(st.booleans(), min_size=height * width, max_size=height * width))
    mask = np.array(bits, bool).reshape(height, width)
    runs = rle(mask)
    values = np.repeat(np.arange(len(runs["counts"])) % 2, runs["counts"])
    assert (values.reshape(height, width, order="F") == mask).all()


def test_formats_are_told_by_their_bytes() -> None:
    for name in ("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF"):
        stream = io.BytesIO()
        Image.new("RGB", (4, 4)).save(stream, name)
        assert extension(stream.getvalue()) == {"JPEG": "jpg"}.get(name, name.lower())
    assert extension(b"<svg/>") == "" == extension(b"")


def test_only_the_view_that_is_asked_for(release: Path, tmp_path: Path) -> None:
    done = export(release, "swift", tmp_path / "x", views=["kto"])
    assert done.rows.keys() == {"kto"} and done.files == ["kto-train.jsonl"]


def test_mistakes_are_one_clear_line(release: Path, tmp_path: Path) -> None:
    out = tmp_path / "x"
    with pytest.raises(
        UserError, match="found 'lava', expected one of llava.*did you mean 'llava'"
    ):
        export(release, "lava", out)
    with pytest.raises(UserError, match="--view: found 'clip', expected one of sft for llava"):
        export(release, "llava", out, views=["clip"])
    with pytest.raises(UserError, match="found no manifest.json"):
        export(tmp_path, "llava", out)
    with pytest.raises(UserError, match="is in the release itself"):
        export(release, "llava", release / "llava")
    with pytest.raises(UserError, match="--prefix: found '/d/', but coco holds no paths"):
        export(release, "coco", out, prefix="/d/")
    asked = kit.write(tmp_path / "asked", kit.rows_of([kit.asking(1)]), views=["sft"])
    with pytest.raises(UserError, match="coco is made from pairs, but the release holds sft"):
        export(asked, "coco", out)
    with pytest.raises(UserError, match="holds no view 'dpo', found sft"):
        export(asked, "swift", out, views=["dpo"])
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine.txt").write_text("mine")
    with pytest.raises(UserError, match="found other files"):
        export(release, "llava", tmp_path / "full")
    with pytest.raises(UserError, match="found a file"):
        export(release, "llava", tmp_path / "full" / "mine.txt")
    assert not out.exists()


def test_a_folder_with_another_export_or_a_damaged_one_is_left_alone(
    release: Path, tmp_path: Path
) -> None:
    export(release, "openclip-csv", tmp_path / "x")
    with pytest.raises(UserError, match="found another export"):
        export(release, "openclip-csv", tmp_path / "x", prefix="/data/")
    (tmp_path / "x/clip-train.csv").write_text("cut")
    with pytest.raises(UserError, match="changed since"):
        export(release, "openclip-csv", tmp_path / "x")


def test_a_row_without_a_picture_is_named(release: Path, tmp_path: Path) -> None:
    folder = kit.pairs_release(tmp_path / "r", count=1)
    path = next((folder / "data/clip").glob("*.parquet"))
    rows = pq.read_table(path)
    broken = rows.to_pylist()
    broken[1]["image"] = {"bytes": b"<svg/>", "path": None}
    pq.write_table(type(rows).from_pylist(broken, schema=rows.schema), path)
    with pytest.raises(UserError, match=f"clip/{broken[1]['id']}: found bytes of no known image"):
        export(folder, "webdataset", tmp_path / "out")
    assert [path.name for path in tmp_path.iterdir()] == ["r"]


def test_prefixes_stand_before_every_path(release: Path, tmp_path: Path) -> None:
    export(release, "openclip-csv", tmp_path / "x", prefix="/data/x/")
    told = (tmp_path / "x/clip-train.csv").read_text(encoding="utf-8")
    assert told.count("/data/x/images/") == len(stored(release, "clip"))


def test_the_command_answers_in_json(release: Path, tmp_path: Path, capsys: Any) -> None:
    command = [
        "release",
        "export",
        str(release),
        "--to",
        "coco",
        "--out",
        str(tmp_path / "x"),
        "--json",
    ]
    assert cli.main(command) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["rows"] == {"pairs": 7} and not told["unchanged"] and told["notes"]
    assert cli.main([*command[:4], "cocoa", *command[5:]]) == 2


def test_a_killed_export_leaves_nothing_at_its_place_and_can_be_run_again(
    release: Path, exports: dict[str, Path], tmp_path: Path
) -> None:
    out = tmp_path / "x"
    code = (
        "import sys, time; from pathlib import Path\n"
        "from counterfactory.factory.release.export import export\n"
        "from counterfactory.factory.release.export.work import Work\n"
        "rows = Work.rows\n"
        "def slow(*a, **k):\n"
        "    for n, row in enumerate(rows(*a, **k)):\n"
        "        if n == 5: print('now', flush=True); time.sleep(60)\n"
        "        yield row\n"
        "Work.rows = slow\n"
        "export(Path(sys.argv[1]), 'swift', Path(sys.argv[2]))\n"
    )
    command = [sys.executable, "-c", code, str(release), str(out)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout and child.stdout.readline() == "now\n"
        with pytest.raises(UserError, match="found another export at work here"):
            export(release, "swift", out)
        os.kill(child.pid, signal.SIGKILL)
        child.wait()
    assert not out.exists() and (tmp_path / "x.tmp").exists()
    export(release, "swift", out)
    assert snapshot(out) == snapshot(exports["swift"])
    assert not (tmp_path / "x.tmp").exists()


def test_a_full_disk_is_one_line_and_leaves_nothing(release: Path, tmp_path: Path) -> None:
    code = (
        "import resource, sys; resource.setrlimit(resource.RLIMIT_FSIZE, (3000, 3000))\n"
        "from counterfactory import cli; sys.exit(cli.main(sys.argv[1:]))\n"
    )
    command = ["release", "export", str(release), "--to", "swift", "--out", str(tmp_path / "x")]
    done = subprocess.run(
        [sys.executable, "-c", code, *command], capture_output=True, text=True, cwd=tmp_path
    )
    assert done.returncode == 2 and "a file grew beyond the size" in done.stderr
    assert "Traceback" not in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_memory_holds_a_few_rows_not_the_file(tmp_path: Path) -> None:
    import pyarrow as pa

    size, count = 200_000, 80
    cell = {"bytes": os.urandom(size), "path": None}
    row = {"image": cell, "caption": "a", "neg_caption": "b", "neg_image": cell}
    rows = [
        {**row, "image": {"bytes": os.urandom(size), "path": None}, "id": str(n)}
        for n in range(count)
    ]
    folder = tmp_path / "data/clip"
    folder.mkdir(parents=True)
    table = pa.Table.from_pylist(rows, schema=VIEWS["clip"].schema())
    pq.write_table(table, folder / "train-00000-of-00001.parquet", row_group_size=20)
    total = table.nbytes
    del table, rows
    pool = pa.default_memory_pool()
    before, most = pool.bytes_allocated(), 0
    for _ in scan(tmp_path, "clip"):
        most = max(most, pool.bytes_allocated() - before)
    assert total > 30_000_000 and most < 16_000_000
