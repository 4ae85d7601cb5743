"""Decides which addresses of other sites may be called, so that nobody can make us call our own network.

An address that a Pod sends (of a recording, of its callback) is untrusted: whoever can order an encoding could otherwise
read the metadata of a cloud, or the pages of a machine behind our firewall (server-side request forgery).

- `read` looks at the text alone: http or https, no user name, no file, a host that the site's settings allow.
- `pin` asks for the host's addresses once. All of them must be allowed, and the connection then goes to the one that was
  checked: a name that answers otherwise the next time (DNS rebinding) gains nothing.
- Private networks are refused unless the settings name them, and addresses of clouds' metadata even then.
- A redirect is a new address, which passes both checks again.
"""

import ipaddress
import queue
import re
import socket
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from urllib.parse import quote, urljoin, urlsplit

from pod_jobs.errors import AddressForbidden, ServiceUnavailable

RESOLVE_S = 5.0
LONGEST_URL = 4000  # characters
PORTS = {"http": 80, "https": 443}
# Addresses from which programs on the machines of a cloud read their passwords
METADATA = tuple(
    map(
        ipaddress.ip_address,
        ("169.254.169.254", "169.254.170.2", "100.100.100.200", "192.0.0.192", "168.63.129.16", "fd00:ec2::254"),
    )
)
# Addresses that IANA's tables of special addresses and their predecessors set aside. They do not belong to the Internet as a
# whole, though some versions of Python call them global.
SET_ASIDE = tuple(
    map(
        ipaddress.ip_network,
        (
            "192.0.0.0/24",
            "192.88.99.0/24",
            "fec0::/10",
            "64:ff9b:1::/48",
            "100::/64",
            "2001::/23",
            "2001:db8::/32",
            "2002::/16",
        )
        + ("3fff::/20", "5f00::/16"),
    )
)
NAT64 = ipaddress.ip_network("64:ff9b::/96")
COMPATIBLE = ipaddress.ip_network("::/96")  # IPv4 in the last 32 bits, as old programs wrote it
NAME = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9_.-]{0,251}[A-Za-z0-9_.])?")

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Resolve = Callable[[str, int], Sequence[str]]  # (host, port) -> its addresses as text


@dataclass(frozen=True)
class Allowed:
    """What the settings of a site allow. `hosts`: only these, "pod.univ.fr" or "*.univ.fr" for all below it; () = any host.
    `networks`: private networks, such as "10.1.0.0/16", that may be called like public addresses."""

    hosts: tuple[str, ...] = ()
    networks: tuple[str, ...] = ()

    def allows_host(self, host: str) -> bool:
        return not self.hosts or any(_fits(host, pattern.lower()) for pattern in self.hosts)

    def allows_address(self, address: Address) -> bool:
        real = embedded(address)
        if real in METADATA:
            return False
        networks = map(ipaddress.ip_network, self.networks)
        return is_public(real) or any(real in network for network in networks if network.version == real.version)


