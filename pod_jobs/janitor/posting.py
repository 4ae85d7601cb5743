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
FAULT, GATEWAY_TIMEOUT = 500, 504  # FAULT and above


@dataclass(frozen=True)
class Callback:
    """What is sent, as JSON, and where to. `is_known(status)`: does such an answer mean that the site knows?

    Any site may know, and may be importing still, when it does not answer in time, or the proxy before it says so (504).
    `faults_are_unclear`: it may know, too, when it has answered 5xx, or has broken the connection."""

    url: str
    authorization: str
    body: bytes
    is_known: Callable[[int], bool]
    faults_are_unclear: bool = False


def post(site: SiteSettings, callback: Callback, times: Times, resolve: Resolve | None) -> Outcome:
    """Try it once. No reason names the address, whose query may hold a secret."""
    allowed = Allowed(site.callback_hosts, site.private_networks)
    headers = {"Content-Type": "application/json", "Authorization": callback.authorization}
    try:
        target = pin(read(callback.url, allowed), allowed, resolve)
        with opened("POST", target, times, headers, callback.body) as response:
            status = response.status
            if callback.is_known(status):
                return Outcome(True)  # whatever becomes of the rest of the answer
            words = _words(response)
    except urllib3.exceptions.ReadTimeoutError:
        return Outcome(False, f"no answer within {times.read_s:g} s", is_unclear=True, is_busy=True)
    except urllib3.exceptions.HTTPError as error:
        is_cut = isinstance(error, urllib3.exceptions.ProtocolError) and callback.faults_are_unclear
        return Outcome(False, f"no answer: {type(error).__name__}", is_unclear=is_cut, is_busy=is_cut)
    except (AddressForbidden, ServiceUnavailable) as error:
        return Outcome(False, error.reason)
    is_busy = status == GATEWAY_TIMEOUT
    is_unclear = is_busy or (status >= FAULT and callback.faults_are_unclear)
    return Outcome(False, f"the site answers {status}: {words}", is_unclear, is_busy)


def _words(response: urllib3.BaseHTTPResponse) -> str:
    """The beginning of a refusal, as much of it as has come."""
    try:
        return " ".join(response.read1(ANSWER_BYTES, decode_content=False).decode("utf-8", "replace").split())
    except urllib3.exceptions.HTTPError:
        return ""
