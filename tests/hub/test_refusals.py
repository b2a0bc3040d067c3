"""What must not get in: paths out of the repository, other bytes than announced, too much, and nonsense."""

import base64
import hashlib
import json
import os
from pathlib import Path
from urllib.parse import quote

import pytest
from huggingface_hub import CommitOperationAdd, HfApi
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from raw_http import Answer, ask, send

from counterfactory.factory.release.hub import serve
from counterfactory.factory.release.hub.files import asked_range

REPO = "lab/edits"
API = f"/api/datasets/{REPO}"
LFS = f"/datasets/{REPO}.git/info/lfs/objects"
TRAVERSALS = ["../x", "a/../../x", "/etc/passwd", "a//b", "./a", "a/.", ".git/config", "a/.GIT/x",
              "a\\..\\b", "a\0b", "a\nb", "", "..", "x" * 300, "a/" * 600 + "b", "\udcff"]  # fmt: skip


@pytest.fixture(autouse=True)
def repo(api: HfApi) -> None:
    api.create_repo(REPO, repo_type="dataset")


def commit_lines(*changes: dict[str, object], summary: str = "x") -> bytes:
    lines = [{"key": "header", "value": {"summary": summary}}, *changes]
    return b"\n".join(json.dumps(line).encode() for line in lines)


def add(path: str, data: bytes = b"x") -> dict[str, object]:
    content = base64.b64encode(data).decode()
    return {"key": "file", "value": {"path": path, "content": content, "encoding": "base64"}}


def large(path: str, oid: str, **more: object) -> dict[str, object]:
    return {"key": "lfsFile", "value": {"path": path, "algo": "sha256", "oid": oid, **more}}


def commit(url: str, body: bytes) -> Answer:
    return ask(url, "POST", f"{API}/commit/main", body, Content_Type="application/x-ndjson")


def upload_address(url: str, data: bytes, size: int | None = None) -> str:
    oid = hashlib.sha256(data).hexdigest()
    asked = {
        "operation": "upload",
        "objects": [{"oid": oid, "size": len(data) if size is None else size}],
    }
    told = ask(url, "POST", f"{LFS}/batch", json.dumps(asked).encode()).json
    return str(told["objects"][0]["actions"]["upload"]["href"]).removeprefix(url)


def stored(tmp_path: Path) -> list[str]:
    return [
        path.name
        for path in (tmp_path / "hub").rglob("*")
        if path.is_file() and "blobs" in path.parts
    ]


@pytest.mark.parametrize("path", TRAVERSALS)
def test_paths_out_of_the_repository_are_refused_everywhere(
    api: HfApi, url: str, path: str
) -> None:
    head = api.repo_info(REPO, repo_type="dataset").sha
    for change in (
        add(path),
        large(path, "0" * 64),
        {"key": "deletedFile", "value": {"path": path}},
    ):
        assert commit(url, commit_lines(add("good.txt"), change)).status == 400
    asked = json.dumps({"files": [{"path": path, "size": 1, "sample": ""}]}).encode()
    assert ask(url, "POST", f"{API}/preupload/main", asked).status == 400
    assert api.repo_info(REPO, repo_type="dataset").sha == head


@pytest.mark.parametrize(
    "address",
    [
        f"/datasets/{REPO}/resolve/main/../../../../secret",
        f"/datasets/{REPO}/resolve/main/%2e%2e%2f%2e%2e%2fsecret",
        f"/datasets/{REPO}/resolve/..%2f..%2fheads/main.ref",
        f"/datasets/{REPO}/resolve/main%00/a",
        "/datasets/lab/..%2f..%2f/resolve/main/secret",
        "/datasets/../secret/resolve/main/secret",
        f"{API}/tree/main/..%2f..",
        f"{API}/revision/..%2f..%2frepo.json",
        f"{API}/discussions/..%2f1",
        f"{LFS}/..%2f..%2frepo.json",
        "/secret", "/lock", "/%2e%2e/secret", f"{API}/tree/%ff",
    ],
)  # fmt: skip
def test_no_address_leads_out_of_a_repository(url: str, tmp_path: Path, address: str) -> None:
    told = ask(url, "GET", address)
    assert told.status in (400, 404)
    assert (tmp_path / "hub" / "secret").read_bytes() not in told.body


def test_a_content_with_another_digest_is_refused_and_not_kept(url: str, tmp_path: Path) -> None:
    address = upload_address(url, b"announced")
    told = ask(url, "PUT", address, b"different")
    assert told.status == 400 and "sha256" in told.json["error"]
    assert stored(tmp_path) == []
    assert ask(url, "PUT", address, b"announced").status == 200
    assert stored(tmp_path) == [hashlib.sha256(b"announced").hexdigest()]


def test_a_content_larger_than_announced_is_refused(url: str, tmp_path: Path) -> None:
    address = upload_address(url, b"announced", size=3)
    assert ask(url, "PUT", address, b"announced").status == 413
    chunked = b"9\r\nannounced\r\n0\r\n\r\n"
    assert ask(url, "PUT", address, chunked, Transfer_Encoding="chunked").status == 413
    assert stored(tmp_path) == []


def test_a_put_in_chunks_arrives(url: str, tmp_path: Path) -> None:
    data = os.urandom(300_000)
    parts = [data[:1], data[1:100_000], data[100_000:]]
    body = b"".join(b"%x;ext=1\r\n%s\r\n" % (len(part), part) for part in parts)
    told = ask(
        url,
        "PUT",
        upload_address(url, data),
        body + b"0\r\nTrailer: x\r\n\r\n",
        Transfer_Encoding="chunked",
    )
    assert told.status == 200 and stored(tmp_path) == [hashlib.sha256(data).hexdigest()]


