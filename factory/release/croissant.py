"""croissant.json: the release described for machines, field by field, with a digest of every file.

    describe(name="region-diff", schemas={"pairs": schema}, files={"data/pairs/...": {...}}, ...)
    check(folder)  -> []          # or what mlcroissant says is wrong

One FileSet and one RecordSet a view, and a FileObject with sha256 for each data file. Addresses are
relative to the folder, so the description holds for a local copy and for the Hub alike. Version and
time stand in manifest and card only.
"""

import json
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa

CONTEXT: dict[str, Any] = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "citeAs": "cr:citeAs",
    "column": "cr:column",
    "conformsTo": "dct:conformsTo",
    "containedIn": "cr:containedIn",
    "cr": "http://mlcommons.org/croissant/",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "dct": "http://purl.org/dc/terms/",
    "equivalentProperty": "cr:equivalentProperty",
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "extract": "cr:extract",
    "field": "cr:field",
    "fileProperty": "cr:fileProperty",
    "fileObject": "cr:fileObject",
    "fileSet": "cr:fileSet",
    "format": "cr:format",
    "includes": "cr:includes",
    "isLiveDataset": "cr:isLiveDataset",
    "jsonPath": "cr:jsonPath",
    "key": "cr:key",
    "md5": "cr:md5",
    "parentField": "cr:parentField",
    "path": "cr:path",
    "prov": "http://www.w3.org/ns/prov#",
    "recordSet": "cr:recordSet",
    "references": "cr:references",
    "regex": "cr:regex",
    "repeated": "cr:repeated",
    "replace": "cr:replace",
    "samplingRate": "cr:samplingRate",
    "sc": "https://schema.org/",
    "separator": "cr:separator",
    "source": "cr:source",
    "subField": "cr:subField",
    "transform": "cr:transform",
}
_TYPES = {
    "string": "sc:Text",
    "bool": "sc:Boolean",
    "int32": "cr:Int32",
    "int64": "cr:Int64",
    "float": "cr:Float32",
    "double": "cr:Float64",
}


def describe(
    *,
    name: str,
    description: str,
    license: str,  # noqa: A002
    sources: list[str],
    summaries: Mapping[str, str],
    schemas: Mapping[str, pa.Schema],
    files: Mapping[str, Mapping[str, Any]],
) -> dict[str, Any]:
    """Return the description. `files` maps a path below the folder to its sha256 and bytes."""
    distribution, records = [], []
    for view, schema in schemas.items():
        paths = [path for path in files if path.startswith(f"data/{view}/")]
        distribution += [_file_object(path, files[path]) for path in paths]
        distribution.append(
            {
                "@type": "cr:FileSet",
                "@id": f"{view}-files",
                "name": f"{view}-files",
                "encodingFormat": "application/x-parquet",
                "includes": f"data/{view}/*.parquet",
            }
        )
        records.append(_record_set(view, summaries[view], schema))
    return {
        "@context": CONTEXT,
        "@type": "sc:Dataset",
        "name": name,
        "description": description,
        "conformsTo": "http://mlcommons.org/croissant/1.1",
        "license": license,
        "isLiveDataset": False,
        "prov:wasDerivedFrom": sources,
        "distribution": distribution,
        "recordSet": records,
    }


def check(folder: Path) -> list[str]:
    """Return what mlcroissant finds wrong with the folder's description. It needs no network."""
    import mlcroissant

    level = logging.root.manager.disable
    logging.disable(logging.WARNING)  # recommended properties that are missing: version and time
    try:
        dataset = mlcroissant.Dataset(jsonld=folder / "croissant.json")
        errors = list(dataset.metadata.ctx.issues.errors)
    except (mlcroissant.ValidationError, ValueError, KeyError, TypeError) as error:
        errors = [str(error) or type(error).__name__]
    finally:
        logging.disable(level)
    return [" ".join(str(error).split()) for error in errors]


def dump(description: Mapping[str, Any]) -> str:
    """Return the description as text."""
    return json.dumps(description, indent=2, ensure_ascii=False) + "\n"


def _file_object(path: str, written: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "@type": "cr:FileObject",
        "@id": path,
        "name": path,
        "contentUrl": path,
        "contentSize": f"{written['bytes']} B",
        "encodingFormat": "application/x-parquet",
        "sha256": written["sha256"],
    }


def _record_set(view: str, summary: str, schema: pa.Schema) -> dict[str, Any]:
    return {
        "@type": "cr:RecordSet",
        "@id": view,
        "name": view,
        "description": summary,
        "key": {"@id": f"{view}/id"},
        "field": [_field(view, column.name, column.type) for column in schema],
    }


def _field(view: str, name: str, kind: pa.DataType) -> dict[str, Any]:
    """Return one column; the members of a struct, or of a list of structs, are its sub-fields."""
    column = {"fileSet": {"@id": f"{view}-files"}, "extract": {"column": name}}
    field = _typed(f"{view}/{name}", name, kind)
    inner = _item(kind)
    if _is_image(inner):
        return field | {"source": column | {"transform": {"jsonPath": "bytes"}}}
    if not pa.types.is_struct(inner):
        return field | {"source": column}
    field["subField"] = [
        _typed(f"{view}/{name}/{part.name}", part.name, part.type)
        | {"source": column | {"transform": {"jsonPath": part.name}}}
        for part in inner
        if not pa.types.is_struct(_item(part.type))  # a second level has no words in Croissant
    ]
    return field


def _typed(identity: str, name: str, kind: pa.DataType) -> dict[str, Any]:
    inner = _item(kind)
    leaf = _item(inner)
    if _is_image(inner):
        data_type = "sc:ImageObject"
    elif pa.types.is_struct(inner):
        data_type = ""
    else:
        data_type = _TYPES[str(leaf)]
    field: dict[str, Any] = {"@type": "cr:Field", "@id": identity, "name": name}
    if data_type:
        field["dataType"] = data_type
    return field | ({"repeated": True} if pa.types.is_list(kind) else {})


def _item(kind: pa.DataType) -> pa.DataType:
    """Return the type of a list's items, or the type itself."""
    return kind.value_type if pa.types.is_list(kind) else kind


def _is_image(kind: pa.DataType) -> bool:
    return pa.types.is_struct(kind) and {part.name for part in kind} == {"bytes", "path"}
