"""Which addresses of other sites may be called."""

import ipaddress
from collections.abc import Sequence

import pytest

from pod_jobs.errors import AddressForbidden, ServiceUnavailable
from pod_jobs.outside.addresses import Allowed, Resolve, Target, is_public, look_up, pin, read, redirected

ANY = Allowed()
LAN = Allowed(networks=("10.1.0.0/16", "fd12::/16"))


def answering(*addresses: str) -> Resolve:
    def resolve(host: str, port: int) -> Sequence[str]:
        return addresses

    return resolve


def test_the_parts_of_an_address() -> None:
    assert read("https://Pod.Univ.fr./media/a%20b.mp4?x=1&y=é#t", ANY) == Target(
        "https", "pod.univ.fr", 443, "/media/a%20b.mp4?x=1&y=%C3%A9"
    )
    target = read("http://[2606:4700::1]:8080", ANY)
    assert (target.netloc, target.path, target.url) == ("[2606:4700::1]:8080", "/", "http://[2606:4700::1]:8080/")
    assert read("https://é.example/", ANY).host == "xn--9ca.example"


def test_a_query_is_kept_byte_for_byte_and_not_shown() -> None:
    """The address of Pod V5's callback holds its secret."""
    target = read("https://pod.univ.fr/api/encoding/webhook/?secret=a%2Bb==&video_id=7", ANY)
    assert target.path == "/api/encoding/webhook/?secret=a%2Bb==&video_id=7"
    assert target.shown == "https://pod.univ.fr/api/encoding/webhook/"


@pytest.mark.parametrize(
    "url",
    [
        "file:///etc/passwd",
        "ftp://pod.univ.fr/a.mp4",
        "gopher://pod.univ.fr/",
        "//pod.univ.fr/a.mp4",
        "/media/a.mp4",
        "",
        "https://",
        "https:///a.mp4",
        "https://user@pod.univ.fr/a.mp4",
        "https://user:word@pod.univ.fr/a.mp4",
        "https://pod.univ.fr@127.0.0.1/",
        "https://pod.univ.fr:99999/",
        "https://pod.univ.fr:x/",
        "https://pod.univ.fr\\@evil.example/",
        "https://pod.univ.fr/a b",
        "https://pod.univ.fr/a\nHost: evil",
        "https://pod.univ.fr/\x00",
        "https://[::1/",
        "https://[fe80::1%25eth0]/",
        "https://pod%2euniv.fr/",
        f"https://pod.univ.fr/{'a' * 5000}",
    ],
)
def test_what_is_no_address_to_call(url: str) -> None:
    with pytest.raises(AddressForbidden):
        read(url, ANY)


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "10.1.2.3",
        "172.16.0.1",
        "192.168.1.1",
        "100.64.0.1",
        "169.254.1.1",
        "0.0.0.0",  # noqa: S104
        "224.0.0.1",
        "240.0.0.1",
        "255.255.255.255",
        "192.0.2.1",
        "[::1]",
        "[::]",
        "[fc00::1]",
        "[fe80::1]",
        "[ff02::1]",
        "[::ffff:127.0.0.1]",
        "[::ffff:10.0.0.1]",
        "[2002:7f00:1::]",
        "[64:ff9b::7f00:1]",
        "[64:ff9b::a9fe:a9fe]",
        "[::127.0.0.1]",
        "[2001:db8::1]",
        "192.0.0.8",
        "192.88.99.1",
        "[fec0::1]",
        "[3fff::1]",
        "[64:ff9b:1::1]",
    ],
)
def test_a_literal_address_of_a_private_network(host: str) -> None:
    with pytest.raises(AddressForbidden, match="private network"):
        read(f"http://{host}/a.mp4", ANY)
    address = ipaddress.ip_address(host.strip("[]"))
    with pytest.raises(AddressForbidden, match="private network"):
        pin(read("http://pod.univ.fr/", ANY), ANY, answering(str(address)))


@pytest.mark.parametrize("host", ["8.8.8.8", "[2606:4700::1]", "[::ffff:8.8.8.8]"])
def test_a_public_address(host: str) -> None:
    found = pin(read(f"http://{host}/", ANY), ANY, answering(host.strip("[]")))
    assert ipaddress.ip_address(found.address) == ipaddress.ip_address(host.strip("[]"))


