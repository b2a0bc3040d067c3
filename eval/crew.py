"""Several processes evaluate together.

    accelerate launch --multi_gpu -m counterfactory.cli eval run MODEL --suite pocket --out runs/a
    torchrun --nproc_per_node 2 -m counterfactory.cli eval run ...           # the same, CPUs too

    crew = crew_of()            # rank, world; alone outside accelerate
    crew.together(asked)        ->  [310, 290], in every process

Each process asks its share and keeps the replies in the shared store; then the first one, which
finds them all there, marks and writes. On several machines COUNTERFACTORY_CACHE must be a shared
folder.
"""

import os
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

PATIENCE = 48  # hours that a process waits for the slowest


@dataclass(frozen=True, slots=True)
class Crew:
    """This process among its like."""

    rank: int = 0
    world: int = 1
    device: str = "auto"

    @property
    def first(self) -> bool:
        """Say whether this process writes and speaks."""
        return self.rank == 0

    def together(self, value: Any) -> list[Any]:
        """Return every process's value, by rank, once all have come here."""
        if self.world == 1:
            return [value]
        from accelerate.utils import gather_object

        return list(gather_object([value]))

    def leave(self) -> None:
        """End the talk between processes; without it some end with an abort."""
        if self.world > 1:
            from accelerate import PartialState

            PartialState().destroy_process_group()


def crew_of() -> Crew:
    """Return the crew that accelerate or torchrun started, or one process alone."""
    if int(os.environ.get("WORLD_SIZE", "1")) < 2:
        return Crew()
    import torch
    from accelerate import PartialState

    cpu = not torch.accelerator.is_available()
    state = PartialState(cpu=cpu, timeout=timedelta(hours=PATIENCE))
    return Crew(state.process_index, state.num_processes, str(state.device))
