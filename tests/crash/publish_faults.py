"""Every fault at every step of a publish: what the command says, what the Hub then holds, what a rerun does.

    python tests/crash/publish_faults.py            # the whole table, as Markdown; some minutes

A case: a repository holds one version; the next is published while one kind of request meets a fault,
once or always; then the road is free and the same command runs again. At no time may `main` hold
anything but a whole version, and a tag anything but a proven one.
"""

import itertools
import shutil
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

sys.path += [str(Path(__file__).parents[1]), str(Path(__file__).parents[1] / "factory")]
import publishing
import release_kit as kit
from publishing import Done, Fault, Publisher, Road

from counterfactory.factory.release.hub import serve


class Step(NamedTuple):
    """One kind of request that a publish makes."""

    method: str
    path: str
    body: bool = False
    after: int = 0  # such requests that pass before


STEPS = {
    "look": Step("GET", r"/revision/main"),
    "create": Step("POST", r"/api/repos/create", body=True),
    "list": Step("GET", r"/tree/[0-9a-f]{40}\?recursive=true"),
    "read the version before": Step("GET", r"/resolve/.*/manifest\.json"),
    "ask how to upload": Step("POST", r"/preupload/", body=True),
    "ask where to upload": Step("POST", r"/objects/batch", body=True),
    "upload": Step("PUT", r"/info/lfs/objects/", body=True),
    "verify the upload": Step("POST", r"/objects/verify", body=True),
    "check the card": Step("POST", r"/validate-yaml", body=True),
    "commit": Step("POST", r"/commit/main", body=True),
    "list what was sent": Step("GET", r"/tree/[0-9a-f]{40}\?recursive=true", after=1),
    "read back a file": Step("GET", r"/resolve/.*/CHANGELOG\.md", after=1),
    "load back": Step("GET", r"/resolve/.*\.parquet"),
    "tag": Step("POST", r"/tag/", body=True),
    "read the tag": Step("GET", r"/refs$", after=1),
}
FAULTS = {
    "401": Fault("status", 401), "403": Fault("status", 403),
    "404": Fault("status", 404, {"X-Error-Code": "RepoNotFound"}),
    "409": Fault("status", 409), "412": Fault("status", 412),
    "429": Fault("status", 429, {"Retry-After": "1"}), "500": Fault("status", 500),
    "503": Fault("status", 503), "507": Fault("status", 507),
    "no answer, connection cut": Fault("cut"), "cut in the middle of sending": Fault("cut_body"),
    "done, but the answer is lost": Fault("lost"), "no answer, connection open": Fault("silent"),
}  # fmt: skip
PASSING = {
    "429", "500", "503", "no answer, connection cut", "cut in the middle of sending",
    "done, but the answer is lost", "no answer, connection open",
}  # fmt: skip
"""Faults that a single time must not stop a publish."""


@dataclass(frozen=True)
class Outcome:
    """How a case went."""

    step: str
    fault: str
    always: bool
    first: Done
    met: bool  # whether a request met the fault at all
    remote: str  # what the Hub held after the first run
    again: Done
    wrong: str  # what must not be; "" when all is well

    @property
    def told(self) -> str:
        """The outcome of the first run in words."""
        if self.first.code == 0:
            return "published"
        return "one line, exit 2" if self.first.code == 2 and len(self.first.errors) == 1 else "BUG"


class Bench:
    """A Hub, a road, a publisher and releases that differ."""

    def __init__(self, hub: str, road: Road, publisher: Publisher, place: Path) -> None:
        self.hub, self.road, self.publisher, self.place = hub, road, publisher, place
        self._numbers = itertools.count()

    def release(self) -> Path:
        """A release that differs from all others in its rows; every file has to be uploaded."""
        number = next(self._numbers)
        rows = kit.rows_of(kit.candidate(n) for n in (number, number + 1000))
        return kit.write(self.place / f"r{number}", rows, views=("dpo",))

    def repo(self) -> str:
        """A repository with one version."""
        name = f"lab/case{next(self._numbers)}"
        done = self.publisher.publish(self.release(), name)
        assert done.code == 0, done.err
        return name


