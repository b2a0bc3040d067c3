"""All of a release but its data: card, pictures, manifest and what other tools read.

    write_release(folder, facts) -> the manifest

`folder/data/<view>/*.parquet` is there already. What is said of the data is read from those files;
what is said of the build comes from `Facts`. The manifest is written last, over all other files.
"""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from counterfactory.cards import dataset as card
from counterfactory.cards import methods, pictures
from counterfactory.errors import UserError
from counterfactory.factory.release import about, croissant, llamafactory, manifest, measured
from counterfactory.factory.release.contents import Content, contents
from counterfactory.factory.release.examples import examples
from counterfactory.factory.release.facts import Facts
from counterfactory.factory.release.since import changes_since
from counterfactory.factory.release.views import VIEWS
from counterfactory.images import png

GATE = {
    "extra_gated_heading": "Harmful text",
    "extra_gated_prompt": "Some rows hold requests that a model should refuse, to teach refusal. "
    "Use them for that, and for testing it.",
    "extra_gated_fields": {
        "I use the harmful requests to make or test models that refuse": "checkbox"
    },
}
"""What the Hub shows before a gated release is opened; without gating it is never shown."""
FUNNEL, EXAMPLES = "assets/funnel.png", "assets/examples.png"
TASKS = {"pairs": "image-to-image", "clip": "zero-shot-image-classification"}
HARMFUL = (
    "prompt",
    "prompt_text",
    "messages",
    "conversations",
    "completion",
    "rejected",
    "rejected_text",
)
_CHANGES = "# Changes"
_SIZES = ((1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (10**6, "100K<n<1M"))


def write_release(folder: Path, facts: Facts, since: Path | None = None) -> dict[str, Any]:
    """Write what stands beside the data files and return the manifest.

    `since` is an earlier release: card and changelog say what differs from it.
    """
    found = contents(folder)
    if not found:
        raise UserError(f"{folder}: found no rows in data/, expected at least one view")
    (folder / "assets").mkdir(exist_ok=True)
    stages = [(s.name, s.entered, s.left, s.reasons) for s in facts.funnel]
    (folder / FUNNEL).write_bytes(png(pictures.funnel(stages)))
    if picture := examples(folder, found):
        (folder / EXAMPLES).write_bytes(picture)
    _text(folder / "recipe.yaml", facts.recipe_yaml)
    views = {
        view: {"rows": content.rows, "splits": content.splits, "columns": content.schema.names}
        for view, content in found.items()
    }
    if since is not None:
        facts = replace(facts, changes=changes_since(since, folder, facts, views))
    _text(folder / "CHANGELOG.md", changelog(facts, found))
    _text(folder / "dataset_info.json", llamafactory.dump(facts.name, found))
    _text(folder / "README.md", readme(facts, found, has_examples=bool(picture)))
    _text(folder / "croissant.json", croissant.dump(_croissant(facts, found, folder)))
    written = manifest.build(facts, views, manifest.files_of(folder))
    manifest.write(folder, written)
    return written


def readme(facts: Facts, found: Mapping[str, Content], *, has_examples: bool) -> str:
    """Return the card's text."""
    views = [
        {
            "name": view,
            "rows": content.rows,
            "bytes": content.size,
            "splits": list(content.splits),
            "summary": VIEWS[view].summary,
            "columns": content.schema.names,
        }
        for view, content in found.items()
    ]
    body = {
        "title": title(facts),
        "views": views,
        "names": list(found),
        "has_pairs": "pairs" in found,
        "examples": EXAMPLES if has_examples else "",
        "funnel_picture": FUNNEL,
        "harmful_columns": [name for name in HARMFUL if _has_column(found, name)],
        "seed": facts.recipe.get("seed"),
        "ops": [str(op.get("op", "")) for op in facts.recipe.get("ops", ())],
        "measured": measured.blocks(facts),
        "oracle_missing": facts.oracle is None,
        "bias": about.bias(facts),
        "methods": methods.cited(about.methods_of(facts)),
        "citation": about.citation(facts, title(facts)),
        "made_for": facts.made_for,
        **{
            name: getattr(facts, name)
            for name in (
                "name", "description", "uses_oracle", "harmful_text", "kept", "candidates",
                "fingerprint", "sources", "models", "funnel", "checks", "license", "version",
                "created", "versions", "address", "changes",
            )
        },
    }  # fmt: skip
    return card.render(header(facts, found), body)


def header(facts: Facts, found: Mapping[str, Content]) -> dict[str, Any]:
    """Return the YAML of the card: licence, tags, configs, and the features of every view."""
    rows = max(content.rows for content in found.values())
    size = next((name for limit, name in _SIZES if rows < limit), "n>1M")
    tags = ["counterfactual", "synthetic", "counterfactory", *facts.tags]
    if facts.harmful_text:
        tags.append("not-for-all-audiences")
    return {
        "license": facts.license,
        "pretty_name": title(facts),
        **(GATE if facts.harmful_text else {}),
        "language": list(facts.languages),
        "tags": list(dict.fromkeys(tags)),
        "task_categories": _tasks(found),
        "size_categories": [size],
        "configs": [
            {
                "config_name": view,
                **({"default": True} if number == 0 else {}),
                "data_files": [
                    {"split": split, "path": f"data/{view}/{split}-*.parquet"}
                    for split in content.splits
                ],
            }
            for number, (view, content) in enumerate(found.items())
        ],
        "dataset_info": [_info(view, content) for view, content in found.items()],
    }


def title(facts: Facts) -> str:
    """Return the release's name for people: as given, or made from the recipe's name."""
    given = " ".join(facts.title.split())
    return given or facts.name.replace("-", " ").replace("_", " ").capitalize()


def changelog(facts: Facts, found: Mapping[str, Content], earlier: str = "") -> str:
    """Return CHANGELOG.md: what this version holds and what changed, before those of `earlier`."""
    counts = "\n".join(f"- {view}: {content.rows:,} rows" for view, content in found.items())
    changes = f"{facts.changes.strip()}\n\n" if facts.changes.strip() else ""
    before = earlier.removeprefix(_CHANGES).strip()
    return (
        f"{_CHANGES}\n\n## {facts.version}\n\n{changes}{counts}\n"
        f"- recipe `{facts.name}`, fingerprint `{facts.fingerprint}`\n"
        + (f"\n{before}\n" if before else "")
    )


def _info(view: str, content: Content) -> dict[str, Any]:
    """Return one entry of `dataset_info`, in the form that `datasets` writes itself."""
    from datasets import DatasetInfo, Features, SplitDict, SplitInfo

    share = content.memory / max(1, content.rows)
    splits = SplitDict()
    for split, rows in content.splits.items():
        splits.add(SplitInfo(name=split, num_bytes=round(share * rows), num_examples=rows))
    info = DatasetInfo(
        features=Features.from_arrow_schema(content.schema), splits=splits,
        download_size=content.size, dataset_size=content.memory,
    )  # fmt: skip
    return {"config_name": view, **info._to_yaml_dict()}


def _croissant(facts: Facts, found: Mapping[str, Content], folder: Path) -> dict[str, Any]:
    files = manifest.files_of(folder)
    sources = [str(s.get("title") or s.get("kind") or "source") for s in facts.sources]
    return croissant.describe(
        name=facts.name,
        description=facts.description or title(facts),
        license=facts.license,
        sources=sources,
        summaries={view: VIEWS[view].summary for view in found},
        schemas={view: content.schema for view, content in found.items()},
        files={path: files[path] for path in files if path.startswith("data/")},
    )


def _tasks(found: Mapping[str, Content]) -> list[str]:
    tasks = ["visual-question-answering", "image-text-to-text"]
    return [*tasks, *(task for view, task in TASKS.items() if view in found)]


def _has_column(found: Mapping[str, Content], name: str) -> bool:
    return any(name in content.schema.names for content in found.values())


def _text(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8", newline="\n")
