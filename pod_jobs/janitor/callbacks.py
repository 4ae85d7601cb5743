"""Tells other sites how their tasks ended, until they know it.

Pod imports a result while it answers, which may take minutes, and downloads the files meanwhile. So each try has a thread of
its own; the janitor's thread only claims what is due and stores how tries ended. No thread uses the database.

- An answer 2xx settles it. Anything else, and no connection, is tried again, ever later, for days.
- No answer in time is unclear: Pod may be importing. It is tried again after 20 min, unless Pod has fetched the result.
- A Pod 4.1 gets the files first, and its own form of callback (celery_results.py).
- A site that hangs holds its own few threads, and no other site waits for it.
- If the janitor dies in the middle of a try, its claim runs out, and the next janitor goes on as after no answer: at once
  when somebody wants it, and the next janitor knows that the process has ended.
- How a try ended is kept until the catalog has it: a site that has answered 2xx is not told again after an outage of the
  database.
"""

import json
import logging
import random
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from peewee import InterfaceError, OperationalError

from pod_jobs.catalog.site_words import error_words, status_word
from pod_jobs.catalog.store import site_callbacks
from pod_jobs.catalog.store.site_callbacks import BUSY_WAIT, FIRST_WAIT, LONGEST_WAIT, Debt, Outcome, Result
from pod_jobs.errors import Deposed
from pod_jobs.janitor.celery_results import CelerySender
from pod_jobs.janitor.leader import Fence
from pod_jobs.janitor.posting import Callback, post
from pod_jobs.outside.addresses import Resolve
from pod_jobs.outside.exchange import Times
from pod_jobs.settings import Settings
from pod_jobs.settings.site import SiteSettings
from pod_jobs.system import process_identity
from pod_jobs.system.sealing import Seal

log = logging.getLogger(__name__)

AT_ONCE = 4  # tries at the same time for one site
TIMES = Times(connect_s=5.0, read_s=600.0)
# Pod's field for the text of a step, where it puts the error message; script_output has the whole reason
STEP_CHARACTERS = 255
UNSTORED = "the database cannot store the reason; the janitor's log says which"
MARGIN = timedelta(seconds=60)  # by which a claim outlasts its try

Post = Callable[[SiteSettings, Debt], Outcome]


@dataclass(frozen=True)
class Poster:
    """Sends one callback. `seal` opens the address and the token."""

    seal: Seal
    times: Times = TIMES
    resolve: Resolve | None = None

    def __call__(self, site: SiteSettings, debt: Debt) -> Outcome:
        try:
            url, token = self.seal.open(debt.notify_url), self.seal.open(debt.token)
        except ValueError as error:
            return Outcome(False, f"secrets/site_key: {error}")
        callback = Callback(url, f"Bearer {token}", body_of(debt), lambda status: 200 <= status < 300)
        return post(site, callback, self.times, self.resolve)


def body_of(debt: Debt) -> bytes:
    """What Pod reads of a callback."""
    error = error_words(debt.state, debt.error_code, debt.error_facts, debt.error_reason)
    return json.dumps(
        {
            "task_id": debt.public_id,
            "status": status_word(debt.state, debt.error_code),
            "error_message": shortened(error or "", STEP_CHARACTERS),
            "script_output": debt.error_reason if debt.state == "error" else "",
        }
    ).encode()


def shortened(text: str, most: int) -> str:
    """At most so many characters of it."""
    return text if len(text) <= most else f"{text[: most - 1]}…"


class Callbacks:
    """The tries that are under way."""

    def __init__(
        self, settings: Settings, fence: Fence, post: Post | None = None, hand: CelerySender | None = None
    ) -> None:
        self._settings, self._fence = settings, fence
        self._post, self._hand = post, replace(hand or CelerySender(settings, TIMES), is_void=self._is_void)
        self._under_way: dict[int, Debt] = {}  # by task
        self._void: set[int] = set()  # tasks under way whose end nobody has to be told any more
        self._ended: deque[tuple[Debt, Outcome]] = deque()

    def tend(self, now: datetime) -> None:
        """Store how tries ended, and begin those that are due. Errors: Deposed."""
        for _ in range(len(self._ended)):
            if self._is_settled(*self._ended[0], now):
                self._ended.popleft()
            else:
                self._ended.rotate(-1)  # it holds up no other
        self._void = site_callbacks.no_longer_owed(self._under_way.values())
        for claimant in filter(process_identity.is_dead_here, site_callbacks.claimants()):
            with self._fence():
                site_callbacks.release(claimant)
        for site in self._settings.site:
            busy = [debt.task for debt in self._under_way.values() if debt.site == site.name]
            if len(busy) < AT_ONCE:
                for debt in site_callbacks.due(site.name, now, AT_ONCE - len(busy), busy):
                    self._begin(site, debt, now)

    def _begin(self, site: SiteSettings, debt: Debt, now: datetime) -> None:
        lease = timedelta(seconds=TIMES.connect_s + TIMES.read_s) + MARGIN
        with self._fence():
            claimed = site_callbacks.claim(debt, lease, now, process_identity.own_name())
        if claimed is not None:
            result = site_callbacks.result_of(claimed) if site.is_celery else None
            self._under_way[debt.task] = claimed
            threading.Thread(target=self._try, args=(site, claimed, result), name="callback", daemon=True).start()

    def _try(self, site: SiteSettings, debt: Debt, result: Result | None) -> None:
        outcome = Outcome(False, "the janitor met an error; its log says which")
        try:
            outcome = self._hand(site, debt, result) if result else self._poster()(site, debt)
        except Exception:
            log.exception("callback of task %s", debt.task)
        finally:
            self._ended.append((debt, outcome))

    def _is_void(self, debt: Debt) -> bool:
        return debt.task in self._void

    def _poster(self) -> Post:
        return self._post or Poster(Seal(self._settings.secret("site_key")))

    def _is_settled(self, debt: Debt, outcome: Outcome, now: datetime) -> bool:
        """Store how a try ended; False when something is wrong with this one. Errors: Deposed, and an outage of the database."""
        for kept in (outcome, replace(outcome, reason=UNSTORED)):
            try:
                self._settle(debt, kept, now)
                return True
            except (Deposed, OperationalError, InterfaceError):
                raise
            except Exception:
                log.exception("how the callback of task %s ended cannot be stored: %a", debt.task, kept.reason)
        return False

    def _settle(self, debt: Debt, outcome: Outcome, now: datetime) -> None:
        tries = site_callbacks.tries_of(debt)
        wait = BUSY_WAIT if outcome.is_busy else wait_after(tries)
        with self._fence():
            site_callbacks.settle(debt, outcome, wait, now)
        self._under_way.pop(debt.task, None)
        if outcome.delivered:
            log.info("task %s: site %s knows that it is %s", debt.task, debt.site, debt.state)
        else:
            log.warning("task %s: site %s was not told, try %s: %s", debt.task, debt.site, tries, outcome.reason)


def wait_after(tries: int) -> timedelta:
    """The wait after so many tries in vain: it doubles, with jitter."""
    longest: timedelta = min(FIRST_WAIT * 2.0 ** min(max(tries - 1, 0), 20), LONGEST_WAIT)
    return longest * random.uniform(0.75, 1.0)


def purge(settings: Settings, now: datetime, fence: Fence) -> None:
    """Mark as deleted the results that sites have had for long enough. Errors: Deposed."""
    with fence():
        site_callbacks.give_up_foreign([site.name for site in settings.site], now)
    for site in settings.site:
        expired = 1
        while expired:
            with fence():
                expired = site_callbacks.expire(site.name, now - timedelta(days=site.keep_days), now)
