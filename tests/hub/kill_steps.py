"""Kill a server before each single fsync and rename of a commit, a tag, a merge; look at what it left.

    python tests/hub/kill_steps.py FOLDER       ->  {"commit": {"steps": 17, "old": 16, "new": 1}, ...}

Run by test_kill.py. Libraries are loaded once; each server is a fork, so that a point takes a moment.
"""

import json
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

os.environ |= {
    "HF_HUB_DISABLE_XET": "1",
    "HF_HUB_OFFLINE": "0",
    "HF_HUB_DISABLE_PROGRESS_BARS": "1",
}
sys.path.append(str(Path(__file__).parent))

from hub_folder import problems
from huggingface_hub import CommitOperationAdd, CommitOperationDelete, HfApi

from counterfactory.factory.release.hub import serve

REPO, SORT = "lab/x", "dataset"
OLD = {"a.txt", "b.bin"}
WROTE = ("fsync", "replace", "rename")  # the calls of `os` that make something last
Action = Callable[[HfApi], object]


def commit(api: HfApi) -> None:
    """One small file, one large, one removed."""
    operations = [
        CommitOperationAdd("c.txt", b"3"),
        CommitOperationAdd("d/e.bin", b"4"),
        CommitOperationDelete("a.txt"),
    ]
    api.create_commit(REPO, operations, commit_message="second", repo_type=SORT)


ACTIONS: dict[str, tuple[Action, set[str]]] = {
    "commit": (commit, {"b.bin", "c.txt", "d/e.bin"}),
    "merge": (lambda api: api.merge_pull_request(REPO, 1, repo_type=SORT), OLD | {"p.txt"}),
    "tag": (lambda api: api.create_tag(REPO, tag="v1", repo_type=SORT), OLD),
    "move": (lambda api: api.move_repo(REPO, "lab/y", repo_type=SORT), OLD),
    "delete": (lambda api: api.delete_repo(REPO, repo_type=SORT), set()),
}


def prepare(api: HfApi) -> None:
    """Make what every action begins with."""
    api.create_repo(REPO, repo_type=SORT)
    first = [CommitOperationAdd("a.txt", b"1"), CommitOperationAdd("b.bin", b"2")]
    api.create_commit(REPO, first, commit_message="first", repo_type=SORT)
    pull = [CommitOperationAdd("p.txt", b"p")]
    api.create_commit(REPO, pull, commit_message="pull", repo_type=SORT, create_pr=True)


def armed(step: int) -> None:
    """Kill this process before its `step`-th write from here on."""
    left = [step]

    def watched(real: Callable[..., object]) -> Callable[..., object]:
        def call(*args: object, **options: object) -> object:
            left[0] -= 1
            if not left[0]:
                os.kill(os.getpid(), signal.SIGKILL)
            return real(*args, **options)

        return call

    for name in WROTE:
        setattr(os, name, watched(getattr(os, name)))


def act(root: Path, action: Action, step: int) -> None:
    """Serve, prepare, and do one thing with the trap set."""
    with serve(root) as url:
        api = HfApi(endpoint=url, token="local")
        prepare(api)
        armed(step)
        action(api)


def look(root: Path, name: str) -> str:
    """Start again and say "old" or "new"; raise when it is neither."""
    action, wanted = ACTIONS[name]
    with serve(root) as url:
        api = HfApi(endpoint=url, token="local")
        if damage := problems(root):
            raise AssertionError(damage)
        if name in ("move", "delete"):
            old, moved = (api.repo_exists(repo, repo_type=SORT) for repo in (REPO, "lab/y"))
            assert old + moved == (1 if name == "move" else old)
            return "old" if old else "new"
        found = set(api.list_repo_files(REPO, repo_type=SORT))
        tags = api.list_repo_refs(REPO, repo_type=SORT).tags
        merged = api.get_discussion_details(REPO, 1, repo_type=SORT).status == "merged"
        done = bool(tags) if name == "tag" else found == wanted
        assert found == (wanted if done else OLD) and merged == (name == "merge" and done)
        if not done:
            action(api)  # and it can be done now
        assert set(api.list_repo_files(REPO, repo_type=SORT)) == wanted
        return "new" if done else "old"


def forked(work: Callable[[], object]) -> int:
    """Do something in a child and return how it ended: 0, 1, or minus the signal."""
    if child := os.fork():
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    try:
        work()
        os._exit(0)
    except BaseException as error:
        sys.stderr.write(f"{type(error).__name__}: {error}\n")
        os._exit(1)


def steps(folder: Path, name: str) -> dict[str, int]:
    """Go through all steps of an action."""
    told = {"steps": 0, "old": 0, "new": 0}
    for step in range(1, 100):
        root = folder / f"{name}-{step}"
        ended = forked(lambda root=root, step=step: act(root, ACTIONS[name][0], step))
        assert ended in (0, -signal.SIGKILL), f"{name}, step {step}: ended with {ended}"
        if ended == 0:
            return told
        said = root / "said"
        if forked(lambda root=root, said=said: said.write_text(look(root, name))):
            raise AssertionError(f"{name}, step {step}: see above")
        told["steps"] += 1
        told[said.read_text()] += 1
    raise AssertionError(f"{name}: does not end")


if __name__ == "__main__":
    sys.stdout.write(json.dumps({name: steps(Path(sys.argv[1]), name) for name in ACTIONS}) + "\n")
