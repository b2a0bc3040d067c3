"""What runs in a worker process: take a task from the line, make it, send it back.

    python -P -c "from counterfactory.factory.run.worker import main; main(fd=5, parent=4711)"

One thread each, so that the same batch gives the same bytes whatever else the machine does. When
the parent is gone, killed or not, the worker goes too: the line ends, and a watcher looks for the
parent twice a second.
"""

import os
import signal
import sys
import threading
import time
import traceback
from dataclasses import dataclass
from multiprocessing.connection import Connection

from counterfactory.errors import UserError
from counterfactory.factory.run.chain import WorkerLost
from counterfactory.factory.run.disk import disk_errors
from counterfactory.factory.run.maker import Made, Maker, Work

ONE_THREAD = {
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "NUMEXPR_NUM_THREADS": "1",
    "OPENCV_FOR_THREADS_NUM": "1",
    "TOKENIZERS_PARALLELISM": "false",
    "CUBLAS_WORKSPACE_CONFIG": ":4096:8",
    "PYTHONHASHSEED": "0",
}
"""The environment of every worker: it must stand before NumPy or torch loads."""

LOOK_SECONDS = 0.5


@dataclass(frozen=True, slots=True)
class Ready:
    """The worker has loaded its models and waits for tasks."""


@dataclass(frozen=True, slots=True)
class Trouble:
    """What ends the whole build: the user's to change, or a bug with its traceback."""

    text: str
    users: bool


Message = Ready | Made | Trouble


def main(fd: int, parent: int) -> None:
    """Serve one line until it ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to handle
    threading.Thread(target=_leave_with, args=(parent,), daemon=True).start()
    line = Connection(fd)
    try:
        work: Work = line.recv()
        with disk_errors(work.workdir):
            maker = Maker(work)
            line.send(Ready())
            while True:
                task = line.recv()
                line.send(maker.make(task))
    except (EOFError, ConnectionError):
        return
    except WorkerLost as error:
        sys.stderr.write(f"worker {os.getpid()} gives up: {error}\n")
        os._exit(1)
    except UserError as error:
        line.send(Trouble(str(error), users=True))
    except Exception:
        line.send(Trouble(traceback.format_exc(), users=False))


def _leave_with(parent: int) -> None:
    """End this process as soon as its parent is gone."""
    while os.getppid() == parent:
        time.sleep(LOOK_SECONDS)
    os._exit(1)
