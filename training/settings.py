"""What every method can be told: a frozen pydantic model, extended by each method in its own file.

    class Settings(Common):
        beta: float = Field(0.1, gt=0)      # of DPO

    settings_from(Settings, ["lr=1e-4", "lora.rank=8"])      -> Settings(lr=0.0001, lora=Lora(rank=8))
    settings_from(Settings, ["stpes=5"])                     -> UserError: --set stpes: ... (did you mean 'steps'?)

Defaults are for the pocket model on two cores; each method's docstring names the published values.
"""

from collections.abc import Sequence
from typing import Any, ClassVar, Literal, TypeVar, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from counterfactory.errors import UserError, did_you_mean
from counterfactory.factory.recipe_yaml import read_value


class Part(BaseModel):
    """A frozen group of settings; unknown names are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Lora(Part):
    """Low-rank adapters instead of full fine-tuning."""

    rank: int = Field(16, ge=1)
    alpha: int = Field(32, ge=1)
    dropout: float = Field(0.0, ge=0, lt=1)
    targets: str = "all-linear"  # of peft: "all-linear", a regular expression
    merge: bool = True  # write the whole model, the adapter beside it; False: the adapter alone


class Common(Part):
    """What all methods share. Batch sizes are those of one process."""

    needs: ClassVar[tuple[str, ...]] = ("sft",)  # see `views`
    apart: ClassVar[frozenset[str]] = frozenset({"save_every", "report_to"})  # change no result

    steps: int = Field(300, ge=1)  # of the optimizer
    batch: int = Field(16, ge=1)  # rows at a time, in each process
    accumulate: int = Field(1, ge=1)  # such batches a step
    lr: float = Field(2e-4, gt=0)
    warmup: float = Field(0.05, ge=0, lt=1)  # share of the steps
    schedule: Literal["constant", "linear", "cosine"] = "cosine"
    weight_decay: float = Field(0.0, ge=0)
    clip_norm: float = Field(1.0, gt=0)
    seed: int = Field(0, ge=0)
    max_length: int | None = Field(None, ge=1)  # tokens; None never cuts an image
    lora: Lora | None = None  # lora=true, or lora.rank=8 ...
    freeze_vision: bool = False
    keep: float = Field(0.0, ge=0, lt=1)  # share of the model given in the result (keep.py)
    bf16: Literal["auto", True, False] = False  # mixed precision on a CPU (see `half`)
    recompute: bool = False  # gradient checkpointing: less memory, more time
    save_every: int = Field(50, ge=1)  # steps between checkpoints
    report_to: str = "none"  # trackio, tensorboard, wandb

    @field_validator("lora", mode="before")
    @classmethod
    def _lora(cls, value: Any) -> Any:
        return {True: {}, False: None}.get(value, value) if isinstance(value, bool) else value

    def views(self) -> tuple[str, ...]:
        """Return the views of --data that the method reads; "dpo?" may be missing."""
        return self.needs

    @property
    def half(self) -> bool:
        """Return whether a CPU computes in bfloat16; a GPU always does.

        "auto": where there are AMX units, which halve the time. Without them, avx512_bf16 or not, it
        takes half as long again as float32 does.
        """
        if self.bf16 != "auto":
            return self.bf16
        import torch

        ask = getattr(torch.cpu, "get_capabilities", None)  # older versions do not tell
        return ask is not None and bool(ask().get("amx_bf16"))

    @property
    def role(self) -> str:
        """Return what kind of model is trained, as `models.ids` calls it."""
        return "vlm"

    @property
    def warmup_steps(self) -> int:
        """Return the steps of warm-up."""
        return round(self.warmup * self.steps)

    def inputs(self) -> dict[str, Any]:
        """Return what decides the result: all but how often it is saved and where it is shown."""
        return self.model_dump(mode="json", exclude=set(self.apart))


class Replay(Part):
    """Other releases mixed in, so that what the model could do is kept."""

    replay: tuple[str, ...] = ()  # releases with an `sft` view
    replay_share: float = Field(0.3, ge=0, lt=1)  # of the rows that are trained on

    @field_validator("replay", mode="before")
    @classmethod
    def _one(cls, value: Any) -> Any:
        return (value,) if isinstance(value, str) else value


S = TypeVar("S", bound=Common)


def settings_from(kind: type[S], overrides: Sequence[str] = (), **given: Any) -> S:
    """Return settings with `--set key=value` applied; `given` are options of the command line."""
    values: dict[str, Any] = {}
    for text in overrides:
        key, equals, value = text.partition("=")
        if not equals or not key:
            raise UserError(f"--set: found {text!r}, expected key=value")
        _put(values, key.split("."), read_value(value, f"--set {key}"))
    values |= {key: value for key, value in given.items() if value is not None}
    try:
        return kind(**values)
    except ValidationError as error:
        lines = dict.fromkeys(_line(kind, one) for one in error.errors())
        raise UserError("\n".join(lines)) from None


def _put(values: dict[str, Any], path: list[str], value: Any) -> None:
    for name in path[:-1]:
        inner = values.get(name)
        values[name] = inner if isinstance(inner, dict) else {}
        values = values[name]
    values[path[-1]] = value


def _line(kind: type[BaseModel], error: Any) -> str:
    """Return one problem: which setting, what was found, what would be right."""
    path = [str(part) for part in error["loc"]]
    name, found = ".".join(path), error["input"]
    if error["type"] == "extra_forbidden":
        known = _fields(kind, path[:-1])
        return (
            f"--set {name}: found an unknown setting, expected one of {', '.join(known)}"
            f"{did_you_mean(path[-1], known)}"
        )
    if error["type"] in ("missing", "too_long"):  # all has a default but the values of a tuple
        count = len(get_args(kind.model_fields[path[0]].annotation))
        return f"--set {path[0]}: found {found!r}, expected {count} values"
    wanted = error["msg"].removeprefix("Input should be ").removeprefix("Value error, ")
    return f"--set {name}: found {found!r}, expected {wanted}"


def _fields(kind: type[BaseModel], path: Sequence[str]) -> list[str]:
    for name in path:
        inner = {"lora": Lora}.get(name)
        kind = inner or _inner(kind, name) or kind
    return list(kind.model_fields)


def _inner(kind: type[BaseModel], name: str) -> type[BaseModel] | None:
    found = kind.model_fields[name].annotation if name in kind.model_fields else None
    return found if isinstance(found, type) and issubclass(found, BaseModel) else None
