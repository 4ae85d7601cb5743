"""Turns a message of an Esup-Pod 4.1 into a task, or into a stored learning trace, in one transaction under the message's id."""

import hashlib
import logging
import uuid
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

from pod_jobs.catalog.models import User
from pod_jobs.catalog.new_task import NewTask
from pod_jobs.catalog.store import instance, site_orders, statements, tasks, users
from pod_jobs.catalog.waiting_order import PRIORITIES
from pod_jobs.celery.messages import Message, read_message
from pod_jobs.celery.orders import CeleryOrder, OrderFault, read_order
from pod_jobs.celery.shared_folder import give_mark, path_within
from pod_jobs.errors import Malformed, PodJobsError
from pod_jobs.instance import learning_traces
from pod_jobs.instance.numbers import with_free_number
from pod_jobs.jobs import pod
from pod_jobs.jobs.pod.task_kinds import TASK_KINDS
from pod_jobs.settings import Settings
from pod_jobs.settings.site import SiteSettings
from pod_jobs.system.sealing import Seal
from pod_jobs.xapi.statement import Application, Problem, accept, is_resend, stored

log = logging.getLogger(__name__)

XAPI_TASK = "send_xapi_statement_task"
UNREADABLE = uuid.UUID("4d0c2f1e-5b7a-5c1e-9a53-6f1a3c0d9b27")  # of our own; names messages that have no id


class Intake:
    """Of one site. Needs an open database."""

    def __init__(self, settings: Settings, site: SiteSettings) -> None:
        self._settings, self._site = settings, site

    def is_full(self) -> bool:
        """Do as many tasks of the site wait as it may have? Then its messages stay on the broker."""
        return bool(self._site.waiting) and tasks.count_waiting(self._owner()) >= self._site.waiting

    def take(self, raw: bytes, now: datetime, since: datetime | None = None) -> str:
        """Store what a message asks for. `since`: when a bridge first had it. Returns the kind of the new task; "" for none, also
        if the message was taken before. Errors: Malformed; ServiceUnavailable while the media folder is away; those of the
        database."""
        message = read_message(raw)
        if message.task == XAPI_TASK:
            self._take_statement(message, now)
            return ""
        try:
            order = read_order(message, self._site.heights_px)
            self._check_paths(message, order)
        except OrderFault as fault:
            self._end_at_once(message, fault, now, since)
            return ""
        self._notice_folder(order.source)
        return self._take_order(message, order, now, since)

    def refuse(self, content: str, fault: PodJobsError, now: datetime) -> None:
        """Store a message that cannot be carried out as a failed task, once; but not very many of them in a day. `content` stands
        for what is in it."""
        log.warning("site %s: a message is refused: %s", self._site.name, " ".join(fault.reason.split()))
        public_id = str(uuid.uuid5(UNREADABLE, content))
        document = {"task_type": "encoding", "source_url": "", "parameters": {}}
        asked = self._asked(public_id, document, "message", "refused message")
        if not site_orders.has_enough_refusals(asked, now):
            with_free_number(
                self._settings.media, lambda: site_orders.refuse(self._owner(), asked, NewTask(pod.KIND), fault, now)
            )

    def _check_paths(self, message: Message, order: CeleryOrder) -> None:
        """Errors: OrderFault for a source, or a place for the result, outside of the site's folder. A worker looks at these and
        the other paths again before it opens them."""
        for path in filter(None, (order.source, message.arguments.get("video_output"))):
            try:
                path_within(Path(self._site.shared_folder), path)
            except Malformed as fault:
                raise OrderFault(fault.reason, order, message.arguments, "source-outside") from fault

    def _notice_folder(self, source: str) -> None:
        """The folder in which Pod's file is found is the right one: from now on it is known by its mark."""
        folder = Path(self._site.shared_folder)
        if instance.shared_folder_mark(self._site.name):
            return
        try:
            if path_within(folder, source).is_file():
                instance.remember_shared_folder_mark(self._site.name, give_mark(folder))
        except OSError as error:
            log.warning("site %s: its media folder gets no mark: %s", self._site.name, error)

    def _take_order(self, message: Message, order: CeleryOrder, now: datetime, since: datetime | None) -> str:
        asked = self._of_order(message, order, message.arguments, since)
        what = {name: asked.document[name] for name in ("task_type", "source_url", "parameters")}
        kind, purpose = TASK_KINDS[order.task_type]
        new = NewTask(kind, "", what, purpose, priority=PRIORITIES[self._site.priority], party=self._site.party)
        media = self._settings.media
        media.check(instance.media_identity())
        row, task, is_new = with_free_number(
            media, lambda: site_orders.create(self._owner(), asked, new, 0, now, media.make_place)
        )
        site_orders.answered(row, now)  # nobody waits for an answer
        log.info(
            "site %s: message %s is task %s%s",
            self._site.name,
            message.id,
            task.id,
            "" if is_new else ", and there is nothing new to do",
        )
        return kind if is_new else ""

    def _end_at_once(self, message: Message, fault: OrderFault, now: datetime, since: datetime | None) -> None:
        """Store an order that cannot be read as a failed task, whose end Pod is told."""
        log.warning("site %s: the order %s fails: %s", self._site.name, message.id, " ".join(fault.reason.split()))
        asked = self._of_order(message, fault.order, fault.arguments, since)
        kind, purpose = TASK_KINDS[fault.order.task_type]
        new = NewTask(kind, "", {}, purpose)
        with_free_number(self._settings.media, lambda: site_orders.refuse(self._owner(), asked, new, fault, now))

    def _of_order(
        self, message: Message, order: CeleryOrder, arguments: Mapping[str, Any], since: datetime | None
    ) -> site_orders.ReceivedOrder:
        what = {"task_type": order.task_type, "source_url": order.source, "parameters": dict(order.parameters)}
        document = {**what, "arguments": dict(arguments)}
        callback = f"{self._site.callback_url.rstrip('/')}/{order.callback}"
        asked = self._asked(message.id, document, order.title, f"{order.task_type} {order.number}", callback)
        return replace(asked, since=since)

    def _asked(
        self, public_id: str, document: dict[str, Any], title: str, subject: str = "", callback: str = ""
    ) -> site_orders.ReceivedOrder:
        pod_is = {"etab_name": self._site.name, "app_name": "Esup-Pod", "app_version": "4.1"}
        return site_orders.ReceivedOrder(
            site=self._site.name,
            document={**pod_is, **document},
            fingerprint=hashlib.sha256((subject or public_id).encode()).hexdigest(),
            notify_url=Seal(self._settings.secret("site_key")).close(callback) if callback else "",
            token="",  # that of the settings counts when the callback is sent
            plain_manifest=True,
            title="".join(c for c in title if c.isprintable()),
            public_id=public_id,
        )

    def _take_statement(self, message: Message, now: datetime) -> None:
        raw = message.arguments["statement"]
        frozen = accept(raw, Application(), now, learning_traces.LIMITS)
        if isinstance(frozen, Problem):
            raise Malformed(f"{frozen.path}: {frozen.reason}", code="statement-refused")
        row = learning_traces.as_row(self._settings, frozen, learning_traces.object_id(raw))
        stored_bodies = statements.add([row], self._settings.xapi.lane_names, now)
        for number, body in stored_bodies.items():
            if not is_resend(raw, Application(), stored(number, body), learning_traces.LIMITS):
                raise Malformed("$.id: this id is in use for another statement", code="statement-refused")

    def _owner(self) -> User:
        return users.find(self._site.user)
