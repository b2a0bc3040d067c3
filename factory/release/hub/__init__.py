"""A small Hub in the box: `HF_ENDPOINT` pointed at it, Hugging Face's own libraries push, tag and load.

    with serve(Path("runs/hub"), port=0) as url:        # or: counterfactory hub serve --root runs/hub
        HfApi(endpoint=url, token="any").create_repo("lab/edits", repo_type="dataset")

Folder-backed and durable: a kill at any moment leaves every ref where it was or where it was moved to.
Clients need `HF_HUB_DISABLE_XET=1`: files travel by Git LFS's basic transfer.
"""

from counterfactory.factory.release.hub.access import Access
from counterfactory.factory.release.hub.server import opened, serve

__all__ = ["Access", "opened", "serve"]
