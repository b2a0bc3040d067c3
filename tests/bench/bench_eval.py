"""What an evaluation costs, as ratios of one run: against stock lm-eval, against a bare transformers loop.

    python tests/bench/bench_eval.py                              # the pocket VLM on pocket-quick
    python tests/bench/bench_eval.py --model DIR --suite pocket --limit 200 --batch 32

Stock is `lm_eval --model hf-multimodal` on the same tasks, items, weights and batch size; its answers must be ours,
word for word. Models are loaded and pictures are drawn (stock's lie in its data files) before the clock starts. Each
part runs in a process of its own.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve()
ROOT = HERE.parents[2]


def plan_of(args: argparse.Namespace) -> Any:
    from counterfactory.eval.plan import Plan
    from counterfactory.eval.suites import suite_named

    return Plan(suite=suite_named(args.suite), limit=args.limit)


def drawn(plan: Any) -> Any:
    """Return the plan with its items drawn: stock's lie in files before its clock starts, too."""
    import dataclasses

    from counterfactory.eval.items import Task
    from counterfactory.eval.plan import limited

    def task(one: Task) -> Task:
        items = list(limited(one.items(plan.split), plan.limit))
        return dataclasses.replace(one, items=lambda split: iter(items))

    tasks = tuple(task(one) for one in plan.suite.tasks)
    return dataclasses.replace(plan, suite=dataclasses.replace(plan.suite, tasks=tasks))


def model_of(args: argparse.Namespace) -> Any:
    from counterfactory.eval.answerers import answerer_for

    model = answerer_for(args.model, batch=args.batch, device=args.device)
    assert model.inner is not None  # loaded
    return model


def ours(args: argparse.Namespace) -> Callable[[], dict[str, Any]]:
    """`counterfactory eval run`, from the first item to summary.json."""
    from counterfactory.eval.columns import read_columns
    from counterfactory.eval.run import evaluate

    model, plan = model_of(args), drawn(plan_of(args))
    out = Path(os.environ["COUNTERFACTORY_CACHE"]) / "out"

    def run() -> dict[str, Any]:
        evaluate(model, plan, out, quiet=True)
        return {}

    def said() -> dict[str, str]:
        import pyarrow.parquet as pq

        assert len(read_columns(out)["verdict"])
        rows = pq.read_table(
            out / "answers.parquet", columns=["task", "item_id", "raw"]
        ).to_pylist()
        return {f"{row['task']} {row['item_id']}": row["raw"] for row in rows}

    run.said = said  # type: ignore[attr-defined]
    return run


def stock(args: argparse.Namespace) -> Callable[[], dict[str, Any]]:
    """`lm_eval --model hf-multimodal --apply_chat_template` on the YAML tasks of the suite."""
    from lm_eval.models.hf_vlms import HFMultimodalLM

    from counterfactory.eval.answerers import locate

    folder = str(locate("vlm", args.model))
    return _lm_eval(
        args, HFMultimodalLM(folder, batch_size=args.batch, device=args.device, dtype="float32")
    )


def ours_in_lm_eval(args: argparse.Namespace) -> Callable[[], dict[str, Any]]:
    """`lm_eval --model counterfactory` on the same tasks: the model class alone makes the difference."""
    from counterfactory.eval.lm import CounterfactoryLM

    lm = CounterfactoryLM(args.model, batch_size=args.batch, device=args.device)
    assert lm.answerer.inner.inner is not None  # type: ignore[attr-defined]
    return _lm_eval(args, lm)


def _lm_eval(args: argparse.Namespace, lm: Any) -> Callable[[], dict[str, Any]]:
    import lm_eval
    from lm_eval.tasks import TaskManager

    import counterfactory.eval.tasks.pocket as tasks
    from counterfactory.eval.suites.export import task_file

    plan = plan_of(args)
    for task in plan.chosen():
        task_file(plan.suite, task.name, plan.split)
    manager = TaskManager(
        include_path=str(Path(tasks.__file__).parent), include_defaults=False, metadata={"suite": args.suite}
    )  # fmt: skip
    names = [f"cf_pocket_{task.name.replace('/', '_')}" for task in plan.chosen()]
    kept: dict[str, Any] = {}

    def run() -> dict[str, Any]:
        found = lm_eval.simple_evaluate(
            model=lm, tasks=names, task_manager=manager, apply_chat_template=True, bootstrap_iters=0,
            log_samples=True, limit=args.limit,
        )  # fmt: skip
        kept.update(found)
        return {}

    def said() -> dict[str, str]:
        return {
            f"{one['doc']['task']} {one['doc']['item_id']}": one["resps"][0][0].strip()
            for some in kept["samples"].values()
            for one in some
        }

    run.said = said  # type: ignore[attr-defined]
    return run


