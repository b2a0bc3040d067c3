"""Builds whose release lands on a real S3 server: the same bytes, from any machine, after any kill."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from engine_toys import toy_recipe
from hypothesis import given
from hypothesis import strategies as st

from counterfactory.buckets import Bucket
from counterfactory.errors import UserError
from counterfactory.factory.release.validate import validate
from counterfactory.factory.run import build
from counterfactory.factory.run.landing import build_at
from counterfactory.factory.run.ledger import Fate
from counterfactory.factory.run.maker import Made
from counterfactory.factory.run.shelf import packed, unpacked
from counterfactory.fingerprint import digest_file
from counterfactory.mirror import mirrored

pytestmark = pytest.mark.usefixtures("s3", "cache")

RECIPE = {"n": 40, "batch": 4, "bad": 17, "seconds": 0.1}
SCRIPT = """
import sys
from engine_toys import toy_recipe
from counterfactory.factory.run.landing import build_at
build_at(toy_recipe(**{recipe}), sys.argv[1], workers=1, progress=False)
"""


def data(release: Path) -> dict[str, str]:
    files = sorted((release / "data").rglob("*.parquet"))
    return {path.relative_to(release).as_posix(): digest_file(path) for path in files}


@pytest.fixture(scope="module")
def reference(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The data files of a build on this disk."""
    out = tmp_path_factory.mktemp("reference") / "out"
    build(toy_recipe(**RECIPE), out, workers=1, progress=False)
    return data(out)


def elsewhere(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    """Go on as another machine: nothing but the storage is in common."""
    monkeypatch.setenv("COUNTERFACTORY_CACHE", str(folder))


def test_a_release_lands_and_stands_there_for_every_machine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, reference: dict[str, str], cache: Path
) -> None:
    url = "s3://acme/whole/toys"
    made = build_at(toy_recipe(**RECIPE), url, workers=1, progress=False)
    assert made.finished and made.release == made.to_json()["release"] == url
    assert not list((cache / "builds").iterdir()), "nothing is left on this disk"
    elsewhere(monkeypatch, tmp_path / "other")
    again = build_at(toy_recipe(**RECIPE), f"{url}/", workers=1, progress=False)
    assert again.resumed == again.candidates == made.candidates
    assert again.rows == made.rows
    folder = mirrored(url)
    assert data(folder) == reference
    assert validate(folder).problems == ()


def test_views_load_from_the_storage_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    from datasets import config, load_dataset

    monkeypatch.setattr(config, "HF_HUB_OFFLINE", False)  # it forbids every server, this one too
    url = "s3://acme/loaded/toys"
    rows = build_at(toy_recipe(**RECIPE), url, workers=1, progress=False).rows["pairs"]
    files = f"{url}/data/pairs/*.parquet"
    whole = load_dataset("parquet", data_files=files, split="train")
    assert len(whole) == rows
    assert whole[0]["image_a"].size == (16, 16)
    stream = load_dataset("parquet", data_files=files, split="train", streaming=True)
    assert [one["id"] for one in stream] == whole["id"][:]


def test_a_lost_machine_loses_no_finished_batch(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, reference: dict[str, str]
) -> None:
    url = "s3://acme/lost/toys"
    begun = build_at(toy_recipe(**RECIPE), url, workers=1, budget=0.1, progress=False)
    assert not begun.finished and begun.candidates > 0
    assert Bucket(url).files() == {}
    elsewhere(monkeypatch, tmp_path / "other")
    result = build_at(toy_recipe(**RECIPE), url, workers=2, progress=False)
    assert result.finished and result.resumed == begun.candidates
    assert data(mirrored(url)) == reference


def test_a_killed_build_goes_on_elsewhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, reference: dict[str, str]
) -> None:
    url = "s3://acme/killed/toys"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    call = [sys.executable, "-c", SCRIPT.format(recipe=RECIPE), url]
    process = subprocess.Popen(call, env=environment)
    work = Bucket(f"{url}.build")
    while sum(path.endswith(".batch") for path in work.files()) < 3:
        assert process.poll() is None
        time.sleep(0.05)
    process.send_signal(signal.SIGKILL)
    process.wait()
    elsewhere(monkeypatch, tmp_path / "other")
    result = build_at(toy_recipe(**RECIPE), url, workers=1, progress=False)
    assert result.finished and result.resumed > 0
    assert data(mirrored(url)) == reference


