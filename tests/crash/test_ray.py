"""Ray actors give the same bytes as local processes, whatever is killed; what cannot work is said."""

import importlib.util
import os
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from engine_toys import toy_recipe
from rays import started

from counterfactory.errors import UserError
from counterfactory.factory.run import build
from counterfactory.fingerprint import digest_file

has_ray = importlib.util.find_spec("ray") is not None
needs_ray = pytest.mark.skipif(not has_ray, reason="pip install 'counterfactory[ray]'")


@pytest.fixture(scope="module")
def cluster() -> Iterator[None]:
    import ray

    one = {"address": "local", "num_cpus": 2, "include_dashboard": False, "log_to_driver": False}
    started(lambda: ray.init(**one), ray.shutdown)
    yield
    ray.shutdown()


def data(release: Path) -> dict[str, str]:
    files = sorted((release / "data").rglob("*.parquet"))
    return {path.relative_to(release).as_posix(): digest_file(path) for path in files}


@pytest.mark.skipif(has_ray, reason="ray is installed")
def test_without_ray_the_message_says_how_to_get_it(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"pip install 'counterfactory\[ray\]'"):
        build(toy_recipe(n=8), tmp_path / "out", engine="ray", progress=False)
    assert list(tmp_path.iterdir()) == []


@needs_ray
def test_a_cluster_that_is_not_there_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RAY_ADDRESS", "127.0.0.1:9")
    with pytest.raises(UserError, match=r"^--engine ray: found no cluster at '127.0.0.1:9'"):
        build(toy_recipe(n=8), tmp_path / "out", engine="ray", progress=False)


@needs_ray
@pytest.mark.parametrize("workers", [1, 2, 5, None])
def test_any_number_of_actors_gives_the_same_bytes_as_processes(
    tmp_path: Path, cluster: None, workers: int | None
) -> None:
    recipe = toy_recipe(n=24, bad=9)
    build(recipe, tmp_path / "local", workers=1, progress=False)
    result = build(recipe, tmp_path / "ray", workers=workers, engine="ray", progress=False)
    assert result.finished
    assert data(tmp_path / "ray") == data(tmp_path / "local")


@needs_ray
def test_killed_actors_cost_nothing(tmp_path: Path, cluster: None) -> None:
    signs, killed = tmp_path / "signs", []
    signs.mkdir()
    recipe = toy_recipe(n=48, batch=6, bad=17, seconds=0.3, signs=str(signs))
    build(recipe, tmp_path / "local", workers=1, progress=False)
    for sign in signs.iterdir():
        sign.unlink()

    def kill() -> None:
        """End two processes in the middle of their batches."""
        while len(killed) < 2:
            for sign in list(signs.iterdir())[:1]:
                os.kill(int(sign.name), signal.SIGKILL)
                sign.unlink()
                killed.append(sign.name)
            time.sleep(0.05)

    killer = threading.Thread(target=kill, daemon=True)
    killer.start()
    result = build(recipe, tmp_path / "ray", workers=2, engine="ray", progress=False)
    assert result.finished
    assert len(set(killed)) == 2
    assert data(tmp_path / "ray") == data(tmp_path / "local")


@needs_ray
def test_a_build_begun_by_processes_goes_on_with_actors(tmp_path: Path, cluster: None) -> None:
    recipe = toy_recipe(n=40, seconds=0.3)
    begun = build(recipe, tmp_path / "out", workers=1, budget=0.5, progress=False)
    result = build(recipe, tmp_path / "out", workers=2, engine="ray", progress=False)
    assert result.finished
    assert result.resumed == begun.candidates > 0


@needs_ray
def test_a_sample_that_kills_an_actor_is_one_reject(tmp_path: Path, cluster: None) -> None:
    recipe = toy_recipe(n=16, dies_on=":10")
    result = build(recipe, tmp_path / "out", workers=2, engine="ray", progress=False)
    assert result.rejects["op_failed"] == 1
    assert result.candidates == 2 * 16 - 1


@needs_ray
def test_what_the_user_must_change_is_one_line(tmp_path: Path, cluster: None) -> None:
    with pytest.raises(UserError, match="^ops.toy_paint.model: no such model$"):
        build(toy_recipe(stops=True), tmp_path / "out", engine="ray", workers=1, progress=False)
