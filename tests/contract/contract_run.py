"""Other teams' loaders and trainers on our releases and exports, each with its own code.

    python tests/contract/contract_run.py                          # all; what `make contract` does
    python tests/contract/contract_run.py verl swift --table out.md

Every team's code runs in an environment of its own (`.venv-contract/NAME`, made when it is not
there, from the requirements in ENVIRONMENTS), on the same small release and the same exports. The
table has a row for each: version, date, what was checked. What cannot be installed here is held
against a schema written down from its source, in check_schemas.py, and the table says so.
"""

import argparse
import datetime
import json
import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
OWN = ""  # this project's own environment


@dataclass(frozen=True, slots=True)
class Team:
    """One other project: how it is called, where its check runs."""

    title: str
    check: str  # others/check_<check>.py
    environment: str = OWN
    reads: str = ""


TEAMS = (
    Team("TRL", "trl", reads="views sft, dpo, kto, grpo"),
    Team("LLaMA-Factory", "llamafactory", "llamafactory", "views sft, dpo by dataset_info.json"),
    Team("ms-swift", "swift", "ms-swift", "export swift"),
    Team("axolotl", "axolotl", "axolotl", "views sft, dpo, kto"),
    Team("verl", "verl", "verl", "export verl"),
    Team("OpenRLHF", "openrlhf", "openrlhf", "export verl"),
    Team("open_clip_train", "open_clip", "open-clip", "exports webdataset, openclip-csv"),
    Team("webdataset", "webdataset", "webdataset", "export webdataset"),
    Team("LLaVA", "llava", "llava", "export llava"),
    Team("pycocotools", "coco", "pycocotools", "export coco"),
    Team("lm-eval", "lm_eval", reads="suites as parquet"),
    Team(
        "LLaVA, InternVL, NegCLIP, EasyR1, Unsloth",
        "schemas",
        reads="exports llava, internvl, negclip, verl, view sft",
    ),
)


@dataclass(frozen=True, slots=True)
class Environment:
    """What is installed. `without` are requirements that only an accelerator needs."""

    needs: tuple[str, ...]
    python: str = "3.11"
    without: tuple[str, ...] = ()


GPU = ("vllm", "flash-attn", "deepspeed", "bitsandbytes", "xformers", "flash-linear-attention")
ENVIRONMENTS = {
    "llamafactory": Environment(
        ("llamafactory==0.9.5", "torch==2.11.0", "torchvision==0.26.0", "torchaudio==2.11.0")
    ),
    "ms-swift": Environment(
        ("ms-swift==4.6.0", "qwen-vl-utils", "torch==2.15.0", "torchvision==0.29.2")
    ),
    "axolotl": Environment(
        ("axolotl==0.21.0", "torch==2.15.0", "torchvision==0.29.2"), "3.12", (*GPU, "torchaudio")
    ),
    "verl": Environment(
        ("verl==0.9.1", "qwen-vl-utils", "torch==2.15.0", "torchvision==0.29.2"), without=GPU
    ),
    "openrlhf": Environment(
        ("openrlhf==0.11.2", "qwen-vl-utils", "torch==2.15.0", "torchvision==0.29.2"), without=GPU
    ),
    "open-clip": Environment(
        ("open_clip_torch[training]==3.3.0", "torch==2.15.0", "torchvision==0.29.2")
    ),
    "webdataset": Environment(("webdataset==1.0.2", "pillow", "pyarrow")),
    "llava": Environment(  # what serves its demo and its vision towers stays out: rows are read without
        ("llava-torch==1.2.2.post1", "numpy<2", "torch==2.15.0", "torchvision==0.29.2"),
        without=(
            *GPU,
            "gradio",
            "gradio-client",
            "uvicorn",
            "fastapi",
            "wandb",
            "timm",
            "einops",
            "einops-exts",
            "shortuuid",
            "markdown2",
            "httpx",
            "scikit-learn",
            "pydantic",
            "ninja",
            "open-clip-torch",
            "peft",
        ),
    ),
    "pycocotools": Environment(("pycocotools",)),
}
OFFLINE = {
    "HF_HUB_OFFLINE": "1", "HF_DATASETS_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1", "HF_HUB_DISABLE_XET": "1", "DO_NOT_TRACK": "1",
    "WANDB_MODE": "disabled", "CUDA_VISIBLE_DEVICES": "", "OMP_NUM_THREADS": "1",
    "TOKENIZERS_PARALLELISM": "false", "AXOLOTL_DO_NOT_TRACK": "1",
}  # fmt: skip


@dataclass(slots=True)
class Outcome:
    """What became of one team's check."""

    team: Team
    passed: bool
    version: str = ""
    checks: list[dict[str, Any]] = field(default_factory=list)
    trouble: str = ""

    def row(self, day: str) -> str:
        """Return the line of the table."""
        said = "; ".join(told(check) for check in self.checks)
        result = f"passed: {said}" if self.passed else f"failed: {self.trouble}"
        return f"|{self.team.title}|{self.version or 'none'}|{self.team.reads}|{day}|{result}|"