@pytest.mark.parametrize("step", [1, 3, 6])
def test_a_landing_that_is_cut_off_is_no_release_until_it_is_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, reference: dict[str, str], step: int
) -> None:
    url, real, puts = f"s3://acme/cut-{step}/toys", Bucket.put, []

    def cut(self: Bucket, file: Path, path: str) -> None:
        puts.append(path)
        if len(puts) == step:
            raise KeyboardInterrupt
        real(self, file, path)

    monkeypatch.setattr(Bucket, "put", cut)
    with pytest.raises(KeyboardInterrupt):
        build_at(toy_recipe(**RECIPE), url, workers=1, progress=False)
    assert "manifest.json" not in Bucket(url).files()
    if step % 2:
        elsewhere(monkeypatch, tmp_path / "other")
    result = build_at(toy_recipe(**RECIPE), url, workers=1, progress=False)
    assert result.finished and result.resumed == result.candidates
    folder = mirrored(url)
    assert data(folder) == reference
    assert validate(folder).problems == ()


def test_what_stands_there_already_is_never_overwritten() -> None:
    url = "s3://acme/taken/toys"
    build_at(toy_recipe(n=8), url, workers=1, progress=False)
    before = Bucket(url).files()
    with pytest.raises(
        UserError, match=r"^s3://acme/taken/toys: found the release of another recipe"
    ):
        build_at(toy_recipe(n=9), url, workers=1, progress=False)
    assert Bucket(url).files() == before
    Bucket("s3://acme/foreign").write("diary.txt", b"dear diary")
    with pytest.raises(UserError, match=r"^s3://acme/foreign: found files that are no release"):
        build_at(toy_recipe(n=8), "s3://acme/foreign", workers=1, progress=False)
    assert list(Bucket("s3://acme/foreign").files()) == ["diary.txt"]


def test_of_two_landings_at_once_the_later_one_wins(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url, real, puts = "s3://acme/both/toys", Bucket.put, []

    def meet(self: Bucket, file: Path, path: str) -> None:
        real(self, file, path)
        puts.append(path)
        if len(puts) == 3:  # another machine begins to land while this one is in the middle
            Bucket(f"{url}.build").write("landing", b"the other one")

    monkeypatch.setattr(Bucket, "put", meet)
    with pytest.raises(UserError, match="another build lands here now"):
        build_at(toy_recipe(n=8), url, workers=1, progress=False)
    assert len(puts) == 3 and "manifest.json" not in Bucket(url).files()
    assert build_at(toy_recipe(n=8), url, workers=1, progress=False).finished
    assert validate(mirrored(url)).problems == ()


def test_photographs_may_lie_on_the_storage(tmp_path: Path) -> None:
    from counterfactory.factory.sources.folder import Folder
    from counterfactory.images import png

    photos = Bucket("s3://acme/photos")
    for number in range(3):
        photos.write(f"street/{number}.png", png(np.full((80, 80, 3), 60 * number, np.uint8)))
    opened = Folder(path=photos.url, n=3).open(tmp_path, seed=0)
    assert len(opened) == 3
    assert {int(opened.load(index).image[0, 0, 0]) for index in range(3)} == {0, 60, 120}


def test_batches_of_other_work_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    url = "s3://acme/begun/toys"
    build_at(toy_recipe(**RECIPE), url, workers=1, budget=0.1, progress=False)
    elsewhere(monkeypatch, tmp_path / "other")
    with pytest.raises(UserError, match=r"^s3://acme/begun/toys.build: begun with another recipe"):
        build_at(toy_recipe(**{**RECIPE, "slots": 1}), url, workers=1, progress=False)


fates = st.builds(
    Fate, position=st.integers(0, 99), key=st.text(), sample_id=st.text(), status=st.sampled_from(["kept", "reject"]),
    segment_row=st.none() | st.integers(0, 99), stage=st.text(), reason=st.text(), metric=st.text(),
    value=st.none() | st.floats(allow_nan=False), threshold=st.none() | st.floats(allow_nan=False),
    note=st.text(), seconds=st.floats(0, 9),
)  # fmt: skip


@given(st.lists(fates, max_size=4), st.binary(max_size=60), st.integers(0, 9999))
def test_a_batch_comes_back_as_it_was_stored(some: list[Fate], rows: bytes, batch: int) -> None:
    made = Made(batch=batch, rows=rows, fates=some, seconds=0.5)
    stored = packed(made)
    assert unpacked(stored) == made
    assert unpacked(stored[:-1]) is None
    assert unpacked(stored + b"x") is None


@given(st.binary())
def test_bytes_that_are_no_batch_are_seen(data: bytes) -> None:
    assert unpacked(data) is None
