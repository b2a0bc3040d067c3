"""One repository on a Hub, as publishing sees it: where its head stands, and the few things done to it.

    remote = Remote("org/edits", "dataset")
    remote.standing()        ->  Standing(head="81b3...", tree={"README.md": "9c1f..."}, tags={...})

Every call waits out trouble that passes; what does not pass is one `UserError`. Only `commit` leaves
that to its caller, who knows whether it may be sent again.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from counterfactory.errors import UserError
from counterfactory.factory.release.publish import trouble
from counterfactory.factory.release.publish.client import without_xet
from counterfactory.factory.release.publish.content import Content
from counterfactory.factory.release.publish.trouble import Patience

T = TypeVar("T")
MAIN = "main"


class Stale(Exception):
    """The head of the target is not where it was when the commit was planned."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """Where a repository stands."""

    head: str  # commit id; "" when there is no such repository
    tree: Mapping[str, str]  # path -> id of the content: sha256 of large files, git's of others
    tags: Mapping[str, str]  # tag -> commit id
    private: bool = True


class Remote:
    """One repository; nothing is kept between calls."""

    def __init__(self, repo: str, repo_type: str, patience: Patience | None = None) -> None:
        self.repo, self.repo_type = repo, repo_type
        self._patience = patience or Patience()
        without_xet()
        from huggingface_hub import HfApi

        self.api = HfApi(library_name="counterfactory")

    @property
    def endpoint(self) -> str:
        """Return the Hub's address."""
        return str(self.api.endpoint)

    def url(self, revision: str) -> str:
        """Return where people look at a revision."""
        kind = "" if self.repo_type == "model" else f"{self.repo_type}s/"
        return f"{self.endpoint}/{kind}{self.repo}/tree/{revision}"

    def standing(self) -> Standing:
        """Return where the repository stands; an empty `head` when it is not there."""
        return self._try("look", self._standing)

    def tree(self, revision: str) -> dict[str, str]:
        """Return the files of a revision."""
        return self._try("list", lambda: self._tree(revision))

    def create(self, *, private: bool) -> None:
        """Make the repository; one that is there already is left as it is."""

        def call() -> None:
            try:
                self.api.create_repo(self.repo, repo_type=self.repo_type, private=private)
            except Exception as error:
                if trouble.status_of(error) != 409:
                    raise

        self._try("create", call)

    def fetch(self, path: str, revision: str, folder: Path) -> Path:
        """Download one file into `folder` and return where it lies."""

        def call() -> Path:
            found = self.api.hf_hub_download(
                self.repo, path, repo_type=self.repo_type, revision=revision, local_dir=folder
            )
            return Path(found)

        return self._try(f"download {path}", call)

    def commit(
        self, files: Mapping[str, Content], gone: Sequence[str], *,
        parent: str, title: str, text: str, revision: str = MAIN, as_pull_request: bool = False,
    ) -> str:  # fmt: skip
        """Send one commit, once all its large files are there; return its id.

        With `as_pull_request` it opens one, whose number is returned. What goes wrong with the commit
        itself is raised as it is: whether it may be sent again, the caller knows.
        """
        from huggingface_hub import CommitOperationAdd, CommitOperationDelete

        added = [
            CommitOperationAdd(path, data if isinstance(data, bytes) else str(data))
            for path, data in files.items()
        ]
        operations = [*added, *(CommitOperationDelete(path, is_folder=False) for path in gone)]

        def upload() -> None:
            self.api.preupload_lfs_files(
                self.repo, additions=added, repo_type=self.repo_type, revision=revision,
                create_pr=as_pull_request, free_memory=False,
            )  # fmt: skip

        self._try("upload", upload)
        info = self.api.create_commit(
            self.repo, operations, commit_message=title, commit_description=text, parent_commit=parent,
            repo_type=self.repo_type, revision=revision, create_pr=as_pull_request,
        )  # fmt: skip
        return str(info.pr_num) if as_pull_request else str(info.oid)

    def tag(self, name: str, commit: str) -> None:
        """Set a tag that is not there. Raises `UserError` when it is there, at another commit."""

        def call() -> None:
            try:
                self.api.create_tag(self.repo, tag=name, revision=commit, repo_type=self.repo_type)
            except Exception as error:
                if trouble.status_of(error) != 409:
                    raise

        self._try("tag", call)
        found = self._try("look", self._tags).get(name)
        if found != commit:
            raise UserError(
                f"{self.repo}: tag {name!r}: found it at commit {str(found)[:12]}, expected "
                f"{commit[:12]}; tags are never moved, give another --tag"
            )

    def settle(self, **settings: Any) -> None:
        """Change visibility or gating."""

        def call() -> None:
            self.api.update_repo_settings(self.repo, repo_type=self.repo_type, **settings)

        self._try("settings", call)

    def pull_request(self, mark: str, base: str) -> str | None:
        """Return the open pull request whose title holds `mark` and that starts from `base`."""

        def call() -> str | None:
            for one in self.api.get_repo_discussions(
                self.repo, repo_type=self.repo_type, discussion_type="pull_request",
                discussion_status="open",
            ):  # fmt: skip
                if mark in one.title and base in self._history(f"refs/pr/{one.num}"):
                    return str(one.num)
            return None

        return self._try("look for pull requests", call)

    def head_of(self, revision: str) -> str:
        """Return the commit that a revision names."""

        def call() -> str:
            found = self.api.repo_info(self.repo, repo_type=self.repo_type, revision=revision)
            return str(found.sha)

        return self._try("look", call)

    def merge(self, number: str) -> None:
        """Merge a pull request; one that is merged already is left as it is."""

        def call() -> None:
            details = self.api.get_discussion_details(
                self.repo, int(number), repo_type=self.repo_type
            )
            if details.status != "merged":
                self.api.merge_pull_request(self.repo, int(number), repo_type=self.repo_type)

        self._try("merge", call)

    def close(self, number: str, why: str) -> None:
        """Close a pull request."""

        def call() -> None:
            self.api.change_discussion_status(
                self.repo, int(number), "closed", comment=why, repo_type=self.repo_type
            )

        self._try("close the pull request", call)

    def waiting(self, step: str, call: Callable[[], T]) -> T:
        """Return what `call` returns; trouble that passes is waited out."""
        return self._try(step, call)

    def _try(self, step: str, call: Callable[[], T]) -> T:
        return trouble.patiently(step, call, repo=self.repo, patience=self._patience)

    def _standing(self) -> Standing:
        try:
            info = self.api.repo_info(self.repo, repo_type=self.repo_type, revision=MAIN)
        except Exception as error:
            if trouble.code_of(error) == "RepoNotFound" or trouble.status_of(error) == 404:
                return Standing(head="", tree={}, tags={})
            raise
        return Standing(
            head=str(info.sha), tree=self._tree(str(info.sha)), private=bool(info.private),
            tags=self._tags(),
        )  # fmt: skip

    def _tags(self) -> dict[str, str]:
        refs = self.api.list_repo_refs(self.repo, repo_type=self.repo_type)
        return {ref.name: str(ref.target_commit) for ref in refs.tags}

    def _tree(self, revision: str) -> dict[str, str]:
        entries = self.api.list_repo_tree(
            self.repo, recursive=True, revision=revision, repo_type=self.repo_type
        )
        files = (entry for entry in entries if hasattr(entry, "blob_id"))
        return {file.path: file.lfs.sha256 if file.lfs else file.blob_id for file in files}

    def _history(self, revision: str) -> set[str]:
        commits = self.api.list_repo_commits(self.repo, repo_type=self.repo_type, revision=revision)
        return {str(commit.commit_id) for commit in commits}
