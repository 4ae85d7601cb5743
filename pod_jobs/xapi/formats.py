"""Checks for the formats that xAPI 1.0.3 takes from other standards: IRI, UUID, language, duration, instant."""

import re
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

IRI = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:[^\s\x00-\x20\x7f<>\"{}|\\^`]+")
UUID = re.compile(r"[0-9A-Fa-f]{8}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{12}")
MAILTO = re.compile(r"mailto:[^\s@<>:]+@[^\s@<>:]+")
SHA1 = re.compile(r"[0-9A-Fa-f]{40}")
VERSION = re.compile(r"1\.0(\.[0-9]+)?")

# RFC 5646, section 2.1: language, script, region, variants, extensions, private use; or one of the "irregular" tags, which
# are older than this order and are listed there
LANGUAGE = re.compile(
    r"(?:[a-z]{2,3}(?:-[a-z]{3}){0,3}|[a-z]{4}|[a-z]{5,8})(?:-[a-z]{4})?(?:-(?:[a-z]{2}|\d{3}))?"
    r"(?:-(?:[a-z0-9]{5,8}|\d[a-z0-9]{3}))*(?:-[a-wyz0-9](?:-[a-z0-9]{2,8})+)*(?:-x(?:-[a-z0-9]{1,8})+)?"
    r"|x(?:-[a-z0-9]{1,8})+"
    r"|i-(?:ami|bnn|default|enochian|hak|klingon|lux|mingo|navajo|pwn|tao|tay|tsu)|en-gb-oed|sgn-(?:be-fr|be-nl|ch-de)",
    re.IGNORECASE | re.ASCII,
)

# ISO 8601 4.4.3.2: weeks alone, or date and time parts with at least one number
_N = r"[0-9]+(?:[.,][0-9]+)?"
DURATION = re.compile(
    rf"P(?:{_N}W|(?=\d|T\d)(?:{_N}Y)?(?:{_N}M)?(?:{_N}D)?(?:T(?=\d)(?:{_N}H)?(?:{_N}M)?(?:{_N}S)?)?)", re.ASCII
)
_OF_TIME = re.compile(rf"P(?:({_N})D)?(?:T(?:({_N})H)?(?:({_N})M)?(?:({_N})S)?)?", re.ASCII)

# RFC 3339 in the forms that ISO 8601 allows; xAPI forbids an unknown offset ("-00", "-0000", "-00:00")
TIMESTAMP = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)[Tt ](\d\d):(\d\d)(?::(\d\d)(?:[.,](\d+))?)?(Z|z|[+-]\d\d(?::?\d\d)?)?", re.ASCII
)
UNKNOWN_OFFSET = re.compile(r"-00(:?00)?")


def is_iri(text: str) -> bool:
    """Is it an absolute IRI, with a scheme and something after it?"""
    return IRI.fullmatch(text) is not None


def is_irl(text: str) -> bool:
    """Is it an IRI that can be followed, with an authority?"""
    try:
        return is_iri(text) and urlsplit(text).netloc != ""
    except ValueError:  # "http://[half-an-ipv6"
        return False


def is_uuid(text: str) -> bool:
    return UUID.fullmatch(text) is not None


def is_language(text: str) -> bool:
    return LANGUAGE.fullmatch(text) is not None


def is_duration(text: str) -> bool:
    return DURATION.fullmatch(text) is not None


def duration_s(text: str) -> float | None:
    """The seconds of an ISO 8601 duration; None for anything else, and where years, months or weeks are named."""
    match = _OF_TIME.fullmatch(text) if is_duration(text) else None
    if match is None:
        return None
    numbers = [float((number or "0").replace(",", ".")) for number in match.groups()]
    return sum(number * unit for number, unit in zip(numbers, (86400, 3600, 60, 1), strict=True))


def parse_timestamp(text: str) -> datetime | None:
    """The instant of an ISO 8601 date and time, in UTC; without an offset it is read as UTC. None for anything else."""
    match = TIMESTAMP.fullmatch(text)
    if match is None or UNKNOWN_OFFSET.fullmatch(match[8] or ""):
        return None
    seconds = 59 if match[6] == "60" else int(match[6] or 0)  # Python has no leap seconds
    micros = int(((match[7] or "") + "000000")[:6])
    try:
        local = datetime(
            int(match[1]), int(match[2]), int(match[3]), int(match[4]), int(match[5]), seconds, micros, UTC
        )
        return local - _offset(match[8])
    except (ValueError, OverflowError):  # the 31st of February; the year 0
        return None


def format_timestamp(instant: datetime) -> str:
    """`instant` in UTC with milliseconds. We send no other spelling, so that a resend has the same bytes."""
    return instant.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _offset(text: str | None) -> timedelta:
    """Errors: ValueError for a day or more."""
    if text is None or text in "Zz":
        return timedelta(0)
    hours, minutes = int(text[1:3]), int(text[-2:]) if len(text) > 3 else 0
    if hours > 23 or minutes > 59:
        raise ValueError(text)
    return timedelta(hours=hours, minutes=minutes) * (-1 if text[0] == "-" else 1)
