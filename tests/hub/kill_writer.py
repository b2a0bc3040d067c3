"""A client that writes without a pause until its server is killed, and then knows what must be there.

    writer = Writer("lab/one", seed=0)
    writer.until_dead(url)          commits, tags, pull requests, until the server does not answer
    writer.check(url)               after a restart: all that was acknowledged is there, and of the one
                                    request that was under way either all or nothing

Small files travel in the commit, large ones by LFS before it.
"""

import hashlib
import random
import time
import types
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import httpx2
from huggingface_hub import CommitOperationAdd, CommitOperationDelete, HfApi, RepoFile
from huggingface_hub.errors import HfHubHTTPError

SORT = "dataset"
Files = dict[str, str]


def no_patience() -> None:
    """Let the client of this process give up at once where it would wait and try again for half a minute."""
    import huggingface_hub.utils._http as http

    http.time = types.SimpleNamespace(**{**vars(time), "sleep": lambda seconds: None})  # type: ignore[assignment]


@dataclass
class Writer:
    """One repository and what is known of it; one writer a repository."""

    name: str
    rng: random.Random
    files: Files = field(default_factory=dict)
    """Path -> id of the content on main, as of the last request that was answered."""
    tags: dict[str, str] = field(default_factory=dict)
    commits: list[str] = field(default_factory=list)
    wanted: Files | None = None
    """What main holds if the request that is under way is carried out; None when it leaves main alone."""
    under_way: str = ""
    made: bool = False
    numbers: int = 0
    answered: int = 0

    def until_dead(self, url: str) -> None:
        """Write until the server is gone."""
        api = HfApi(endpoint=url, token="local")
        try:
            if not self.made:
                self._do(
                    "create",
                    None,
                    lambda: api.create_repo(self.name, repo_type=SORT, exist_ok=True),
                )
                self.made = True
            while True:
                self.rng.choice([self._commit, self._commit, self._commit, self._tag, self._pull])(
                    api
                )
        except (httpx2.TransportError, ConnectionError):
            return
        except HfHubHTTPError as error:
            if error.response is not None and error.response.status_code < 500:
                raise
        except RuntimeError:  # a failed LFS upload, and a session that the other thread closed
            return

    def check(self, url: str) -> str:
        """Compare with what was promised; give "none", "all" or "no request" of what was under way."""
        api = HfApi(endpoint=url, token="local")
        if not api.repo_exists(self.name, repo_type=SORT):
            assert not self.made, f"{self.name}: an acknowledged repository is gone"
            return "none"
        found = contents(api, self.name, "main")
        happened = self.wanted is not None and found == self.wanted
        assert happened or found == self.files, (
            f"{self.name}: main is neither old nor new ({self.under_way})"
        )
        self._check_refs(api)
        self._check_pulls(api, found)
        outcome = "all" if happened else "none" if self.under_way else "no request"
        self.made, self.files, self.wanted, self.under_way = True, found, None, ""
        return outcome

    def _check_refs(self, api: HfApi) -> None:
        log = [each.commit_id for each in api.list_repo_commits(self.name, repo_type=SORT)]
        missing = [oid for oid in self.commits if oid not in log]
        assert not missing, f"{self.name}: acknowledged commits are gone: {missing}"
        refs = api.list_repo_refs(self.name, repo_type=SORT)
        tags = {tag.name: tag.target_commit for tag in refs.tags}
        assert tags.items() >= self.tags.items(), (
            f"{self.name}: acknowledged tags are gone or moved"
        )
        assert len(tags) <= len(self.tags) + 1
        self.tags, self.commits = tags, log

    def _check_pulls(self, api: HfApi, found: Files) -> None:
        for talk in api.get_repo_discussions(self.name, repo_type=SORT):
            path = f"pull/{talk.title}.txt"
            if talk.status == "merged":
                assert path in found or path in self.files, (
                    f"{self.name}: merged, but {path} is not there"
                )
            else:
                assert path not in found, (
                    f"{self.name}: {path} is on main, its pull request is open"
                )
                assert path in contents(api, self.name, f"refs/pr/{talk.num}")

    def _do(self, what: str, wanted: Files | None, request: Callable[[], Any]) -> Any:
        self.under_way, self.wanted = what, wanted
        answer = request()
        self.files = self.files if wanted is None else wanted
        self.under_way, self.wanted = "", None
        self.answered += 1
        return answer

    def _commit(self, api: HfApi) -> None:
        operations, wanted = self._change()
        told = self._do("commit", wanted, lambda: api.create_commit(
            self.name, operations, commit_message="change", repo_type=SORT
        ))  # fmt: skip
        self.commits.append(told.oid)

    def _tag(self, api: HfApi) -> None:
        self.numbers += 1
        name, head = f"v{self.numbers}", api.repo_info(self.name, repo_type=SORT).sha
        self._do("tag", None, lambda: api.create_tag(self.name, tag=name, repo_type=SORT))
        self.tags[name] = str(head)

    def _pull(self, api: HfApi) -> None:
        self.numbers += 1
        title = f"p{self.numbers}"
        data = self.rng.randbytes(100).hex().encode()
        pull = self._do("pull request", None, lambda: api.create_commit(
            self.name, [CommitOperationAdd(f"pull/{title}.txt", data)], commit_message=title,
            repo_type=SORT, create_pr=True,
        ))  # fmt: skip
        wanted = {**self.files, f"pull/{title}.txt": git_id(data)}
        self._do(
            "merge", wanted, lambda: api.merge_pull_request(self.name, pull.pr_num, repo_type=SORT)
        )

    def _change(self) -> tuple[list[Any], Files]:
        operations: list[Any] = []
        wanted = dict(self.files)
        for _ in range(self.rng.randint(1, 4)):
            path = f"data/{self.rng.randint(0, 30)}.{self.rng.choice(['txt', 'bin'])}"
            data = self.rng.randbytes(self.rng.choice([10, 1000, 100_000])).hex().encode()
            operations.append(CommitOperationAdd(path, data))
            wanted[path] = (
                hashlib.sha256(data).hexdigest() if path.endswith("bin") else git_id(data)
            )
        changed = {operation.path_in_repo for operation in operations}
        old = [path for path in self.files if path.startswith("data/") and path not in changed]
        for path in old[:1]:
            operations.append(CommitOperationDelete(path))
            del wanted[path]
        return operations, wanted


def contents(api: HfApi, name: str, revision: str) -> Files:
    """Return path -> id of the content of every file."""
    tree = api.list_repo_tree(name, repo_type=SORT, revision=revision, recursive=True)
    files = [entry for entry in tree if isinstance(entry, RepoFile)]
    return {file.path: file.lfs.sha256 if file.lfs else file.blob_id for file in files}


def git_id(data: bytes) -> str:
    """Return git's id of a content."""
    return hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()
