"""One callback to a site: the request, and what its answer means."""

from collections.abc import Callable
from dataclasses import dataclass

import urllib3

from pod_jobs.catalog.store.site_callbacks import Outcome
from pod_jobs.errors import AddressForbidden, ServiceUnavailable
from pod_jobs.outside.addresses import Allowed, Resolve, pin, read
from pod_jobs.outside.exchange import Times, opened
from pod_jobs.settings.site import SiteSettings

ANSWER_BYTES = 300  # kept of a refusal


@dataclass(frozen=True)
class Callback:
    """What is sent, as JSON, and where to. `is_known(status)`: does such an answer mean that the site knows? `cut_is_unclear`:
    after a connection that breaks while the site answers, it may know."""

    url: str
    authorization: str
    body: bytes
    is_known: Callable[[int], bool]
    cut_is_unclear: bool = False


def post(site: SiteSettings, callback: Callback, times: Times, resolve: Resolve | None) -> Outcome:
    """Try it once. No reason names the address, whose query may hold a secret."""
    allowed = Allowed(site.callback_hosts, site.private_networks)
    headers = {"Content-Type": "application/json", "Authorization": callback.authorization}
    try:
        target = pin(read(callback.url, allowed), allowed, resolve)
        with opened("POST", target, times, headers, callback.body) as response:
            text = response.read(ANSWER_BYTES).decode("utf-8", "replace")
    except urllib3.exceptions.ReadTimeoutError:
        return Outcome(False, f"no answer within {times.read_s:g} s", is_unclear=True)
    except urllib3.exceptions.HTTPError as error:
        is_cut = isinstance(error, urllib3.exceptions.ProtocolError)
        return Outcome(False, f"no answer: {type(error).__name__}", is_unclear=is_cut and callback.cut_is_unclear)
    except (AddressForbidden, ServiceUnavailable) as error:
        return Outcome(False, error.reason)
    if callback.is_known(response.status):
        return Outcome(True)
    return Outcome(False, f"the site answers {response.status}: {' '.join(text.split())}")
