"""One export from start to end.

    export(Path("out/region-diff"), "swift", Path("swift-data"))
        -> Exported(rows={"sft": 4311, "dpo": 2874, "grpo": 2874}, files=[...], pictures=2874, ...)

Everything is written beside `out` and renamed at the end: the folder is whole or not there. The
same export again does nothing; a folder that holds something else is left alone.
"""

import json
import shutil
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from counterfactory.errors import UserError, did_you_mean
from counterfactory.factory.release import manifest
from counterfactory.factory.release.contents import Content, contents
from counterfactory.factory.release.export.forms import FORMS, Form
from counterfactory.factory.release.export.work import Work
from counterfactory.factory.run.disk import TEMPORARY, disk_errors, locked
from counterfactory.progress import Progress

RECORD, LOCK = "export.json", ".lock"


@dataclass(frozen=True, slots=True, kw_only=True)
class Exported:
    """What an export holds."""

    out: Path
    target: str
    version: str  # of the release
    rows: dict[str, int]  # view -> rows
    files: list[str]
    pictures: int
    notes: dict[str, int] = field(default_factory=dict)
    seconds: float = 0.0
    unchanged: bool = False  # it was there already

    def as_dict(self) -> dict[str, Any]:
        """Return the answer of `release export --json`."""
        return {
            "out": str(self.out), "target": self.target, "version": self.version,
            "rows": self.rows, "files": self.files, "pictures": self.pictures,
            "notes": self.notes, "seconds": round(self.seconds, 3), "unchanged": self.unchanged,
        }  # fmt: skip

    def __str__(self) -> str:
        rows = ", ".join(f"{view} {count:,} rows" for view, count in self.rows.items())
        done = "is there already" if self.unchanged else f"{self.seconds:.1f} s"
        notes = [f"{count:,} rows: {text}" for text, count in self.notes.items()]
        how = f"{self.out}/README.md says how it is read"
        return "\n".join([f"{self.out}: {self.target}, {rows}, {done}", *notes, how])


def export(
    folder: Path, target: str, out: Path, *,
    views: Sequence[str] = (), prefix: str = "", quiet: bool = True,
) -> Exported:  # fmt: skip
    """Write a release in the form of `target`.

    `views` keeps to some of those that the form has; `prefix` is put before the paths of pictures.
    Raises `UserError` for an unknown target, a view that is not there, or another folder at `out`.
    """
    if target not in FORMS:
        hint = did_you_mean(target, FORMS)
        raise UserError(f"--to: found {target!r}, expected one of {', '.join(FORMS)}{hint}")
    form, promised, out = FORMS[target], manifest.read(folder), out.absolute()
    found = _chosen(folder, form, views)
    about = {
        "target": target, "release": promised["name"], "version": promised["version"],
        "fingerprint": promised["fingerprint"], "seal": promised["seal"], "prefix": prefix,
        "rows": {view: content.rows for view, content in found.items()},
    }  # fmt: skip
    if prefix and not form.paths:
        raise UserError(f"--prefix: found {prefix!r}, but {target} holds no paths of pictures")
    if out.is_relative_to(folder.absolute()):
        raise UserError(f"{out}: is in the release itself, expected a folder elsewhere (--out)")
    if (there := _there(out, about)) is not None:
        return there
    started, staged = time.monotonic(), out.with_name(out.name + TEMPORARY)
    with disk_errors(out.parent):
        staged.mkdir(parents=True, exist_ok=True)
        with locked(staged / LOCK, "export"):
            try:
                work = Work(
                    release=folder, out=_swept(staged), name=promised["name"], prefix=prefix
                )
                record = about | _write(form, work, found, quiet)
                _text(staged / "README.md", _readme(form, record))
                _text(staged / RECORD, json.dumps(record, indent=2, ensure_ascii=False) + "\n")
                (staged / LOCK).unlink()
                staged.replace(out)
            except BaseException:
                shutil.rmtree(staged, ignore_errors=True)
                raise
    return _exported(out, record, seconds=time.monotonic() - started)


def _chosen(folder: Path, form: Form, views: Sequence[str]) -> dict[str, Content]:
    """Return the views to write."""
    found = contents(folder)
    for view in views:
        if view not in form.views:
            raise UserError(
                f"--view: found {view!r}, expected one of {', '.join(form.views)} for {form.name}"
            )
        if view not in found:
            raise UserError(
                f"{folder}: holds no view {view!r}, found {', '.join(found) or 'no views'}"
            )
    chosen = {view: found[view] for view in views or form.views if view in found}
    if not chosen:
        raise UserError(
            f"{folder}: {form.name} is made from {' or '.join(form.views)}, "
            f"but the release holds {', '.join(found) or 'no views'}"
        )
    return chosen


def _there(out: Path, about: dict[str, Any]) -> Exported | None:
    """Return the export at `out` if it is this one. Raises `UserError` when it is something else."""
    if not out.exists():
        return None
    if not out.is_dir():
        raise UserError(f"{out}: found a file, expected a folder that is new or empty (--out)")
    if not any(out.iterdir()):
        return None
    try:
        record = json.loads((out / RECORD).read_bytes())
    except (OSError, ValueError):
        raise UserError(
            f"{out}: found other files, expected a folder that is new or empty (--out)"
        ) from None
    if any(record.get(name) != value for name, value in about.items()):
        raise UserError(
            f"{out}: found another export, expected a folder that is new or empty (--out)"
        )
    if not all(_is_of_size(out / name, size) for name, size in record["files"].items()):
        raise UserError(
            f"{out}: found an export whose files were changed since; remove it and export again"
        )
    return _exported(out, record, unchanged=True)


def _is_of_size(path: Path, size: int) -> bool:
    return path.is_file() and path.stat().st_size == size


def _write(form: Form, work: Work, found: dict[str, Content], quiet: bool) -> dict[str, Any]:
    names: dict[str, None] = {}
    total = sum(content.rows for content in found.values())
    with Progress(total, f"export {form.name}", quiet=quiet) as work.progress:
        for view, content in found.items():
            for split in content.splits:
                names |= dict.fromkeys(form.write(work, view, split))
    files = {name: (work.out / name).stat().st_size for name in names}
    return {"files": files, "pictures": work.pictures, "notes": work.notes}


def _swept(staged: Path) -> Path:
    """Return the folder without what a killed export left in it."""
    for path in staged.iterdir():
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        elif path.name != LOCK:
            path.unlink()
    return staged


def _exported(out: Path, record: dict[str, Any], **more: Any) -> Exported:
    return Exported(
        out=out, target=record["target"], version=record["version"], rows=record["rows"],
        files=list(record["files"]), pictures=record["pictures"], notes=record["notes"], **more,
    )  # fmt: skip


def _readme(form: Form, record: dict[str, Any]) -> str:
    rows = "\n".join(f"- {view}: {count:,} rows" for view, count in record["rows"].items())
    notes = "".join(f"\n{count:,} rows: {text}.\n" for text, count in record["notes"].items())
    return (
        f"# {record['release']} for {form.title}\n\nExported from version {record['version']} of the release "
        f"`{record['release']}`, recipe fingerprint\n`{record['fingerprint']}`. Sources, licences and limits are in "
        f"the release's card.\n\n{rows}\n{notes}\n{form.how}\n"
    )


def _text(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8", newline="\n")
