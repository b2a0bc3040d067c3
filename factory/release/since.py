"""What a release changed since an earlier one of its kind, for its card and its CHANGELOG.md.

changes_since(Path("round-01/release/world-qa"), folder, facts, views)
-> "Since `round-01/release/world-qa`:\\n\\n- fingerprint: ...\\n- sft: 412 rows added, ..."
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from counterfactory.cards.markdown import code
from counterfactory.factory.release import manifest
from counterfactory.factory.release.diff import diff
from counterfactory.factory.release.facts import Facts


def changes_since(
    earlier: Path, folder: Path, facts: Facts, views: Mapping[str, Mapping[str, Any]]
) -> str:
    """Return what differs, as Markdown.

    `folder` is being written: a manifest of what it holds so far stands in it for the comparison.
    """
    manifest.write(folder, manifest.build(facts, views, manifest.files_of(folder)))
    named = (facts.made_for or {}).get("after") or manifest.read(earlier)["name"]
    return f"Since {code(named)}:\n\n{diff(earlier, folder).counts()}"
