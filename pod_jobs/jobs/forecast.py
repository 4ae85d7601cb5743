"""When waiting tasks will probably begin."""

import heapq
from collections.abc import Sequence


def starts_in(free_in_s: Sequence[float], takes_s: Sequence[float]) -> list[float]:
    """For each waiting task, in their order, after how many seconds it will begin; empty if there is no worker.

    `free_in_s`: one figure for each worker, after how many seconds it will be free. `takes_s`: how long each task will take.
    """
    if not free_in_s:
        return []
    free = list(free_in_s)
    heapq.heapify(free)
    begins = []
    for takes in takes_s:
        begin = heapq.heappop(free)
        begins.append(begin)
        heapq.heappush(free, begin + takes)
    return begins