def run(bench: Bench, repo: str, step: str, fault: str, *, always: bool) -> Outcome:
    """Run one case."""
    asked, folder = STEPS[step], bench.release()
    if step == "create":
        repo = f"{repo}-{folder.name}"
    before = _held(bench, repo) if step != "create" else None
    bench.road.clear()
    bench.road.block(
        asked.method, asked.path, FAULTS[fault], times=10**9 if always else 1, after=asked.after
    )
    first = bench.publisher.publish(folder, repo)
    met = bench.road.hits > 0
    bench.road.clear()
    after = _held(bench, repo)
    remote, wrong = _judge(bench, repo, before, after, first)
    again = bench.publisher.publish(folder, repo)
    wrong = wrong or _judge_again(bench, repo, before, first, again)
    if not wrong and not always and fault in PASSING and met and first.code != 0:
        wrong = "a trouble that passed stopped it"
    shutil.rmtree(folder)
    return Outcome(step, fault, always, first, met, remote, again, wrong)


class Held(NamedTuple):
    """What a repository holds."""

    head: str
    tree: dict[str, str]
    tags: dict[str, str]


def _held(bench: Bench, repo: str) -> Held | None:
    try:
        head = publishing.head(bench.hub, repo)
    except OSError:
        return None
    return Held(head, publishing.tree(bench.hub, repo), publishing.tags(bench.hub, repo))


def _judge(
    bench: Bench, repo: str, before: Held | None, after: Held | None, first: Done
) -> tuple[str, str]:
    """Return what the Hub holds after the first run, and what must not be."""
    if first.code == 1 or (first.code == 2 and len(first.errors) != 1) or "hf_local" in first.err:
        return "", f"exit {first.code}: {first.err[-600:]}"
    if after is None:
        return "no repository", "" if before is None else "the repository is gone"
    old = before or Held("", {}, {})
    if any(after.tags.get(tag) != commit for tag, commit in old.tags.items()):
        return "", "a tag moved"
    new = set(after.tags) - set(old.tags)
    if first.code == 0:
        whole = len(new) == 1 and after.tags[min(new)] == after.head
        return "new version, tagged", "" if whole else f"published, but tags are {after.tags}"
    if not after.tree or after.tree == old.tree or set(after.tree) <= {".gitattributes"}:
        return (
            "the version before" if before else "empty repository",
            "a tag of nothing" if new else "",
        )
    whole = {"manifest.json", "README.md"} <= set(after.tree) and len(after.tree) == len(
        old.tree or after.tree
    )
    if new:
        return "new version, tagged", "" if after.tags[min(new)] == after.head else "a wrong tag"
    return "new commit, whole, without a tag", "" if whole else f"half: {sorted(after.tree)}"


def _judge_again(bench: Bench, repo: str, before: Held | None, first: Done, again: Done) -> str:
    """Return what must not be after the second run."""
    if again.code != 0:
        return f"the rerun fails: {again.err[-400:]}"
    held = _held(bench, repo)
    assert held is not None
    new = set(held.tags) - set(before.tags if before else {})
    if len(new) != 1 or held.tags[min(new)] != held.head:
        return f"after the rerun the tags are {held.tags}, the head {held.head}"
    if first.code == 0 and again.json["new"]:
        return "the rerun did not see that all was done"
    return ""


def cases() -> Iterator[tuple[str, str, bool]]:
    """Yield every case: step, fault, always."""
    for step, asked in STEPS.items():
        for fault, meaning in FAULTS.items():
            if meaning.kind == "cut_body" and not asked.body:
                continue
            for always in (False, True) if fault in PASSING else (True,):
                yield step, fault, always


def line(one: Outcome) -> str:
    """One line of the table."""
    cells = (one.step, one.fault, "always" if one.always else "once", one.told, one.remote)
    again = "published" if one.again.code == 0 else "FAILS"
    told = " | ".join([*cells, again])
    return f"| {told} |" + (f" **{one.wrong}**" if one.wrong else "")


def main() -> None:
    """Print the table; arguments name the only faults that are wanted."""
    wanted = sys.argv[1:] or list(FAULTS)
    place = Path(tempfile.mkdtemp(prefix="counterfactory-faults-"))
    lines = []
    with serve(place / "hub") as hub, Road(hub) as road, Publisher(road.url) as publisher:
        bench = Bench(hub, road, publisher, place)
        repos: dict[str, str] = {}
        for step, fault, always in (case for case in cases() if case[1] in wanted):
            if step not in repos:
                repos[step] = bench.repo()
            one = run(bench, repos[step], step, fault, always=always)
            lines.append(line(one))
            sys.stderr.write(f"{line(one)} {'' if one.met else '(not met)'}\n")
    shutil.rmtree(place)
    head = "| step | fault | how often | the command | the Hub then holds | run again |"
    bad = sum("**" in text for text in lines)
    table = "\n".join([head, "|---" * 6 + "|", *lines])
    sys.stdout.write(f"{table}\n\n{len(lines)} cases, {bad} wrong\n")


if __name__ == "__main__":
    main()
