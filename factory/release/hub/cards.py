"""The YAML on top of a README: read, and checked as the Hub checks it.

header_of("---\\nlicense: mit\\n---\\n# Title")   ->  ({"license": "mit"}, [])
problems({"configs": [{"data_files": "a"}]})    ->  ['"configs[0].config_name" is required']
"""

from typing import Any

TEXTS = ("license_name", "license_link", "pretty_name", "viewer", "pipeline_tag", "library_name")
LISTS = (
    "tags", "language", "license", "datasets", "metrics", "task_categories", "task_ids", "base_model",
    "annotations_creators", "language_creators", "multilinguality", "source_datasets", "size_categories",
)  # fmt: skip


def header_of(text: str) -> tuple[Any, list[str]]:
    """Return a card's header (None when it has none) and what keeps it from being read."""
    import yaml

    text = text.lstrip("\ufeff").replace("\r\n", "\n")
    if not text.startswith("---\n"):
        return None, []
    block, mark, _ = text[4:].partition("\n---")
    if block.startswith("---"):
        return None, []
    if not mark:
        return None, ["the YAML on top of the card does not end: a line of --- is missing"]
    try:
        return yaml.safe_load(block), []
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        return None, [f"the YAML on top of the card cannot be read: {' '.join(str(error).split())}"]


def problems(header: Any) -> list[str]:
    """Return what the Hub would refuse in a header."""
    if not isinstance(header, dict):
        return ["the YAML on top of the card is no mapping"]
    found = []
    for key in LISTS:
        value = header.get(key)
        many = value if isinstance(value, list) else [value]
        if value is not None and not all(isinstance(each, str) for each in many):
            found.append(f'"{key}" must be a text or a list of texts')
    for key in ("pretty_name", "license_name", "license_link", "pipeline_tag", "library_name"):
        if header.get(key) is not None and not isinstance(header[key], str):
            found.append(f'"{key}" must be a text')
    return found + _config_problems(header)


def _config_problems(header: dict[str, Any]) -> list[str]:
    found, seen = [], set()
    for key in ("configs", "dataset_info"):
        entries = header.get(key) or []
        if isinstance(entries, dict) and key == "dataset_info":
            entries = [entries]
        if not isinstance(entries, list) or not all(isinstance(each, dict) for each in entries):
            found.append(f'"{key}" must be a list of mappings')
            continue
        for number, each in enumerate(entries):
            name = each.get("config_name")
            if name is None and (key == "configs" or len(entries) > 1):
                found.append(f'"{key}[{number}].config_name" is required')
            elif name is not None and not isinstance(name, str):
                found.append(f'"{key}[{number}].config_name" must be a text')
            elif (key, name) in seen:
                found.append(f'"{key}[{number}].config_name" stands there twice: {name}')
            seen.add((key, name))
    return found