def distinct_asks(count: int) -> list[Any]:
    """Return short questions about pictures that are all different."""
    from counterfactory.eval.asking import Ask
    from counterfactory.eval.suites import suite_named

    seen: dict[bytes, Any] = {}
    suite = suite_named("pocket")
    for task in suite.tasks:
        for item in task.items("mine"):
            if len(item.images) == 1 and item.max_tokens <= 16:
                ask = Ask(content=item.content(), images=item.images, max_tokens=item.max_tokens)
                seen.setdefault(item.images[0], ask)
            if len(seen) == count:
                return list(seen.values())
    return list(seen.values())


def distinct_ours(args: argparse.Namespace) -> Callable[[], dict[str, Any]]:
    """Our answerer on all-distinct images."""
    model, asks = model_of(args), distinct_asks(args.distinct)
    model.replies(asks[: args.batch])  # the fast way is proved, libraries are loaded
    kept: list[str] = []

    def run() -> dict[str, Any]:
        model.inner.features.vectors.clear()
        kept.extend(reply.text for reply in model.replies(asks))
        return {"items": len(asks)}

    run.said = lambda: dict(zip(map(str, range(len(asks))), kept, strict=True))  # type: ignore[attr-defined]
    return run


def distinct_loop(args: argparse.Namespace) -> Callable[[], dict[str, Any]]:
    """A plain loop over the same asks in the same batches: processor, `generate`, decode."""
    from counterfactory.images import decode

    vlm, asks = model_of(args).inner.vlm, distinct_asks(args.distinct)
    kept: list[str] = []

    def answers(some: list[Any]) -> list[str]:
        prompts = [vlm.prompt(ask.content) for ask in some]
        found: list[str] = vlm.generate(
            prompts, [[decode(i) for i in ask.images] for ask in some],
            max_tokens=max(ask.max_tokens for ask in some),
        )  # fmt: skip
        return found

    answers(asks[: args.batch])

    def run() -> dict[str, Any]:
        for first in range(0, len(asks), args.batch):
            kept.extend(answers(asks[first : first + args.batch]))
        return {"items": len(asks)}

    run.said = lambda: dict(zip(map(str, range(len(asks))), kept, strict=True))  # type: ignore[attr-defined]
    return run


