"""Two nodes, one is killed: the other one makes what is missing, and the bytes stay the same."""

import importlib.util
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from engine_toys import toy_recipe
from rays import started

from counterfactory.errors import UserError
from counterfactory.factory.run import build
from counterfactory.factory.run.actor import compare
from counterfactory.factory.run.ray import gpu_share
from counterfactory.fingerprint import digest_file

has_ray = importlib.util.find_spec("ray") is not None
needs_ray = pytest.mark.skipif(not has_ray, reason="pip install 'counterfactory[ray]'")


@pytest.fixture
def nodes() -> Iterator[tuple[Any, Any]]:
    """Two raylets on this machine, one core each: the head and one that may die."""
    import ray
    from ray.cluster_utils import Cluster

    head = {"initialize_head": True, "head_node_args": {"num_cpus": 1}}
    cluster = started(lambda: Cluster(**head), ray.shutdown)
    second = started(lambda: cluster.add_node(num_cpus=1), lambda: None)
    ray.init(address=cluster.address, log_to_driver=False)
    yield cluster, second
    ray.shutdown()
    cluster.shutdown()


def data(release: Path) -> dict[str, str]:
    files = sorted((release / "data").rglob("*.parquet"))
    return {path.relative_to(release).as_posix(): digest_file(path) for path in files}


@needs_ray
def test_a_killed_node_costs_nothing(tmp_path: Path, nodes: tuple[Any, Any]) -> None:
    cluster, second = nodes
    signs = tmp_path / "signs"
    signs.mkdir()
    recipe = toy_recipe(n=48, batch=4, bad=17, seconds=0.5, signs=str(signs))
    build(recipe, tmp_path / "local", workers=1, progress=False)
    local = {sign.name for sign in signs.iterdir()}
    moments: list[float] = []

    def kill() -> None:
        """Kill the second node once both have worked."""
        while len({sign.name for sign in signs.iterdir()} - local) < 2:
            time.sleep(0.02)
        moments.append(time.monotonic())
        cluster.remove_node(second, allow_graceful=False)

    killer = threading.Thread(target=kill, daemon=True)
    killer.start()
    result = build(recipe, tmp_path / "ray", workers=2, engine="ray", progress=False)
    assert moments and result.finished
    assert data(tmp_path / "ray") == data(tmp_path / "local")


def test_a_node_that_is_not_like_the_others_is_named() -> None:
    wanted = {"torch": "2.12.0", "samples of the source": "ab12", "weights of vlm 'pocket'": "cd34"}
    compare(dict(wanted), wanted)
    with pytest.raises(
        UserError, match=r"^--engine ray: node \S+: torch: found 2.11.0, expected 2.12.0 as"
    ):
        compare(wanted | {"torch": "2.11.0"}, wanted)


@pytest.mark.parametrize(("workers", "gpus"), [(1, 1), (3, 1), (7, 2), (64, 8), (2, 5)])
def test_every_worker_finds_a_place_on_a_gpu(workers: int, gpus: int) -> None:
    share = gpu_share(workers, gpus)
    assert 0 < share <= 1
    assert int(1 / share) * gpus >= workers
