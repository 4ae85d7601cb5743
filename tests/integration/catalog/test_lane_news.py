"""Which states of a lane are news to administrators, on all three databases."""

import pytest
from peewee import Database

from pod_jobs.catalog.store import lane_news
from pod_jobs.catalog.trace_models import Lane
from tests.integration.catalog.conftest import NOW, later
from tests.integration.catalog.test_statements import add


@pytest.mark.parametrize(
    ("state", "told", "is_news"),
    [
        *(("stopped", told, told != "stopped") for told in ("", "open", "hold", "stopped")),
        *(("open", told, told in ("hold", "stopped")) for told in ("", "open", "hold", "stopped")),
        *(("hold", told, told in ("", "open")) for told in ("", "open", "hold", "stopped")),
    ],
)
def test_what_the_last_mail_did_not_say_is_news(catalog: Database, state: str, told: str, is_news: bool) -> None:
    add(1)
    add(2, seconds=5)
    Lane.update(state=state, told=told, told_at=NOW, reason="x", cursor=1).execute()
    lane = Lane.get()
    news = lane_news.untold(["ralph"], later(1), later(6))
    since = later(5) if state == "hold" else lane.since
    assert news == ([lane_news.News("ralph", state, since, "x")] if is_news else [])
    assert lane_news.untold(["ralph"], NOW, later(6)) == [], "the last mail has just been sent"
    assert lane_news.untold(["another"], later(1), later(6)) == []


def test_a_lane_on_hold_is_news_when_a_statement_waits_too_long(catalog: Database) -> None:
    add(1)
    Lane.update(state="hold", cursor=0).execute()
    assert lane_news.untold(["ralph"], later(1), NOW) == []
    (news,) = lane_news.untold(["ralph"], later(1), later(1))
    assert news.since == NOW
    Lane.update(cursor=1).execute()
    assert lane_news.untold(["ralph"], later(1), later(1)) == [], "nothing waits"


def test_what_was_told_is_noted_for_one_lane(catalog: Database) -> None:
    add(1, lane_names=("ralph", "second"))
    Lane.update(state="stopped").execute()
    first, _ = lane_news.untold(["ralph", "second"], later(1), NOW)
    lane_news.note_told(first, later(2))
    assert [news.lane for news in lane_news.untold(["ralph", "second"], later(9), NOW)] == ["second"]
    assert (Lane.get(Lane.name == "ralph").told, Lane.get(Lane.name == "ralph").told_at) == ("stopped", later(2))
