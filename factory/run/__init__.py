"""The engine: a recipe and a folder in, a release out; killed at any moment, it goes on where it
stopped.

    build.py       the whole of a build on one screen
      site.py        the working folder OUT.build/: is it the same work, what is missing
      ledger.py      what became of every candidate (SQLite); a batch is in it whole or not at all
      maker.py       one batch: samples -> chain -> rows and fates; runs inside a worker
        chain.py       ops, then checks; an exception costs one candidate, never its batch
      schedule.py    which worker gets which batch, and what to do when a worker dies
        local.py       workers as processes of this machine (worker.py is what runs in them)
        ray.py         workers as Ray actors (actor.py is what runs in them)
      segments.py    the rows of a finished batch, one Parquet file each
      assemble.py    segments -> checks of scope "global" -> views
        shards.py      one view's Parquet files
      fit.py         the check before anything loads: does every op find what it reads?
      landing.py     the same with a release in object storage (shelf.py keeps its batches there)
      disk.py        files that are whole or absent, the lock, and disk errors in one line

    OUT.build/ledger.sqlite   OUT.build/segments/000012.parquet   OUT.build/lock
    OUT/                      the release; appears by one rename, when all of it is written

The atom is a batch: a fixed range of samples, worked on by one single-threaded process. Which
worker has it, and when, changes nothing in it, so 1 or 4 workers, killed or not, write the same
bytes. Only the parent process writes files: a worker that outlives its parent for half a second can
do no harm.

    >>> from counterfactory.factory.run import build
    >>> build(resolve("region-diff"), Path("out/region-diff"), workers=2).rows      # doctest: +SKIP
    {'pairs': 812, 'sft': 2436, 'dpo': 1624, 'clip': 1624, 'rejects': 1188}
"""

from counterfactory.factory.run.build import build
from counterfactory.factory.run.fit import check_chain
from counterfactory.factory.run.result import BuildResult

__all__ = ["BuildResult", "build", "check_chain"]