def test_a_private_network_counts_only_if_the_site_names_it() -> None:
    assert read("http://10.1.2.3/", LAN).host == "10.1.2.3"
    assert pin(read("http://pod.univ.fr/", LAN), LAN, answering("fd12::7")).address == "fd12::7"
    assert pin(read("http://pod.univ.fr/", LAN), LAN, answering("8.8.8.8")).address == "8.8.8.8"
    for other in ("10.2.0.1", "127.0.0.1", "fd13::1"):
        with pytest.raises(AddressForbidden):
            pin(read("http://pod.univ.fr/", LAN), LAN, answering(other))


def test_a_network_that_the_site_names_may_be_this_host() -> None:
    for network, address, other in (("::1/128", "::1", "::2"), ("0.0.0.2/32", "::2", "::1")):
        named = Allowed(networks=(network,))
        assert pin(read("http://pod.univ.fr/", named), named, answering(address)).address == address
        with pytest.raises(AddressForbidden):
            pin(read("http://pod.univ.fr/", named), named, answering(other))


@pytest.mark.parametrize(
    "address",
    [
        *("169.254.169.254", "100.100.100.200", "168.63.129.16", "192.0.0.192"),
        *("fd00:ec2::254", "::ffff:169.254.169.254", "::ffff:168.63.129.16"),
    ],
)
def test_metadata_of_a_cloud_is_never_read(address: str) -> None:
    everything = Allowed(networks=("0.0.0.0/0", "::/0"))
    with pytest.raises(AddressForbidden):
        pin(read("http://pod.univ.fr/", everything), everything, answering(address))


def test_a_name_with_one_good_and_one_bad_address_is_refused() -> None:
    for order in (("8.8.8.8", "127.0.0.1"), ("127.0.0.1", "8.8.8.8")):
        with pytest.raises(AddressForbidden, match="leads to 127.0.0.1"):
            pin(read("http://pod.univ.fr/", ANY), ANY, answering(*order))


def test_the_address_that_was_checked_is_the_one_to_connect_to() -> None:
    assert pin(read("http://pod.univ.fr/", ANY), ANY, answering("8.8.8.8", "9.9.9.9")).address == "8.8.8.8"


def test_only_hosts_that_the_site_lists() -> None:
    own = Allowed(hosts=("pod.univ.fr", "*.media.univ.fr"))
    assert read("https://POD.univ.fr/", own).host == "pod.univ.fr"
    assert read("https://a.media.univ.fr/", own).host == "a.media.univ.fr"
    for other in (
        "https://univ.fr/",
        "https://xpod.univ.fr/",
        "https://media.univ.fr/",
        "https://a.media.univ.fr.evil/",
    ):
        with pytest.raises(AddressForbidden, match="does? not list|do not list"):
            read(other, own)


def test_a_redirect_passes_the_same_checks() -> None:
    here = read("https://pod.univ.fr/media/a.mp4", ANY)
    assert redirected(here, "/b.mp4", ANY).url == "https://pod.univ.fr/b.mp4"
    for there in ("http://pod.univ.fr/a.mp4", "https://169.254.169.254/latest/", "file:///etc/passwd", "//10.0.0.1/"):
        with pytest.raises(AddressForbidden):
            redirected(here, there, ANY)
    with pytest.raises(AddressForbidden):
        redirected(here, "https://other.example/", Allowed(hosts=("pod.univ.fr",)))


def test_other_ways_to_write_the_own_host_are_found_when_they_are_looked_up() -> None:
    for host in ("localhost", "127.1", "2130706433", "0x7f000001"):
        with pytest.raises((AddressForbidden, ServiceUnavailable)):
            pin(read(f"http://{host}/", ANY), ANY)


def test_a_name_that_does_not_exist_may_exist_later() -> None:
    with pytest.raises(ServiceUnavailable):
        look_up("nowhere.invalid", 80)
    with pytest.raises(ServiceUnavailable):
        pin(read("http://nowhere.invalid/", ANY), ANY, answering())


def test_every_address_that_is_not_global_is_no_public_one() -> None:
    for network in ("10.0.0.0/8", "127.0.0.0/8", "224.0.0.0/4", "fc00::/7", "fe80::/10", "ff00::/8"):
        assert not is_public(ipaddress.ip_network(network)[1]), network
    assert is_public(ipaddress.ip_address("1.1.1.1"))