def told(check: dict[str, Any]) -> str:
    """Return a check as text."""
    numbers = ", ".join(f"{value} {name}" for name, value in check.items() if name != "what")
    return check["what"] + (f" ({numbers})" if numbers else "")


def python_of(name: str, home: Path) -> Path:
    """Return the interpreter of an environment, made when it is not there."""
    if name == OWN:
        return Path(sys.executable)
    folder, wanted = home / name, ENVIRONMENTS[name]
    python = folder / "bin" / "python"
    if not (folder / ".made").exists():
        uv = shutil.which(
            "uv", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        )
        if uv is None:
            raise RuntimeError("uv is needed to make environments: pip install uv")
        try:
            done(uv, "venv", "--quiet", "--clear", "--python", wanted.python, str(folder))
        except RuntimeError as error:
            raise RuntimeError(f"it needs Python {wanted.python}: {error}") from None
        with tempfile.NamedTemporaryFile("w", suffix=".txt") as overrides:
            lines = (f"{one} ; sys_platform == 'never'\n" for one in wanted.without)
            overrides.writelines(
                [*lines, *(f"{one}\n" for one in wanted.needs if one.startswith("torch"))]
            )
            overrides.flush()
            done(
                uv, "pip", "install", "--quiet", "--python", str(python),
                "--override", overrides.name, *wanted.needs,
            )  # fmt: skip
        (folder / ".made").touch()
    return python


def done(*command: str) -> None:
    """Run a command that must end well."""
    ended = subprocess.run(command, capture_output=True, text=True)
    if ended.returncode:
        raise RuntimeError(f"{' '.join(command[:3])}: {last_line(ended.stderr)}")


def last_line(text: str) -> str:
    """Return the last line that says something, short."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1][:200].replace("|", "/") if lines else "no word"


def outcome(team: Team, inputs: Path, home: Path) -> Outcome:
    """Run one team's check in its environment."""
    try:
        python = python_of(team.environment, home)
    except RuntimeError as error:
        return Outcome(team, passed=False, trouble=f"cannot be installed here ({error})")
    command = [str(python), str(HERE / "others" / f"check_{team.check}.py"), str(inputs)]
    with tempfile.TemporaryDirectory(prefix="contract-") as place:
        caches = {"HF_HOME": f"{place}/hf", "MODELSCOPE_CACHE": f"{place}/modelscope"}
        ended = subprocess.run(
            command, cwd=place, capture_output=True, text=True,
            env={**os.environ, **OFFLINE, **caches},
        )  # fmt: skip
    lines = [line for line in ended.stdout.splitlines() if line.startswith("TOLD ")]
    if ended.returncode or not lines:
        sys.stderr.write(ended.stdout[-2000:] + ended.stderr[-4000:])
        return Outcome(team, passed=False, trouble=last_line(ended.stderr))
    said = json.loads(lines[-1].removeprefix("TOLD "))
    return Outcome(team, passed=True, version=said["version"], checks=said["checks"])


def main() -> int:
    """Run the checks that were asked for and write the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "checks", nargs="*", metavar="CHECK", help=", ".join(t.check for t in TEAMS)
    )
    parser.add_argument("--venvs", type=Path, default=ROOT / ".venv-contract")
    parser.add_argument("--inputs", type=Path, help="a folder for releases, exports and models")
    parser.add_argument("--table", type=Path, help="write the table here")
    asked = parser.parse_args()
    unknown = set(asked.checks) - {team.check for team in TEAMS}
    if unknown:
        parser.error(
            f"found {sorted(unknown)[0]!r}, expected some of {', '.join(t.check for t in TEAMS)}"
        )
    teams = [team for team in TEAMS if not asked.checks or team.check in asked.checks]
    with tempfile.TemporaryDirectory(prefix="contract-") as place:
        inputs = (asked.inputs or Path(place) / "inputs").resolve()
        done(sys.executable, str(HERE / "contract_inputs.py"), str(inputs))
        found = []
        for team in teams:
            found.append(outcome(team, inputs, asked.venvs.resolve()))
            sys.stderr.write(f"{team.title}: {'passed' if found[-1].passed else 'FAILED'}\n")
    day = datetime.date.today().isoformat()
    lines = ["|who|version|reads|date|result|", "|---|---|---|---|---|"]
    table = "\n".join([*lines, *(one.row(day) for one in found)]) + "\n"
    sys.stdout.write(table)
    if asked.table:
        asked.table.write_text(table, encoding="utf-8")
    return 0 if all(one.passed for one in found) else 1


if __name__ == "__main__":
    sys.exit(main())
