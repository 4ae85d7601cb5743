"""Tells the administrators by mail that the delivery to an LRS has stopped, or waits for a day, and that it goes on again.

A mail server may take seconds to answer, so each mail has a thread of its own; only the janitor's thread uses the database.
A mail that could not be sent is tried again. If the janitor dies between a mail and its note, the mail comes twice.
"""

import logging
import threading
from datetime import datetime, timedelta

from pod_jobs.catalog.store import lane_news
from pod_jobs.catalog.store.lane_news import News
from pod_jobs.janitor.leader import Fence
from pod_jobs.outside import mail
from pod_jobs.settings import Settings

log = logging.getLogger(__name__)

RETRY = timedelta(minutes=1)  # after a mail that could not be sent
QUIET = timedelta(minutes=30)  # between two mails about one lane, which may stop and go on all the time
LONG = timedelta(days=1)  # so long a statement may wait for an LRS that is away, before that is told

STOPPED = {
    "en": (
        "Learning traces are not delivered to {lane}",
        "The record store “{lane}” has taken no learning traces since {since}.\n\nReason: {reason}\n\n"
        "Nothing is lost: traces wait, and are tried again by themselves. If the reason needs a person, mend it, then press "
        "“Try now” on this page:\n{page}\n",
    ),
    "fr": (
        "Les traces d’apprentissage n’arrivent plus à {lane}",
        "L’entrepôt « {lane} » ne prend plus de traces d’apprentissage depuis le {since}.\n\nRaison : {reason}\n\n"
        "Rien n’est perdu : les traces attendent et de nouveaux essais ont lieu d’eux-mêmes. Si la cause demande une "
        "intervention, corrigez-la, puis appuyez sur « Essayer maintenant » sur cette page :\n{page}\n",
    ),
}
GOES_ON = {
    "en": (
        "Learning traces are delivered to {lane} again",
        "The record store “{lane}” takes learning traces again since {since}. What had waited is being sent.\n\n{page}\n",
    ),
    "fr": (
        "Les traces d’apprentissage arrivent de nouveau à {lane}",
        "L’entrepôt « {lane} » prend de nouveau les traces d’apprentissage depuis le {since}. Celles qui attendaient sont en "
        "cours d’envoi.\n\n{page}\n",
    ),
}


class LaneMails:
    """At most one mail at a time is under way."""

    def __init__(self, settings: Settings, fence: Fence) -> None:
        self._settings, self._fence = settings, fence
        self._under_way: tuple[threading.Thread, News] | None = None
        self._sent = False
        self._not_before: datetime | None = None

    @property
    def is_sending(self) -> bool:
        """Is a mail under way?"""
        return self._under_way is not None and self._under_way[0].is_alive()

    def tend(self, now: datetime) -> None:
        """Note that a mail was sent, and send the next one. Errors: Deposed."""
        if not self._settings.mail.server:
            return
        if self._under_way is not None:
            thread, news = self._under_way
            if thread.is_alive():
                return
            self._under_way = None
            if self._sent:
                with self._fence():
                    lane_news.note_told(news, now)
            else:
                self._not_before = now + RETRY
        if self._not_before is None or now >= self._not_before:
            for news in lane_news.untold(self._settings.xapi.lane_names, now - QUIET, now - LONG)[:1]:
                self._begin(news)

    def _begin(self, news: News) -> None:
        self._sent = False
        thread = threading.Thread(target=self._send, args=(news,), name="mail", daemon=True)
        self._under_way = thread, news
        thread.start()

    def _send(self, news: News) -> None:
        try:
            refused = mail.send(self._settings.mail_account(), *self._words(news))
            self._sent = True
            log.info(
                "lane %s: mail sent, it is %s; refused for: %s", news.lane, news.state, ", ".join(refused) or "nobody"
            )
        except Exception as error:  # noqa: BLE001  # a fault here must not end the duty for good
            log.warning("lane %s is %s, but the mail could not be sent: %s", news.lane, news.state, error)

    def _words(self, news: News) -> tuple[str, str]:
        table = GOES_ON if news.state == "open" else STOPPED
        facts = {
            "lane": news.lane,
            "since": f"{news.since.astimezone():%Y-%m-%d %H:%M %Z}",
            "reason": news.reason,
            "page": f"{self._settings.public_url}/traces",
        }
        subject, text = table[self._settings.mail.language]
        return subject.format(**facts), text.format(**facts)
