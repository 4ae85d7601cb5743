"""Words of the pages of the team, in the language of the request: for times and sizes, kinds, states, outcomes and errors."""

from datetime import date, datetime, timedelta
from functools import cache, lru_cache
from typing import Any
from zoneinfo import ZoneInfo

from babel.dates import TIMEDELTA_UNITS, format_date, format_datetime, format_time, format_timedelta
from babel.numbers import format_decimal
from flask import Blueprint, g
from flask_babel import get_locale, gettext

from pod_jobs.catalog.models import Attempt
from pod_jobs.jobs.dead_workers import HOST_CHARACTERS
from pod_jobs.jobs.job_type import words_of
from pod_jobs.web.guards.problems import translated
from pod_jobs.web.intake import received_files
from pod_jobs.web.services import now, services

blueprint = Blueprint("team_words", __name__)

REMEMBERED = 5000  # how many instants and numbers in words are kept, because pages show the same ones again and again
SOME = 1.5  # from so many hours on, a time is given in hours; less is given in minutes, and so on for each unit


@blueprint.app_template_filter()
def moment(value: datetime) -> str:
    """When something happened or will, in the time zone of this host: "14:05" for today, else "27 Nov, 14:05"."""
    return moment_in(value, None)


@blueprint.app_template_filter()
def moment_in(value: datetime, zone: str | None) -> str:
    """As `moment`, in the time zone of this name."""
    local = value.astimezone(ZoneInfo(zone) if zone else None)
    return _moment(local, now().astimezone(local.tzinfo).date(), _locale())


@blueprint.app_template_filter()
def exact(value: datetime) -> str:
    """With seconds and the name of the time zone."""
    return _exact(value.astimezone(), _locale())


@lru_cache(REMEMBERED)
def _moment(local: datetime, today: date, locale: str) -> str:
    clock = format_time(local, "short", locale=locale)
    if local.date() == today:
        return clock
    return f"{format_date(local, 'd MMM' if local.year == today.year else 'd MMM y', locale=locale)}, {clock}"


@lru_cache(REMEMBERED)
def _exact(local: datetime, locale: str) -> str:
    return format_datetime(local, "d MMMM y, HH:mm:ss z", locale=locale)


@blueprint.app_template_filter()
def short_day(value: datetime) -> str:
    """ "27 Nov" """
    return _short_day(value.astimezone().date(), _locale())


@blueprint.app_template_filter()
def span(seconds: float) -> str:
    """ "4 min", "2 hr" """
    exact = max(1, round(seconds))
    coarse = round(exact / _unit_of(exact)) * _unit_of(exact)  # says the same, and is remembered
    return _span(coarse if _unit_of(coarse) == _unit_of(exact) else exact, _locale())


def _unit_of(seconds: int) -> int:
    """How many seconds the unit has in which `span` gives so many seconds."""
    return next((length for _, length in TIMEDELTA_UNITS if seconds / length >= SOME), 1)


@lru_cache(REMEMBERED)
def _span(seconds: int, locale: str) -> str:
    return format_timedelta(timedelta(seconds=seconds), threshold=SOME, format="short", locale=locale)


@blueprint.app_template_filter()
def decimal(value: float, places: int = 1) -> str:
    """ "10.2", in French "10,2" """
    return _decimal(round(value, places), _locale())


@lru_cache(REMEMBERED)
def _short_day(day: date, locale: str) -> str:
    return format_date(day, "d MMM", locale=locale)


@lru_cache(REMEMBERED)
def _decimal(rounded: float, locale: str) -> str:
    return format_decimal(rounded, locale=locale)


@blueprint.app_template_filter()
def clock(seconds: float) -> str:
    """ "1:04:33" """
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes // 60}:{minutes % 60:02}:{rest:02}"


@blueprint.app_template_filter()
def since(value: datetime) -> str:
    """How long ago that was: "18 min"."""
    return span((now() - value).total_seconds())


@blueprint.app_template_filter()
def short_worker(attempt: Attempt) -> str:
    """ "encoding 4242": the queue and the process of its worker. The rest of the name only tells it from all other workers."""
    queue, _, rest = attempt.worker.partition(f".{attempt.host[:HOST_CHARACTERS]}.")
    return f"{queue} {rest.partition('.')[0]}" if rest else attempt.worker


@blueprint.app_template_filter()
def size(count: float) -> str:
    """With three figures: "412 GB"."""
    return received_files.in_words(three_figures(count))


def three_figures(count: float) -> float:
    """What `size` shows of a size: 412345678 -> 412000000."""
    return float(f"{count:.3g}")


@blueprint.app_template_filter()
def error_sentence(code: str, facts: dict[str, str]) -> str:
    """The sentence of an error in the language of the page. A list shows few different ones."""
    sentences: dict[tuple[Any, ...], str] = g.setdefault("error_sentences", {})
    key = (code, *facts.items(), str(get_locale()))
    if key not in sentences:
        sentences[key] = translated(code, facts)
    return sentences[key]


@blueprint.app_template_global()
def kind_words(kind: str) -> dict[str, Any]:
    """The words of a job type in the language of the page; each row of a list asks for them."""
    words_of_kind: dict[str, dict[str, Any]] = g.setdefault("kind_words", {})
    if kind not in words_of_kind:
        words_of_kind[kind] = words_of(services().job_types, kind).in_language(str(get_locale() or "en"))
    return words_of_kind[kind]


@blueprint.app_template_global()
def state_words(state: str) -> str:
    """What the state of any task is called."""
    return _state_words(_locale())[state]


@cache
def _state_words(language: str) -> dict[str, str]:
    """In `language`, which is that of the request: a list asks for each of its rows."""
    return {
        "waiting": gettext("Waiting"),
        "running": gettext("Running"),
        "done": gettext("Done"),
        "error": gettext("Failed"),
        "cancelled": gettext("Stopped"),
    }


@blueprint.app_template_global()
def priority_words(priority: str) -> str:
    """What a priority (waiting_order.PRIORITIES) is called."""
    return {"high": gettext("High priority"), "normal": gettext("Normal priority"), "low": gettext("Low priority")}[
        priority
    ]


@blueprint.app_template_global()
def outcome_words(outcome: str | None) -> str:
    """How a try of a task ended; None: it has not."""
    return {
        None: gettext("runs"),
        "done": gettext("done"),
        "error": gettext("failed"),
        "retry": gettext("will be tried again"),
        "interrupted": gettext("interrupted, its worker stopped"),
        "cancelled": gettext("stopped by a person"),
        "killed": gettext("its process was killed"),
        "lost": gettext("its worker vanished"),
    }[outcome]


@blueprint.app_template_global()
def filter_words(name: str) -> str:
    """What a field of the filter is called."""
    return {
        "text": gettext("Title, number or error"),
        "state": gettext("State"),
        "kind": gettext("Kind"),
        "queue": gettext("Queue"),
        "template": gettext("Template"),
        "owner": gettext("Owner"),
        "host": gettext("Machine"),
        "error": gettext("Error code"),
        "group": gettext("Error group"),
        "site": gettext("Site"),
        "callback": gettext("Message about the end"),
        "since": gettext("Ordered from"),
        "until": gettext("Ordered until"),
    }[name]


def _locale() -> str:
    """Plain "en" is American: 11/28/26, 2:05 PM."""
    language = str(get_locale() or "en")
    return "en_GB" if language == "en" else language