@dataclass(frozen=True)
class Target:
    """An address that may be called. `path` holds the query too. `address` is the IP address that was checked; "" before
    `pin`."""

    scheme: str
    host: str
    port: int
    path: str
    address: str = ""

    @property
    def netloc(self) -> str:
        """Host and port as the header Host has them."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == PORTS[self.scheme] else f"{host}:{self.port}"

    @property
    def url(self) -> str:
        return f"{self.scheme}://{self.netloc}{self.path}"

    @property
    def shown(self) -> str:
        """The address without its query, which may hold a secret."""
        return self.url.partition("?")[0]


def read(url: str, allowed: Allowed) -> Target:
    """The parts of `url`. Errors: AddressForbidden, also for a literal address that is not allowed."""
    if len(url) > LONGEST_URL or re.search(r"[\x00-\x20\x7f\\]", url):
        raise _forbidden("it is too long, or holds a space, a backslash or a control character")
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError as error:
        raise _forbidden(str(error)) from error
    if parts.scheme not in PORTS:
        raise _forbidden(f"only http and https are fetched, not {parts.scheme[:20] or 'an address without a scheme'}")
    if "@" in parts.netloc:
        raise _forbidden("it holds a user name or a password", host)
    host = _ascii(host)
    literal = _literal(host)
    if literal is None and not NAME.fullmatch(host):
        raise _forbidden("it names no host", host)
    if not allowed.allows_host(host):
        raise _forbidden("the settings of the site do not list this host", host)
    if literal is not None and not allowed.allows_address(literal):
        raise _forbidden("it is an address of a private network", host)
    path = quote(parts.path or "/", safe="/%:@!$&'()*+,;=~-._")
    query = f"?{quote(parts.query, safe='/%:@!$&()*+,;=~-._?')}" if parts.query else ""
    return Target(parts.scheme, host, port or PORTS[parts.scheme], path + query)


def pin(target: Target, allowed: Allowed, resolve: Resolve | None = None) -> Target:
    """`target` with the one IP address to connect to. Errors: AddressForbidden when any address of the host is not allowed;
    ServiceUnavailable when the name has none, or nobody answers in time."""
    addresses = [ipaddress.ip_address(text) for text in (resolve or look_up)(target.host, target.port)]
    if not addresses:
        raise ServiceUnavailable(f"{target.host} has no address")
    for address in addresses:
        if not allowed.allows_address(address):
            raise _forbidden(f"its name leads to {address}, an address of a private network", target.host)
    return replace(target, address=str(addresses[0]))


def redirected(target: Target, location: str, allowed: Allowed) -> Target:
    """Where an answer of `target` sends us; not pinned yet. Errors: AddressForbidden, also from https to http."""
    destination = read(urljoin(target.url, location), allowed)
    if (target.scheme, destination.scheme) == ("https", "http"):
        raise _forbidden("it redirects from https to http", destination.host)
    return destination


def look_up(host: str, port: int) -> list[str]:
    """The addresses of a host. The system's look-up has no limit of time of its own. Errors: ServiceUnavailable."""
    answer: queue.Queue[list[str] | OSError] = queue.Queue(1)

    def ask() -> None:
        try:
            rows = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as error:
            answer.put(error if isinstance(error, OSError) else OSError(str(error)))
            return
        answer.put(list(dict.fromkeys(str(row[4][0]).partition("%")[0] for row in rows)))

    threading.Thread(target=ask, name="look-up", daemon=True).start()
    try:
        result = answer.get(timeout=RESOLVE_S)
    except queue.Empty:
        raise ServiceUnavailable(f"{host}: no answer about its address within {RESOLVE_S:g} s") from None
    if isinstance(result, OSError):
        raise ServiceUnavailable(f"{host}: {result}") from result
    return result


def is_public(address: Address) -> bool:
    """Can anybody on the Internet have this address? False if private, loopback, link-local, shared, reserved, multicast."""
    is_special = address.is_multicast or address.is_reserved or address.is_unspecified or address.is_link_local
    is_special = is_special or any(address in network for network in SET_ASIDE if network.version == address.version)
    return address.is_global and not is_special


def embedded(address: Address) -> Address:
    """The IPv4 address that an IPv6 address stands for (mapped, 6to4, Teredo, NAT64); else the address itself."""
    if isinstance(address, ipaddress.IPv4Address):
        return address
    if address in NAT64 or (address in COMPATIBLE and int(address) > 1):
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour or (address.teredo or (None, None))[1] or address


def _literal(host: str) -> Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


def _ascii(host: str) -> str:
    """The host in lower case, in the form that the look-up uses. Errors: AddressForbidden."""
    if host.isascii():
        return host.lower().rstrip(".")
    try:
        return host.encode("idna").decode("ascii").lower().rstrip(".")
    except UnicodeError as error:
        raise _forbidden("it names no host") from error


def _fits(host: str, pattern: str) -> bool:
    return host.endswith(pattern[1:]) if pattern.startswith("*.") else host == pattern


def _forbidden(reason: str, host: str = "") -> AddressForbidden:
    return AddressForbidden(f"{host}: {reason}" if host else reason, host=host or "?")
