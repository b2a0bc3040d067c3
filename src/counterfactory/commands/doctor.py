"""`counterfactory doctor`: is everything here that a build needs?

ok     python        3.11.7          3.11 or newer
ok     torch         2.15.0          >=2.11
wrong  cache         not writable    a folder one can write to
"""

import argparse
import importlib.metadata
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from counterfactory.cache import cache_folder
from counterfactory.commands.options import sub
from counterfactory.commands.output import answer, table

FREE_BYTES = 2_000_000_000
FOLDERS = ("cards", "eval", "factory", "recipes", "training")

Finding = dict[str, Any]  # name, ok, found, expected


def add(commands: Any) -> None:
    """Declare the command."""
    sub(commands, "doctor", "say whether this machine has what a build needs").set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Run every check; one that cannot even be made is a failed one."""
    findings = [finding for check in CHECKS for finding in _tried(check)]
    ok = all(finding["ok"] for finding in findings)
    rows = [
        ("ok" if item["ok"] else "wrong", item["name"], item["found"], item["expected"])
        for item in findings
    ]
    wrong = sum(not finding["ok"] for finding in findings)
    text = table([("", "check", "found", "expected"), *rows])
    answer(
        args,
        {"ok": ok, "checks": findings},
        f"{text}\n\n{'all is well' if ok else f'{wrong} wrong'}",
    )
    return 0 if ok else 2


def finding(name: str, ok: bool, found: object, expected: str) -> Finding:
    """Return the result of one check."""
    return {"name": name, "ok": ok, "found": str(found), "expected": expected}


def check_python() -> Iterator[Finding]:
    """Python itself."""
    yield finding("python", sys.version_info >= (3, 11), sys.version.split()[0], "3.11 or newer")


def check_packages() -> Iterator[Finding]:
    """Every dependency against its lower bound, as the installed package declares it."""
    from packaging.requirements import Requirement

    for text in requirements():
        wanted = Requirement(text)
        if wanted.marker is not None and not wanted.marker.evaluate({"extra": ""}):
            continue
        try:
            version = importlib.metadata.version(wanted.name)
        except importlib.metadata.PackageNotFoundError:
            yield finding(
                wanted.name, False, "not installed", str(wanted.specifier) or "any version"
            )
            continue
        fits = wanted.specifier.contains(version, prereleases=True)
        yield finding(wanted.name, fits, version, str(wanted.specifier) or "any version")


def requirements() -> list[str]:
    """Return the declared dependencies: of the installed package, or of the checkout."""
    try:
        return importlib.metadata.requires("counterfactory") or []
    except importlib.metadata.PackageNotFoundError:
        import tomllib

        project = Path(__file__).resolve().parents[3] / "pyproject.toml"
        return list(tomllib.loads(project.read_text(encoding="utf-8"))["project"]["dependencies"])


def check_folders() -> Iterator[Finding]:
    """The links from the namespace to the top-level folders: some checkouts make them text."""
    import counterfactory

    namespace = Path(counterfactory.__file__).parent
    broken = [name for name in FOLDERS if not (namespace / name / "__init__.py").is_file()]
    found = f"broken: {', '.join(broken)}" if broken else f"{len(FOLDERS)} folders"
    yield finding(
        "links", not broken, found, "links to the top-level folders (git config core.symlinks true)"
    )


def check_pocket() -> Iterator[Finding]:
    """The pocket models: present, and every tensor file whole."""
    from counterfactory import pocket
    from counterfactory.fingerprint import digest_weights

    for name in pocket.ABOUT:
        folder = pocket.HERE / name
        expected = f"whole weights (pocket pretrain {name} makes new ones)"
        try:
            for file in folder.rglob("*.safetensors"):
                _read_header(file)
            yield finding(f"pocket {name}", True, digest_weights(folder)[:12], expected)
        except FileNotFoundError:
            yield finding(f"pocket {name}", False, "missing", expected)
        except Exception as error:  # safetensors' own error says what is wrong with the file
            yield finding(f"pocket {name}", False, f"{file.name}: {error}"[:80], expected)


def check_disk() -> Iterator[Finding]:
    """Room to work, here and in the cache."""
    for name, folder in (("disk here", Path.cwd()), ("disk of cache", cache_folder())):
        place = next(path for path in (folder, *folder.parents) if path.exists())
        free = shutil.disk_usage(place).free
        yield finding(
            name, free >= FREE_BYTES, f"{free / 1e9:.1f} GB free", f"{FREE_BYTES / 1e9:.0f} GB free"
        )


def check_cache() -> Iterator[Finding]:
    """The cache can be written."""
    folder, expected = cache_folder(), "a folder that can be written (COUNTERFACTORY_CACHE)"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe = folder / f".doctor-{os.getpid()}"
        probe.write_bytes(b"")
        probe.unlink()
    except OSError as error:
        yield finding("cache", False, f"{folder}: {error.strerror}", expected)
        return
    yield finding("cache", True, folder, expected)


def check_device() -> Iterator[Finding]:
    """What the models would run on. A CPU is enough."""
    import torch

    if torch.cuda.is_available():
        found = f"cuda: {torch.cuda.get_device_name(0)}"
    elif torch.backends.mps.is_available():
        found = "mps"
    else:
        found = f"cpu, {os.cpu_count()} cores"
    yield finding("device", True, found, "any")


def _read_header(file: Path) -> None:
    """Raise when a safetensors file is cut short or is none."""
    from safetensors import safe_open

    with safe_open(file, framework="numpy"):
        pass


def _tried(check: Callable[[], Iterator[Finding]]) -> list[Finding]:
    done: list[Finding] = []
    try:
        for item in check():
            done.append(item)
    except Exception as error:  # a check that breaks is what the doctor is asked to find
        name = check.__name__.removeprefix("check_")
        done.append(finding(name, False, f"{type(error).__name__}: {error}"[:120], "no error"))
    return done


CHECKS = (
    check_python,
    check_packages,
    check_folders,
    check_pocket,
    check_disk,
    check_cache,
    check_device,
)