def test_a_cut_upload_leaves_nothing(url: str, tmp_path: Path, api: HfApi) -> None:
    data = os.urandom(100_000)
    head = f"PUT {upload_address(url, data)} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 100000\r\n\r\n"
    assert send(url, head.encode() + data[:50_000]) == b""
    assert api.repo_info(REPO, repo_type="dataset").sha
    assert stored(tmp_path) == []
    assert list((tmp_path / "hub" / "datasets" / REPO / "incoming").iterdir()) == []


def test_files_above_the_limit_of_the_server_are_refused(tmp_path: Path) -> None:
    with serve(tmp_path / "small", max_file=1000) as url:
        api = HfApi(endpoint=url, token="local")
        api.create_repo(REPO, repo_type="dataset")
        with pytest.raises(Exception, match="Too large"):
            api.create_commit(
                REPO,
                [CommitOperationAdd("a.bin", b"x" * 1001)],
                commit_message="x",
                repo_type="dataset",
            )
        told = ask(url, "PUT", f"{LFS}/{'0' * 64}", b"x" * 1001)
        assert told.status == 413
    body = commit_lines(add("a.txt", b"x" * (10 * 2**20 + 1)))
    with serve(tmp_path / "other") as url:
        HfApi(endpoint=url, token="local").create_repo(REPO, repo_type="dataset")
        assert commit(url, body).status == 413
        assert ask(url, "POST", f"{API}/tag/main", b"x" * (9 * 2**20)).status == 413


def test_a_commit_of_a_content_that_was_never_sent_is_refused(url: str) -> None:
    told = commit(url, commit_lines(large("a.bin", hashlib.sha256(b"never").hexdigest())))
    assert told.status == 400 and "not uploaded" in told.json["error"]
    ask(url, "PUT", upload_address(url, b"sent"), b"sent")
    oid = hashlib.sha256(b"sent").hexdigest()
    assert commit(url, commit_lines(large("a.bin", oid, size=5))).status == 400
    assert commit(url, commit_lines(large("a.bin", oid, size=4))).status == 200


@pytest.mark.parametrize(
    "body",
    [
        b"", b"{", b"[]", b"null", b"\xff\xfe", b'{"key": "file"}', commit_lines(summary=" "),
        commit_lines({"key": "symlink", "value": {"path": "a"}}), commit_lines() + b"\n" + commit_lines(),
        commit_lines({"key": "file", "value": {"path": "a", "content": "$$$"}}),
        commit_lines({"key": "file", "value": {"path": "a", "content": "x", "encoding": "utf-8"}}),
        commit_lines({"key": "file", "value": {"path": ["a"], "content": ""}}),
        commit_lines({"key": "file", "value": "a"}), commit_lines(large("a", "../../x")),
        b'{"key": "header", "value": {"summary": "x", "parentCommit": "zz"}}',
        b'{"key": "header", "value": {"summary": 7}}', b"[" * 100_000,
    ],
)  # fmt: skip
def test_malformed_commits_are_refused_in_one_line(url: str, api: HfApi, body: bytes) -> None:
    told = commit(url, body)
    assert told.status == 400 and "\n" not in told.json["error"]
    assert len(api.list_repo_commits(REPO, repo_type="dataset")) == 1


@pytest.mark.parametrize(
    "head",
    [
        b"Content-Length: 5\r\nContent-Length: 6\r\n", b"Content-Length: -1\r\n", b"Content-Length: x\r\n",
        b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", b"Transfer-Encoding: gzip\r\n",
        b"Host: a b\r\n", b"Host: evil.example\r\n", b"Origin: http://evil.example\r\n",
    ],
)  # fmt: skip
def test_requests_whose_frame_or_origin_is_wrong_are_refused(url: str, head: bytes) -> None:
    told = send(url, b"POST /api/repos/create HTTP/1.1\r\n" + head + b'\r\n{"name": "evil"}')
    assert told.split()[1] in (b"400", b"403")
    assert ask(url, "GET", "/api/datasets").json[0]["id"] == REPO


def test_an_unread_body_is_not_taken_for_a_request(url: str) -> None:
    inner = b'POST /api/repos/create HTTP/1.1\r\nContent-Length: 15\r\n\r\n{"name": "evil"}'
    outer = b"POST /nowhere HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: %d\r\n\r\n" % len(inner)
    told = send(url, outer + inner + b"GET /api/models HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
    assert told.count(b"HTTP/1.1 404") == 1 and told.endswith(b"[]")


def test_a_refusal_of_a_long_body_still_arrives(url: str) -> None:
    told = ask(url, "PUT", f"{LFS}/{'0' * 64}?size=1", b"x" * 20_000_000)
    assert told.status == 413


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.binary(max_size=300))
def test_no_bytes_bring_the_server_down(url: str, data: bytes) -> None:
    send(url, data)
    send(
        url,
        b"POST "
        + API.encode()
        + b"/commit/main HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"
        + data,
    )
    assert commit(url, data).status in (200, 400)
    assert ask(url, "GET", f"/datasets/{REPO}/resolve/main/{quote(data)}").status in (400, 404)
    assert ask(url, "GET", API).status == 200


@given(
    text=st.text(max_size=40) | st.from_regex(r"bytes=\d{0,3}-\d{0,3}", fullmatch=True),
    size=st.integers(0, 99),
)
def test_ranges_stay_within_the_file(text: str, size: int) -> None:
    found = asked_range(text, size)
    if found is not None:
        assert 0 <= found[0] <= found[1] <= size
