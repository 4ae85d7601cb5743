"""Call workers of the queue `encoding` that have nothing to do to help with a long video (media/sharing/sharing.py)."""

from dataclasses import dataclass
from pathlib import Path

from redis.exceptions import RedisError

from pod_jobs.catalog.client import Order
from pod_jobs.errors import ServiceUnavailable
from pod_jobs.jobs import queue
from pod_jobs.jobs.context import Context
from pod_jobs.jobs.workforce import count_idle
from pod_jobs.storage import Run

QUEUE = "encoding"
ASSIST_KIND = "assist"


@dataclass
class Colleagues:
    """The Team of one run. `shared`: the folder of its chunks, here."""

    context: Context
    order: Order
    run: Run
    shared: Path
    called: int = 0

    def idle(self) -> int:
        """The number of workers for whom no job waits; 0 while Redis is away."""
        try:
            return count_idle(self.context.brisk_redis, QUEUE)
        except RedisError:
            return 0

    def call(self, count: int) -> None:
        """Enqueue jobs for this many helpers. A lost one does no harm."""
        order = self.order
        helps = {"helps": order.task, "generation": order.generation, "template": order.template}
        run = {**helps, "kind": order.kind, "video": self.run.video, "media": self.run.media}
        assist = self.context.job_types[ASSIST_KIND]
        for _ in range(count):
            self.called += 1
            job_id = f"{assist.kind}-{order.task}-g{order.generation}-a{order.attempt}-{self.called}"
            try:
                queue.enqueue(self.context.brisk_redis, assist, job_id, run)
            except ServiceUnavailable:
                return
