"""Takes in what another site orders: checks it, stores it once, and has its task enqueued.

What can never be carried out for reasons of safety is refused at once. Everything else that is wrong with an order becomes
the end of its task: an Esup-Pod sends a refused order again for ever, and learns of a failed one by its callback. The team
finds a refused order as a failed task among the errors, once, however often it is sent.
"""

import hashlib
import json
import logging
import uuid
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote, urlsplit

from pod_jobs.catalog.models import Task, User
from pod_jobs.catalog.new_task import NewTask
from pod_jobs.catalog.site_models import SiteOrder
from pod_jobs.catalog.store import site_orders, tasks, users
from pod_jobs.catalog.waiting_order import PRIORITIES
from pod_jobs.errors import AddressForbidden, Forbidden, Malformed, PodJobsError, ServiceUnavailable
from pod_jobs.instance.sites import site_of
from pod_jobs.jobs.pod.task_kinds import TASK_KINDS
from pod_jobs.outside import addresses
from pod_jobs.outside.addresses import Allowed
from pod_jobs.settings.site import SiteSettings
from pod_jobs.system.json_depth import MOST_DEPTH, depth_of
from pod_jobs.system.sealing import Seal
from pod_jobs.web.guards import access
from pod_jobs.web.intake import orders
from pod_jobs.web.services import checked_media, now, services

log = logging.getLogger(__name__)

TEXTS = ("etab_name", "app_name", "app_version", "task_type", "source_url")  # required fields
OPTIONAL = ("notify_url", "affiliation")
LONGEST = 4000  # characters of a field
MOST_PARAMETERS = 32_000  # bytes of JSON
SHOWN = 500  # characters of a field of a refused order
REFUSED = uuid.UUID("b6a0f3c4-92d7-5f0e-8c55-1f7d2b3e4a60")  # of our own; names refused orders


@dataclass(frozen=True)
class Taken:
    """An order that was stored, and its task; `is_new` unless the same order waits or runs already."""

    order: SiteOrder
    task: Task
    is_new: bool


def own_site(user: User) -> SiteSettings:
    """The settings of the site that sent this request. Errors: Forbidden when they have none of this name."""
    site = services().settings.site_named(site_of(user))
    if site is None:
        raise Forbidden(f"the settings have no [[site]] for {user.name}")
    return site


def take(user: User, document: dict[str, Any], *, plain_manifest: bool) -> Taken:
    """Store an order of the Runner Manager API. Errors: Malformed (order-unreadable), AddressForbidden, Refused
    (waiting-limit), ServiceUnavailable; Malformed for an address of the callback that must not be called."""
    site, asked = own_site(user), _read(document)
    check_addresses(site, asked["source_url"], asked["notify_url"])
    kind, purpose = TASK_KINDS[asked["task_type"]]
    key = services().settings.secret("site_key")
    seal = Seal(key)
    new_order = site_orders.ReceivedOrder(
        site=site.name,
        document={**asked, "notify_url": asked["notify_url"].partition("?")[0]},
        fingerprint=site_orders.fingerprint(key, asked),
        notify_url=seal.close(asked["notify_url"]),
        token=seal.close(access.token_of_request()),
        plain_manifest=plain_manifest,
        title=_title(asked),
    )
    options = {"task_type": asked["task_type"], "source_url": asked["source_url"], "parameters": asked["parameters"]}
    priority = PRIORITIES[site.priority]
    new = NewTask(kind, "", options, purpose, priority=priority, party=site.party)
    taken = Taken(*_create(user, new_order, new, site.waiting))
    if taken.is_new:
        orders.dispatch(taken.task)
    return taken


def _create(user: User, new_order: site_orders.ReceivedOrder, new: NewTask, most: int) -> tuple[SiteOrder, Task, bool]:
    place = checked_media().make_place
    return orders.with_free_number(lambda: site_orders.create(user, new_order, new, most, now(), place))


