"""Exports: a release in the form of one trainer that does not read Hub datasets, pictures as files.

    export(Path("out/region-diff"), "llava", Path("llava-data"))

    sft-train.json  images/4f/4f0c...png  README.md  export.json

    run.py          one export from start to end: a folder that is whole or not there
    work.py         what writers share: rows one by one, pictures under safe names
    llava.py swift.py internvl.py openclip.py verl.py coco.py webdataset.py    one trainer's form each
    tar.py          tar files byte by byte the same, written faster than the standard library does

Encoded pictures are copied, never decoded. Memory does not grow with the number of rows.
"""

from counterfactory.factory.release.export.run import Exported, export

__all__ = ["Exported", "export"]
