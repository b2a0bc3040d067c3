"""What a release would teach, row by row: a picture, a question, the answer, and how it is marked.

    release = read_told(Path("runs/world-qa"))
    release.told[0]      Told(view="sft", id="fcd7...-q0", pictures=("9f86...",), question="Is it red?",
                              answer="no", worse="", verifier="yes_no", harmful=False)
    release.pictures["9f86..."]     the bytes of the file, by their digest

Views of one release say the same thing in several forms, so a question counts once in each view. The
mark of a harmful request stands in `grpo` alone; the other views get it by picture and question.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from counterfactory.factory.release import manifest
from counterfactory.factory.release.contents import data_files, scan
from counterfactory.factory.release.views import verifier_of
from counterfactory.fingerprint import digest_bytes
from counterfactory.loop.gate_settings import KINDS
from counterfactory.selecting import ANSWER, THINK

OPEN = "open"  # a sentence: no verifier, many right answers
SAFETY = "safety"  # the kind of a preference
SHORT = 3  # words; a longer answer without a verifier is a sentence


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """One thing that a row teaches."""

    view: str
    id: str
    pictures: tuple[str, ...]  # digests of the files
    question: str  # without the instruction to think
    answer: str  # the preferred one; of a rationale, what it ends with
    worse: str = ""  # the answer that it is preferred to
    verifier: str  # a kind of answer, or open
    harmful: bool | None = None  # None: nothing in the release says so
    safety: bool = False  # a request, not a question
    text: str = ""  # the answer as the row has it
    thought: bool = False  # with the instruction to think

    @property
    def asked(self) -> tuple[tuple[str, ...], str]:
        """What the model is shown and asked."""
        return self.pictures, self.question


@dataclass(frozen=True, slots=True)
class Release:
    """A release as the gates see it."""

    folder: Path
    manifest: Mapping[str, Any]
    told: tuple[Told, ...]
    pictures: Mapping[str, bytes]


def read_told(folder: Path) -> Release:
    """Read every view that answers something. Raises `UserError` when the folder is no release."""
    about = manifest.read(folder)
    pictures: dict[str, bytes] = {}
    known: dict[tuple[tuple[str, ...], str], tuple[str, bool]] = {}
    told: list[Told] = []
    for view in ("grpo", "sft", "dpo", "kto"):  # grpo first: it says how answers are marked
        if data_files(folder, view):
            for row in scan(folder, view, _WANTED[view]):
                shown = tuple(_kept(image, pictures) for image in row["images"] or ())
                told += _READ[view](row, shown, known)
    return Release(folder, about, tuple(told), pictures)


_WANTED = {
    "grpo": ["prompt", "images", "answer", "verifier", "harmful", "id"],
    "sft": ["images", "prompt", "completion", "id"],
    "dpo": ["images", "prompt", "chosen", "rejected", "id", "kind"],
    "kto": ["images", "prompt", "completion", "label", "id"],
}
_Known = dict[tuple[tuple[str, ...], str], tuple[str, bool]]


def _kept(image: Mapping[str, Any] | None, pictures: dict[str, bytes]) -> str:
    data = (image or {}).get("bytes") or b""
    name = digest_bytes(data)
    pictures.setdefault(name, data)
    return name


def _said(turns: Any) -> str:
    return "\n".join(str(turn["content"]) for turn in turns or ())


def _grpo(row: Mapping[str, Any], shown: tuple[str, ...], known: _Known) -> Iterator[Told]:
    question, verifier = _said(row["prompt"]), row["verifier"]
    kind = verifier if verifier in KINDS else OPEN
    known[shown, question] = kind, bool(row["harmful"])
    yield Told(
        view="grpo", id=row["id"], pictures=shown, question=question, answer=row["answer"],
        text=row["answer"], verifier=kind, harmful=bool(row["harmful"]), safety=kind == "refusal",
    )  # fmt: skip


def _sft(row: Mapping[str, Any], shown: tuple[str, ...], known: _Known) -> Iterator[Told]:
    yield _plain("sft", row["id"], shown, _said(row["prompt"]), _said(row["completion"]), known)


def _dpo(row: Mapping[str, Any], shown: tuple[str, ...], known: _Known) -> Iterator[Told]:
    yield _plain(
        "dpo", row["id"], shown, _said(row["prompt"]), _said(row["chosen"]), known,
        worse=_said(row["rejected"]), safety=row["kind"] == SAFETY,
    )  # fmt: skip


def _kto(row: Mapping[str, Any], shown: tuple[str, ...], known: _Known) -> Iterator[Told]:
    if row["label"]:
        yield _plain("kto", row["id"], shown, _said(row["prompt"]), _said(row["completion"]), known)


def _plain(
    view: str, row: str, shown: tuple[str, ...], question: str, answer: str, known: _Known,
    *, worse: str = "", safety: bool = False,
) -> Told:  # fmt: skip
    asked = question.removesuffix(THINK)
    marked = known.get((shown, asked))
    text, (rationale, ends, last) = answer, answer.rpartition(ANSWER)
    if thought := asked != question:
        answer = last if rationale and ends else answer
    return Told(
        view=view, id=row, pictures=shown, question=asked, answer=answer, worse=worse,
        verifier=marked[0] if marked else _kind_of(answer), harmful=marked[1] if marked else None,
        safety=safety or (marked is not None and marked[0] == "refusal"), text=text, thought=thought,
    )  # fmt: skip


def _kind_of(answer: str) -> str:
    kind = verifier_of(answer)
    return OPEN if kind == "exact" and len(answer.split()) > SHORT else kind


_READ = {"grpo": _grpo, "sft": _sft, "dpo": _dpo, "kto": _kto}