def memory(args: argparse.Namespace) -> Callable[[], dict[str, Any]]:
    """An evaluation of --items items with pictures of their own, by a dummy: what the harness itself holds."""
    from counterfactory.eval.answerers import answerer_for
    from counterfactory.eval.items import Item, Suite, Task
    from counterfactory.eval.plan import Plan
    from counterfactory.eval.run import evaluate
    from counterfactory.eval.suites import suite_named

    base = list(suite_named("pocket-quick").task("existence/balanced").items("gate"))

    def items(split: str) -> Iterator[Item]:
        import dataclasses

        for number in range(args.items):
            one = base[number % len(base)]
            # bytes behind a PNG's end change nothing but its identity
            images = tuple(image + number.to_bytes(4, "big") * 64 for image in one.images)
            yield dataclasses.replace(
                one, id=str(number), cluster_id=str(number // 6), images=images
            )

    suite = Suite(
        name="many",
        tasks=(Task(name="existence/balanced", items=items, headline="accuracy", axis="math"),),
    )
    model, out = answerer_for("dummy:oracle"), Path(os.environ["COUNTERFACTORY_CACHE"]) / "many"
    return lambda: {"items": evaluate(model, Plan(suite=suite), out, quiet=True)["items"]}


def startup(args: argparse.Namespace) -> Callable[[], dict[str, Any]]:
    """The command on one item of each task: imports, suite, model, first answers, numbers."""
    out = Path(os.environ["COUNTERFACTORY_CACHE"]) / "first"
    call = [
        sys.executable, "-m", "counterfactory.cli", "eval", "run", args.model, "--suite", args.suite, "--limit", "1",
        "--out", str(out), "--json", "--device", args.device, "--task", "count/balanced",
    ]  # fmt: skip
    return lambda: {
        "items": len(subprocess.run(call, capture_output=True, check=True).stdout) and 1
    }


PARTS = {part.__name__: part for part in (
    ours, stock, ours_in_lm_eval, distinct_ours, distinct_loop, memory, startup,
)}  # fmt: skip


def child(args: argparse.Namespace) -> None:
    """Run one part and print what it took and what was said."""
    import torch

    torch.set_num_threads(args.threads)
    run = PARTS[args.part](args)
    wall, busy = time.monotonic(), time.process_time()
    found = run()
    found |= {"seconds": time.monotonic() - wall, "busy": time.process_time() - busy}
    found["megabytes"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    found["said"] = getattr(run, "said", dict)()
    print("\n" + json.dumps(found), flush=True)


def measure(part: str, args: argparse.Namespace, **more: Any) -> dict[str, Any]:
    """Run one part in a process of its own, with a cache of its own."""
    given = {**{k: v for k, v in vars(args).items() if v is not None}, "part": part, **more}
    call = [sys.executable, str(HERE), *[f"--{key}={value}" for key, value in given.items()]]
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        env = os.environ | {
            "COUNTERFACTORY_CACHE": folder,
            "HF_HUB_OFFLINE": "1",
            "PYTHONPATH": str(ROOT),
        }
        done = subprocess.run(call, capture_output=True, text=True, env=env)
    if done.returncode:
        sys.exit(f"{part}: {done.stderr[-3000:]}")
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    count = found.get("items") or len(found["said"])
    print(
        f"  {part:<16} {count:>6} items  {found['seconds']:7.1f} s ({found['busy']:6.1f} s busy)  "
        f"{count / found['seconds']:7.1f} items/s  {found['megabytes']:6.0f} MB",
        flush=True,
    )  # fmt: skip
    return found


def same(a: dict[str, Any], b: dict[str, Any]) -> str:
    """Return how many answers are equal. `generate` lets a model's own max_new_tokens win over the limit that stock
    lm-eval gives; where it talked on, its answer is equal if it begins as ours."""
    assert a["said"].keys() == b["said"].keys()
    pairs = [(a["said"][key], b["said"][key]) for key in a["said"]]
    equal, longer = (
        sum(x == y for x, y in pairs),
        sum(x != y and x.startswith(y) and y != "" for x, y in pairs),
    )
    return f"{equal} of {len(pairs)} answers equal" + (
        f", {longer} more up to our limit of tokens" if longer else ""
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default="pocket")
    parser.add_argument("--suite", default="pocket-quick")
    parser.add_argument("--limit", type=int)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--device", default="cpu")
    parser.add_argument(
        "--threads", type=int, default=1, help="of each part; more only on a quiet machine"
    )
    parser.add_argument("--distinct", type=int, default=512)
    parser.add_argument("--items", type=int, default=2000, help=argparse.SUPPRESS)
    parser.add_argument("--part", choices=sorted(PARTS), help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.part:
        child(args)
        return
    del args.part
    found = {
        part: measure(part, args)
        for part in ("stock", "ours_in_lm_eval", "ours", "distinct_loop", "distinct_ours")
    }
    few, many = (measure("memory", args, items=count)["megabytes"] for count in (2_000, 20_000))
    first = measure("startup", args)["seconds"]
    for key in ("seconds", "busy"):
        what = (
            "wall clock"
            if key == "seconds"
            else "processor time, which a busy machine does not change"
        )
        took = {part: one[key] for part, one in found.items()}
        for ratio, about, wanted in (
            (took["stock"] / took["ours"], "stock lm-eval / eval run", "at least 3"),
            (
                took["stock"] / took["ours_in_lm_eval"],
                "stock lm-eval / our model class in lm-eval",
                "",
            ),
            (
                took["distinct_loop"] / took["distinct_ours"],
                "plain loop / ours, all images distinct",
                "at least 0.95",
            ),
        ):
            print(f"{ratio:8.2f}  {about}, {what}" + (f"  ({wanted} wanted)" if wanted else ""))
    print(f"          stock and ours: {same(found['stock'], found['ours'])}")
    print(f"          plain loop and ours: {same(found['distinct_loop'], found['distinct_ours'])}")
    print(f"{many / few:8.2f}  peak memory of 20,000 items / of 2,000  (about 1 wanted)")
    print(
        f"{first:8.1f}  seconds from the command to its first numbers  (suite start-up under 10 wanted)"
    )


if __name__ == "__main__":
    main()
