"""The schedule: who makes what, and what a death costs. The crew here works in this process."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import pytest

from counterfactory.errors import UserError
from counterfactory.factory.run.ledger import Fate
from counterfactory.factory.run.maker import Made, Task
from counterfactory.factory.run.schedule import Died, Event, Schedule, Seat
from counterfactory.factory.run.worker import Ready


@dataclass
class Inline:
    """A crew without processes: `kills(task)` says whether a worker dies of it."""

    kills: Callable[[Task], bool] = lambda task: False
    starts: bool = True
    seconds: float = 0.0
    workers: int = 2
    hired: int = 0
    most: int = 0
    made: list[Task] = field(default_factory=list)

    def hire(self, number: int) -> Seat:
        self.hired += 1
        return Seat(number, None)

    def give(self, seat: Seat, task: Task) -> None:
        self.most = max(self.most, len(seat.tasks))

    def dismiss(self, seat: Seat) -> None:
        seat.handle = "gone"

    def wait(self, seats: Sequence[Seat], seconds: float) -> list[Event]:
        return [(seat, self.event(seat)) for seat in seats]

    def event(self, seat: Seat) -> Ready | Made | Died:
        if not seat.ready:
            return Ready() if self.starts else Died("signal 9")
        task = seat.tasks[0]
        if self.kills(task):
            return Died("signal 11")
        self.made.append(task)
        alone = task.index is not None
        keys = [f"{task.batch}:{task.index}"] if alone else [f"{task.batch}"]
        fates = [Fate.kept(i, key, "s", i) for i, key in enumerate(keys)]
        return Made(batch=task.batch, rows=b"", fates=fates, seconds=self.seconds)


def schedule(crew: Inline, *, workers: int = 2, todo: Sequence[int] = range(5)) -> Schedule:
    return Schedule(crew, workers=workers, todo=todo, samples=18, size=4, key=lambda i: f"key {i}")


def never(ahead: float) -> bool:
    return False


def test_every_batch_is_made_once() -> None:
    crew = Inline()
    made = [one.batch for one in schedule(crew, workers=3).run(never)]
    assert sorted(made) == [0, 1, 2, 3, 4]
    assert crew.hired == 3


def test_no_worker_is_hired_for_nothing() -> None:
    crew = Inline()
    assert len(list(schedule(crew, workers=8, todo=[4]).run(never))) == 1
    assert crew.hired == 1


def test_quick_batches_are_handed_out_two_at_a_time() -> None:
    crew = Inline()
    list(schedule(crew, workers=1).run(never))
    assert crew.most == 2


def test_an_accidental_death_costs_nothing() -> None:
    died = []

    def once(task: Task) -> bool:
        if task.batch == 2 and not died:
            died.append(task)
            return True
        return False

    crew = Inline(once)
    made = list(schedule(crew).run(never))
    assert sorted(one.batch for one in made) == [0, 1, 2, 3, 4]
    assert all(task.index is None for task in crew.made)


def test_a_sample_that_kills_is_found_and_rejected_alone() -> None:
    crew = Inline(lambda task: task.batch == 2 and task.index in (None, 10))
    made = {one.batch: one for one in schedule(crew).run(never)}
    assert sorted(made) == [0, 1, 2, 3, 4]
    fates = made[2].fates
    assert [fate.key for fate in fates] == ["2:8", "2:9", "key 10", "2:11"]
    assert [fate.position for fate in fates] == [0, 1, 2, 3]
    assert [fate.segment_row for fate in fates] == [0, 1, None, 2]
    assert (fates[2].stage, fates[2].reason, fates[2].note) == (
        "worker",
        "op_failed",
        "worker died",
    )


def test_a_last_short_batch_goes_alone_too() -> None:
    crew = Inline(lambda task: task.batch == 4 and task.index in (None, 17))
    made = {one.batch: one for one in schedule(crew).run(never)}
    assert [fate.key for fate in made[4].fates] == ["4:16", "key 17"]


def test_workers_that_die_while_loading_end_the_build() -> None:
    with pytest.raises(UserError, match="died while loading their models .signal 9."):
        list(schedule(Inline(starts=False)).run(never))


def test_a_stop_keeps_what_is_being_made_and_hands_out_no_more() -> None:
    crew = Inline()
    calls = []

    def stop(ahead: float) -> bool:
        calls.append(1)
        return len(calls) > 2  # after Ready, and one round of batches

    made = list(schedule(crew, workers=2, todo=range(50)).run(stop))
    assert 0 < len(made) <= 4


def test_no_batch_is_begun_that_would_end_too_late() -> None:
    crew, clock = Inline(seconds=10.0), [0.0]
    plan = schedule(crew, workers=1, todo=range(50))

    def stop(ahead: float) -> bool:
        return clock[0] + ahead > 35

    for _ in plan.run(stop):
        clock[0] += 10.0
    assert clock == [30.0]


def test_a_budget_that_is_too_short_for_one_batch_still_makes_one() -> None:
    made = list(schedule(Inline(), workers=1, todo=range(50)).run(lambda ahead: True))
    assert len(made) == 1


def test_a_worker_that_never_starts_holds_nothing_up() -> None:
    class HalfFull(Inline):
        """Only the first worker finds a place."""

        def wait(self, seats: Sequence[Seat], seconds: float) -> list[Event]:
            return [(seat, self.event(seat)) for seat in seats if seat.number == 0]

    crew = HalfFull()
    made = [one.batch for one in schedule(crew, workers=3).run(never)]
    assert sorted(made) == [0, 1, 2, 3, 4]
    assert crew.hired == 3


def test_batches_that_went_with_their_machine_are_made_again_as_often_as_it_takes() -> None:
    lost: list[Task] = []

    class Shaky(Inline):
        """Batch 2 is on a machine that goes, six times in a row."""

        def event(self, seat: Seat) -> Ready | Made | Died:
            if seat.ready and seat.tasks[0].batch == 2 and len(lost) < 6:
                lost.append(seat.tasks[0])
                return Died("NodeDiedError", with_machine=True)
            return super().event(seat)

    made = {one.batch: one for one in schedule(Shaky()).run(never)}
    assert sorted(made) == [0, 1, 2, 3, 4]
    assert len(lost) == 6 and all(task.index is None for task in lost)
    assert made[2].fates[0].status == "kept"


def test_leaving_early_dismisses_every_worker() -> None:
    crew = Inline()
    plan = schedule(crew)
    running = plan.run(never)
    next(running)
    seats = list(plan.seats)
    running.close()
    assert seats and all(seat.handle == "gone" for seat in seats)