def note_refusal(user: User, raw: bytes, document: dict[str, Any], fault: PodJobsError) -> None:
    """Store an order that is refused as a failed task, once for the same content `raw`; of those that are too many, one a day."""
    site, at = own_site(user), now()
    content = f"{at:%Y-%m-%d}" if fault.code == "waiting-limit" else hashlib.sha256(raw).hexdigest()
    log.warning("site %s: an order is refused: %s", site.name, " ".join(fault.reason.split()))
    shown = {name: _shown(document.get(name)) for name in TEXTS}
    kind, purpose = TASK_KINDS.get(shown["task_type"], TASK_KINDS["encoding"])
    asked = site_orders.ReceivedOrder(
        site=site.name,
        document={**shown, "parameters": {}},
        fingerprint=hashlib.sha256(REFUSED.bytes).hexdigest(),
        notify_url="",  # Pod knows: it has the answer
        token="",
        plain_manifest=False,
        title=_title({**shown, "parameters": {}}) or "order",
        public_id=str(uuid.uuid5(REFUSED, f"{site.name} {fault.code} {content}")),
    )
    if not site_orders.has_enough_refusals(asked, at):
        orders.with_free_number(lambda: site_orders.refuse(user, asked, NewTask(kind, "", {}, purpose), fault, at))


def _shown(value: Any) -> str:
    """What the team may see of a field of a refused order. Not an address with a user, whose password may be in it."""
    return value.strip()[:SHOWN] if isinstance(value, str) and _can_be_kept(value) and "@" not in value else ""


def stop(user: User, order: SiteOrder) -> None:
    """Cancel the task of an order. Errors: Refused when it has ended."""
    task = tasks.cancel(order.task_id, now())
    users.note(user.name, "cancel", f"task {task.id}", now())
    orders.tell_to_end(task)


def check_addresses(site: SiteSettings, source_url: str, notify_url: str) -> None:
    """Errors: AddressForbidden for the source; Malformed for the callback, whose name is looked up too. A name that nobody
    can look up now may be known when the task has ended."""
    addresses.read(source_url, Allowed(site.source_hosts, site.private_networks))
    if not notify_url:
        return
    allowed = Allowed(site.callback_hosts, site.private_networks)
    try:
        addresses.pin(addresses.read(notify_url, allowed), allowed)
    except AddressForbidden as error:
        raise Malformed(f"notify_url: {error.reason}") from error
    except ServiceUnavailable as error:
        log.warning("the callback of an order of site %s cannot be looked up: %s", site.name, error.reason)


def _read(document: dict[str, Any]) -> dict[str, Any]:
    """The fields that count, checked; unknown ones are left out. Errors: Malformed (order-unreadable)."""
    asked: dict[str, Any] = {}
    for name in (*TEXTS, *OPTIONAL):
        value = document.get(name)
        if value is None and name in OPTIONAL:
            value = ""
        if not isinstance(value, str) or not _can_be_kept(value) or (name in TEXTS and not value.strip()):
            raise _unreadable(f"{name}: a text of 1 to {LONGEST} characters is needed")
        asked[name] = value.strip()
    if asked["task_type"] not in TASK_KINDS:
        raise _unreadable(f"task_type: {asked['task_type'][:40]!r} is none of {', '.join(TASK_KINDS)}")
    parameters = document.get("parameters")
    if isinstance(parameters, str) and parameters.strip():
        try:
            parameters = json.loads(parameters)
        except (ValueError, RecursionError) as error:
            raise _unreadable(f"parameters: {error}") from error
    parameters = parameters or {}
    if not isinstance(parameters, dict):
        raise _unreadable("parameters: an object is needed")
    try:
        size = len(json.dumps(parameters, allow_nan=False, ensure_ascii=False).encode())
    except (ValueError, RecursionError) as error:
        raise _unreadable(f"parameters: {error}") from error
    if size > MOST_PARAMETERS or depth_of(parameters) > MOST_DEPTH:
        raise _unreadable(f"parameters: at most {MOST_PARAMETERS} bytes and {MOST_DEPTH} levels are taken")
    return {**asked, "parameters": parameters}


def _can_be_kept(text: str) -> bool:
    """Is it short enough, and can every database hold it? Not so: NUL, and half a character (a lone surrogate)."""
    has_half_character = any("\ud800" <= character <= "\udfff" for character in text[:LONGEST])
    return len(text) <= LONGEST and "\0" not in text and not has_half_character


def _title(asked: dict[str, Any]) -> str:
    """What people call the recording: Pod's title, or the name of its file."""
    title = asked["parameters"].get("video_title")
    if isinstance(title, str) and (shown := "".join(c for c in title if c.isprintable()).strip()):
        return shown
    try:
        last = unquote(urlsplit(asked["source_url"]).path).rpartition("/")[2]
    except ValueError:  # it is no address, and is refused for that
        last = ""
    return "".join(c for c in last if c.isprintable()) or asked["source_url"]


def _unreadable(reason: str) -> Malformed:
    return Malformed(reason, code="order-unreadable")
