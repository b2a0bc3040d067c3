"""Which worker makes which batch, and what to do when a worker dies.

    for made in Schedule(crew, workers=2, todo=[0, 1, 2, 5], samples=65, size=32, key=chain_key).run(stop):
        ...

A worker gets work once it has loaded, so one that cannot start (its machine is full, or gone) holds
nothing up. One that dies takes its batch with it. The batch is tried once more in a fresh worker,
because most deaths are accidents (the kernel was short of memory). When that one dies too, its
samples go one by one: the sample that kills again becomes a Reject, the others are kept. A worker
that went with its machine is no mark against its batch.
"""

from collections import Counter, defaultdict, deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from counterfactory.errors import UserError
from counterfactory.factory.run.maker import Made, Task, indexes, joined, lost
from counterfactory.factory.run.worker import Ready

TRIES = 2  # of a whole batch, before its samples go one by one
FALSE_STARTS = 2  # workers that may die while loading, before the build gives up
LOST_MACHINES = 10  # that may take a batch with them, before it counts as any other death
# batches quicker than this are handed out two at a time, so that no worker waits
QUICK_SECONDS = 1.0
WAKE_SECONDS = 0.5  # how often the budget is looked at


@dataclass(frozen=True, slots=True)
class Died:
    """A worker ended without being asked to."""

    how: str  # "signal 9"
    with_machine: bool = False  # the whole machine went: no fault of what was being made


@dataclass(slots=True, eq=False)
class Seat:
    """One worker, with the tasks it was given and has not returned, in order."""

    number: int
    handle: Any
    tasks: deque[Task] = field(default_factory=deque)
    ready: bool = False


Event = tuple[Seat, Ready | Made | Died]


class Crew(Protocol):
    """Workers of one kind. `wait` raises what ends the whole build."""

    @property
    def workers(self) -> int:
        """Return how many workers there shall be."""
        ...

    def hire(self, number: int) -> Seat:
        """Start a worker."""
        ...

    def give(self, seat: Seat, task: Task) -> None:
        """Send a worker one more task."""
        ...

    def wait(self, seats: Sequence[Seat], seconds: float) -> list[Event]:
        """Return what happened within so many seconds; a worker's events come in order."""
        ...

    def dismiss(self, seat: Seat) -> None:
        """End a worker at once."""
        ...


class Schedule:
    """The batches of one build on their way through a crew."""

    def __init__(
        self, crew: Crew, *, workers: int, todo: Iterable[int], samples: int, size: int,
        key: Callable[[int], str],
    ) -> None:  # fmt: skip
        """`key` gives the candidate key of a sample by its index."""
        self.crew, self.workers, self.samples, self.size, self.key = (
            crew,
            workers,
            samples,
            size,
            key,
        )
        self.queue = deque(Task(batch) for batch in todo)
        self.seats: list[Seat] = []
        self.deaths: Counter[int] = Counter()
        self.lost_machines: Counter[int] = Counter()
        # of batches that go sample by sample
        self.parts: dict[int, dict[int, Made]] = defaultdict(dict)
        self.false_starts = 0
        self.depth = 1

    def run(self, stop: Callable[[float], bool]) -> Generator[Made]:
        """Yield finished batches in any order; once `stop` says so, only those now being made.

        `stop` is told how many seconds one more batch may take. One batch is made in any case: a
        run as short as the loading of models gets on too.
        """
        made, longest = 0, 0.0
        try:
            while True:
                stopping = stop(longest) and made > 0
                if not stopping:
                    self._hand_out()
                busy = [seat for seat in self.seats if seat.tasks]
                if not busy and (stopping or not self.queue):
                    return
                starting = [] if stopping else [seat for seat in self.seats if not seat.ready]
                for seat, event in self.crew.wait([*busy, *starting], WAKE_SECONDS):
                    yield from self._took_place(seat, event)
                    if isinstance(event, Made):
                        made, longest = made + 1, max(longest, event.seconds)
                        if stopping:
                            self._remove(seat)
        finally:
            while self.seats:
                self._remove(self.seats[0])

    def _hand_out(self) -> None:
        """Give every worker with room a task, and hire while there is more work than workers."""
        for depth in range(self.depth):
            for seat in self.seats:
                if self.queue and seat.ready and len(seat.tasks) <= depth:
                    self._give(seat)
        starting = sum(not seat.ready for seat in self.seats)
        for _ in range(min(len(self.queue) - starting, self.workers - len(self.seats))):
            taken = {seat.number for seat in self.seats}
            number = next(n for n in range(self.workers) if n not in taken)
            self.seats.append(self.crew.hire(number))

    def _give(self, seat: Seat) -> None:
        task = self.queue.popleft()
        seat.tasks.append(task)
        self.crew.give(seat, task)

    def _took_place(self, seat: Seat, event: Ready | Made | Died) -> Iterator[Made]:
        if isinstance(event, Ready):
            seat.ready, self.false_starts = True, 0
        elif isinstance(event, Made):
            self.depth = 2 if event.seconds < QUICK_SECONDS else 1
            yield from self._collect(seat.tasks.popleft(), event)
        else:
            tasks = list(seat.tasks)
            self._remove(seat)
            if not seat.ready and not event.with_machine:
                self._count_false_start(event)
            elif tasks:
                yield from self._avenge(tasks.pop(0), event)
            self.queue.extendleft(reversed(tasks))

    def _collect(self, task: Task, made: Made) -> Iterator[Made]:
        """Pass a batch on; hold the parts of one that goes sample by sample until all are there."""
        if task.index is None:
            yield made
            return
        parts = self.parts[task.batch]
        parts[task.index] = made
        whole = indexes(task.batch, self.size, self.samples)
        if len(parts) == len(whole):
            del self.parts[task.batch]
            yield joined([parts[index] for index in whole])

    def _avenge(self, task: Task, event: Died) -> Iterator[Made]:
        """Deal with the task that a worker died of."""
        if event.with_machine and self.lost_machines[task.batch] < LOST_MACHINES:
            self.lost_machines[task.batch] += 1
            self.queue.appendleft(task)
            return
        self.deaths[task.batch] += 1
        if task.index is not None:
            yield from self._collect(task, lost(task, self.key(task.index)))
        elif self.deaths[task.batch] < TRIES:
            self.queue.appendleft(task)
        else:
            alone = [
                Task(task.batch, index) for index in indexes(task.batch, self.size, self.samples)
            ]
            self.queue.extendleft(reversed(alone))

    def _count_false_start(self, event: Died) -> None:
        self.false_starts += 1
        if self.false_starts >= FALSE_STARTS:
            raise UserError(
                f"--workers {self.workers}: workers died while loading their models ({event.how}); "
                "signal 9 means out of memory: try fewer workers or smaller models"
            )

    def _remove(self, seat: Seat) -> None:
        self.seats.remove(seat)
        self.crew.dismiss(seat)
