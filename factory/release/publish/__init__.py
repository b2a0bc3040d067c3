"""Publishing: a folder becomes a version on a Hub, whole and proven, or nothing changes there.

    found = publish(Path("runs/region-diff"), "org/region-diff")
    found.tag, found.commit, found.verified        "2026.11.21.1", "81b3...", True

    parcel.py     what is published: release.py, model.py, suite.py
    target.py     what the target holds already;  version.py: the next version
    send.py       one commit, or a pull request; heads that move, answers that get lost
    loaded_back.py  loaded back by `datasets` and compared row by row
    remote.py     the calls themselves (client.py, content.py);  trouble.py: what is waited for and told
    changes.py    what differs from the version before

The order is: look, send, prove, tag. Killed or cut off at any point, the same command goes on from
there: a version is published once its tag is set, and a tag is only ever set on a commit that was proven.
"""

from counterfactory.factory.release.publish.publish import Published, publish
from counterfactory.factory.release.publish.trouble import Patience

__all__ = ["Patience", "Published", "publish"]
