"""Signed links, against the example that Amazon publishes ("Authenticating Requests: Using Query Parameters")."""

from datetime import UTC, datetime
from urllib.parse import parse_qs, urlsplit

import pytest

from pod_jobs.storage.signed_links import S3Place, signed_link

AT = datetime(2013, 5, 24, tzinfo=UTC)
SECRET = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"


def place(endpoint: str, *, path_style: bool = True) -> S3Place:
    return S3Place(endpoint, "us-east-1", "examplebucket", "AKIAIOSFODNN7EXAMPLE", SECRET, path_style)


def test_it_is_the_link_that_amazon_publishes() -> None:
    link = signed_link(place("https://s3.amazonaws.com", path_style=False), "GET", "test.txt", (AT, 86400))
    assert link == (
        "https://examplebucket.s3.amazonaws.com/test.txt?X-Amz-Algorithm=AWS4-HMAC-SHA256"
        "&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus-east-1%2Fs3%2Faws4_request"
        "&X-Amz-Date=20130524T000000Z&X-Amz-Expires=86400&X-Amz-SignedHeaders=host"
        "&X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404"
    )


@pytest.mark.parametrize(
    ("endpoint", "path_style", "key", "address"),
    [
        ("https://s3.univ.example", True, "a b/é+x", "https://s3.univ.example/examplebucket/a%20b/%C3%A9%2Bx"),
        ("https://s3.univ.example:443", True, "a", "https://s3.univ.example/examplebucket/a"),
        ("http://S3.univ.example:9000/", True, "a", "http://s3.univ.example:9000/examplebucket/a"),
        ("http://[::1]:80/s3/", True, "a", "http://[::1]/s3/examplebucket/a"),
        ("https://s3.univ.example", True, "", "https://s3.univ.example/examplebucket"),
        ("https://s3.univ.example:8443", False, "", "https://examplebucket.s3.univ.example:8443/"),
    ],
)
def test_the_address_is_that_of_the_server_and_style(endpoint: str, path_style: bool, key: str, address: str) -> None:
    link = signed_link(place(endpoint, path_style=path_style), "GET", key, (AT, 60))
    assert link.partition("?")[0] == address


def test_whatever_is_asked_is_signed() -> None:
    own = place("https://s3.univ.example")
    valid = (AT, 60)
    links = [
        signed_link(own, "GET", "a", valid),
        signed_link(own, "PUT", "a", valid),
        signed_link(own, "GET", "b", valid),
        signed_link(own, "GET", "a", (AT, 61)),
        signed_link(own, "GET", "a", valid, {"prefix": "x"}),
        signed_link(own, "GET", "a", valid, headers={"content-length": "7"}),
        signed_link(own, "GET", "a", valid, headers={"content-length": "8"}),
    ]
    asked = [parse_qs(urlsplit(link).query) for link in links]
    assert len({one["X-Amz-Signature"][0] for one in asked}) == len(links)
    assert asked[5]["X-Amz-SignedHeaders"] == ["content-length;host"]
    assert SECRET not in repr(own)
