"""The rhythm of a periodic task in words: "at 03:17, from Monday to Friday"."""

from babel import Locale
from babel.lists import format_list
from croniter import croniter
from flask_babel import get_locale, gettext

from pod_jobs.settings.periodic import PeriodicSettings

MOST_TIMES = 8  # a longer list of times is told by hours and minutes


def rhythm(entry: PeriodicSettings) -> str:
    """In the language of the page; the expression itself when it says more than days and times."""
    if entry.every_min:
        return gettext("every %(count)s min", count=entry.every_min)
    fields, special = croniter.expand(entry.cron)
    if special or any(value == "l" for field in fields for value in field):
        return entry.cron
    minutes, hours, days, months, weekdays = ([value for value in field if isinstance(value, int)] for field in fields)
    words = [_times(minutes, hours), *_days(days, months, weekdays)]
    return ", ".join(words)


def _times(minutes: list[int], hours: list[int]) -> str:
    if not minutes:
        return (
            gettext("every minute") if not hours else gettext("every minute of the hours %(hours)s", hours=_list(hours))
        )
    if not hours:
        return gettext("in each hour at minute %(minutes)s", minutes=_list(minutes))
    if len(minutes) * len(hours) <= MOST_TIMES:
        return gettext("at %(times)s", times=_list([f"{hour:02}:{minute:02}" for hour in hours for minute in minutes]))
    return gettext("at minute %(minutes)s of the hours %(hours)s", minutes=_list(minutes), hours=_list(hours))


def _days(days: list[int], months: list[int], weekdays: list[int]) -> list[str]:
    locale = _locale()
    words = []
    if days:
        words.append(gettext("on day %(days)s of the month", days=_list(days)))
    if weekdays:
        names = [locale.days["format"]["wide"][(day - 1) % 7] for day in weekdays]
        if len(weekdays) > 2 and weekdays == list(range(weekdays[0], weekdays[-1] + 1)):
            words.append(gettext("from %(first)s to %(last)s", first=names[0], last=names[-1]))
        else:
            words.append(gettext("on %(days)s", days=_list(names)))
    if days and weekdays:  # cron takes either of them
        words = [gettext("%(one)s or %(other)s", one=words[0], other=words[1])]
    if months:
        names = [locale.months["format"]["wide"][month] for month in months]
        words.append(gettext("in %(months)s", months=_list(names)))
    return words or [gettext("every day")]


def _list(values: list[int] | list[str]) -> str:
    return format_list([str(value) for value in values], locale=_locale())


def _locale() -> Locale:
    return get_locale() or Locale("en")
