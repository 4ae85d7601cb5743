"""Links to objects of an S3 server, signed with AWS Signature Version 4 in their query.

Whoever has such a link may make that one request until it expires, and needs no other secret. The form is that of "Authenticating
Requests: Using Query Parameters" in the API Reference of Amazon S3, which other S3 servers follow.
"""

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from urllib.parse import quote, urlsplit

ALGORITHM, REQUEST = "AWS4-HMAC-SHA256", "aws4_request"
DEFAULT_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True)
class S3Place:
    """A bucket, and who may use it. `path_style`: its name is in the path of an address, and not before the server's name."""

    endpoint: str
    region: str
    bucket: str
    access_key: str
    secret_key: str = field(repr=False)
    path_style: bool = True

    @property
    def host(self) -> str:
        """The server, as the header Host names it."""
        parts = urlsplit(self.endpoint)
        name = parts.hostname or ""
        name = f"[{name}]" if ":" in name else name
        name = name if self.path_style else f"{self.bucket}.{name}"
        return name if parts.port in (None, DEFAULT_PORTS.get(parts.scheme)) else f"{name}:{parts.port}"

    def path(self, key: str) -> str:
        """The path of an object; that of the bucket itself for ""."""
        begin = urlsplit(self.endpoint).path.rstrip("/") + (f"/{self.bucket}" if self.path_style else "")
        return quote(f"{begin}/{key}" if key or not begin else begin)


def signed_link(
    place: S3Place,
    method: str,
    key: str,
    valid: tuple[datetime, int],
    query: Mapping[str, str] | None = None,
    headers: Mapping[str, str] | None = None,
) -> str:
    """A link for one request. `valid`: the time from which on, in UTC, and for how many seconds (at most seven days). `headers`,
    with names in small letters, are those that the request must have beside Host."""
    begins, valid_s = valid
    at, day = begins.strftime("%Y%m%dT%H%M%SZ"), begins.strftime("%Y%m%d")
    scope = f"{day}/{place.region}/s3/{REQUEST}"
    signed = dict(sorted({"host": place.host, **(headers or {})}.items()))
    parameters = {
        **(query or {}),
        "X-Amz-Algorithm": ALGORITHM,
        "X-Amz-Credential": f"{place.access_key}/{scope}",
        "X-Amz-Date": at,
        "X-Amz-Expires": str(valid_s),
        "X-Amz-SignedHeaders": ";".join(signed),
    }
    text = "&".join(f"{quote(name, safe='')}={quote(value, safe='')}" for name, value in sorted(parameters.items()))
    path = place.path(key)
    lines = [method, path, text, *(f"{name}:{value}" for name, value in signed.items()), "", ";".join(signed)]
    request = "\n".join([*lines, "UNSIGNED-PAYLOAD"])
    to_sign = "\n".join([ALGORITHM, at, scope, hashlib.sha256(request.encode()).hexdigest()])
    signature = hmac.new(_signing_key(place, day), to_sign.encode(), hashlib.sha256).hexdigest()
    return f"{urlsplit(place.endpoint).scheme}://{place.host}{path}?{text}&X-Amz-Signature={signature}"


def _signing_key(place: S3Place, day: str) -> bytes:
    key = f"AWS4{place.secret_key}".encode()
    for part in (day, place.region, "s3", REQUEST):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    return key
