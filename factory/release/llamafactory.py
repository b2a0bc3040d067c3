"""dataset_info.json: how LLaMA-Factory reads the release.

    llamafactory-cli train --dataset_dir RELEASE --dataset region-diff_sft ...

`sft` is read from `conversations`, whose texts carry one `<image>` for each image. `dpo` is read as
ranking: its text columns, because LLaMA-Factory drops rankings whose answers are lists.
"""

import json
from collections.abc import Iterable
from typing import Any

_COLUMNS: dict[str, dict[str, Any]] = {
    "sft": {
        "formatting": "sharegpt",
        "columns": {"messages": "conversations", "images": "images"},
        "tags": {
            "role_tag": "from",
            "content_tag": "value",
            "user_tag": "human",
            "assistant_tag": "gpt",
        },
    },
    "dpo": {
        "formatting": "alpaca",
        "ranking": True,
        "columns": {
            "prompt": "prompt_text",
            "chosen": "chosen_text",
            "rejected": "rejected_text",
            "images": "images",
        },
    },
}


def entries(name: str, views: Iterable[str], *, hub: str = "") -> dict[str, Any]:
    """Return an entry for each view that LLaMA-Factory can train on.

    `hub` is "org/name" once published; a local release is read from its own folder.
    """
    return {
        f"{name}_{view}": {
            **({"hf_hub_url": hub, "subset": view} if hub else {"file_name": f"data/{view}"}),
            "split": "train",
            **_COLUMNS[view],
        }
        for view in views
        if view in _COLUMNS
    }


def dump(name: str, views: Iterable[str], *, hub: str = "") -> str:
    """Return dataset_info.json."""
    return json.dumps(entries(name, views, hub=hub), indent=2, ensure_ascii=False) + "\n"
