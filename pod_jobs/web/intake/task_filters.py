"""The filter of the team's list of tasks, as it stands in an address or a form."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any

from flask import request
from flask_babel import gettext

from pod_jobs import hand_over
from pod_jobs.captions.folding import fold
from pod_jobs.catalog.models import TASK_STATES
from pod_jobs.catalog.store.task_search import TaskFilter
from pod_jobs.errors import SENTENCES, Malformed, sentence_in
from pod_jobs.settings import QUEUES
from pod_jobs.web.services import services

LONGEST = 250  # characters of a field
TEXTS = ("state", "kind", "queue", "template", "owner", "host", "error", "group", "text", "site", "callback")
DAYS = ("since", "until")


@dataclass(frozen=True)
class GivenFilter:
    """A filter: `fields` as they were given, what they mean, and sentences about what means nothing."""

    fields: dict[str, str]
    wanted: TaskFilter
    faults: list[str]


def read(given: Mapping[str, str]) -> GivenFilter:
    """The filter in the fields of an address or a form; empty ones are left out, and so are others that it does not have."""
    named = {name: given.get(name, "").strip()[:LONGEST] for name in (*TEXTS, *DAYS)}
    fields = {name: value for name, value in named.items() if value}
    faults: list[str] = []
    if fields.get("state", TASK_STATES[0]) not in TASK_STATES:
        faults.append(gettext("There is no state %(name)s.", name=fields["state"]))
    days, no_dates = read_days(fields)
    faults += no_dates
    if fields.get("queue", QUEUES[0]) not in QUEUES:
        faults.append(gettext("There is no queue %(name)s.", name=fields["queue"]))
    return GivenFilter(fields, made({name: fields.get(name, "") for name in TEXTS}, days), faults)


def read_days(fields: Mapping[str, str]) -> tuple[dict[str, datetime], list[str]]:
    """The instants between which something was, by the names of DAYS, of those fields that are given; and sentences about what is
    no date."""
    days, faults = {}, []
    for name in DAYS:
        try:
            if name in fields:
                days[name] = _midnight(fields[name], name == "until")
        except (ValueError, OverflowError):
            faults.append(gettext("%(name)s is no date.", name=fields[name]))
    return days, faults


def site_of_address() -> str:
    """The site whose tasks the request's address asks for; "" = all tasks."""
    return read(request.args).wanted.site


def check_lengths(fields: Mapping[str, str]) -> None:
    """Errors: Malformed."""
    if too_long := [name for name, value in fields.items() if len(value) > LONGEST]:
        raise Malformed(f"{too_long[0]}: at most {LONGEST} characters")


def made(texts: Mapping[str, str], days: Mapping[str, Any]) -> TaskFilter:
    """The filter with these texts, by the names of TEXTS, and instants, by those of DAYS."""
    fields: Any = {name: value for name, value in texts.items() if name != "queue"}
    if queue := texts.get("queue"):
        fields["kinds"] = tuple(hand_over.kinds_of(services().job_types, queue))
    if text := fold(texts.get("text", "")):
        fields["codes"] = tuple(code for code in SENTENCES if text in fold(_said(code)))
    return TaskFilter(**fields, **days)


def _said(code: str) -> str:
    """The sentence of an error in the language of the page, without what it says about one recording."""
    return sentence_in(code, {}, gettext)


def _midnight(day: str, after: bool) -> datetime:
    """The beginning of the day, or with `after` its end, in the time zone of this host. Errors: ValueError, OverflowError."""
    begin = date.fromisoformat(day) + timedelta(days=int(after))
    if not 1970 < begin.year < 9000:
        raise ValueError(day)
    return datetime.combine(begin, time()).astimezone()
