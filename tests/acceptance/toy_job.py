"""A job type of a test: all that a new one needs is in this file. Also what starts a web app and a worker that know it."""

import sys
from collections.abc import Mapping, Sequence
from typing import Any

from flask import Flask

from pod_jobs.catalog.client import Order
from pod_jobs.catalog.new_task import NewTask
from pod_jobs.errors import BadSource, Malformed
from pod_jobs.jobs.context import Context
from pod_jobs.jobs.job_type import JobType, Ordering, Text, Words, table_of
from pod_jobs.jobs.table import JOB_TYPES
from pod_jobs.jobs.worker import run_worker
from pod_jobs.processes.web_server import WebServer
from pod_jobs.settings import Settings, load
from pod_jobs.web.app import create_app

KIND = "count_words"
QUEUE = "transcripting"


def run(context: Context, order: Order) -> dict[str, Any]:
    """Fails at its first attempt."""
    context.tick(order, {"step": "count", "fraction": 0.5})
    if order.attempt == 1 and not order.template:
        raise BadSource("nobody speaks", code="source-no-sound")
    return {"infos": {"words": order.options["most"]}}


def read(settings: Settings, template: str, document: Any) -> NewTask:
    if set(document) != {"most"} or not isinstance(document["most"], int):
        raise Malformed("most: a whole number is needed")
    return NewTask(KIND, template, document)


def follow(settings: Settings, task: NewTask, result: Mapping[str, Any]) -> Sequence[NewTask]:
    """A second count, of what the first one found."""
    return [] if task.template else [NewTask(KIND, "second", {"most": result["infos"]["words"] + 1})]


TOY = JobType(
    KIND,
    queue=QUEUE,
    run=run,
    words=Words(
        name=Text("Word count", "Compte des mots"),
        running=Text("Counting", "Compte en cours"),
        error=Text("Not counted", "Non compté"),
        done=Text("Counted", "Compté"),
        steps={"count": Text("Counting the words", "Compte des mots")},
    ),
    ordering=Ordering(read),
    follow=follow,
)
TABLE = table_of(*JOB_TYPES.values(), TOY)


class Server(WebServer):
    """The web server, with an app that knows the toy."""

    def load(self) -> Flask:
        return create_app(self.settings, TABLE)


if __name__ == "__main__":
    if sys.argv[1] == "web":
        Server(load()).run()
    else:
        run_worker(load(), sys.argv[1], TABLE)
