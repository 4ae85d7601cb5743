"""Reads what Opencast Studio leaves in an Esup-Pod: the mediapackage, which names the recordings, and the SMIL, which cuts them.

Both come from outside: a document type is refused, with which entities begin, and only http and https are followed.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import urlsplit
from xml.etree import ElementTree
from xml.parsers import expat

from pod_jobs.errors import BadSource
from pod_jobs.jobs.pod.parameters import read_clock
from pod_jobs.media.planning.layouts import layout_named
from pod_jobs.media_folder import MOST_RANGES

MOST_BYTES = 1_000_000
SECONDS = re.compile(r"(?:npt=)?([0-9]{1,7}(?:\.[0-9]{1,6})?)(ms|s)?")


@dataclass(frozen=True)
class Recordings:
    """Addresses of the recordings of a session. `second`, of the presenter, is "" when there is one recording alone; `smil` is
    "" when nothing is cut."""

    main: str
    second: str = ""
    smil: str = ""


def read_mediapackage(xml: bytes) -> Recordings:
    """The slides come first, the presenter second. Errors: BadSource (source-order)."""
    tracks: dict[str, str] = {}
    smil = ""
    for element in _elements(xml):
        name, kind, url = _local(element), element.get("type", ""), _url_in(element)
        if name == "track" and url:
            tracks.setdefault(kind.partition("/")[0], url)
        elif name == "catalog" and url and "smil" in kind.lower():
            smil = url
    slides, presenter = tracks.pop("presentation", ""), tracks.pop("presenter", "")
    main = slides or presenter or next(iter(tracks.values()), "")
    if not main:
        raise _bad("the mediapackage names no recording")
    return Recordings(main, presenter if slides else "", smil)


def read_cuts(smil: bytes) -> tuple[tuple[float, float], ...]:
    """The parts to keep, in seconds; () = everything. Errors: BadSource (source-order)."""
    parts: list[tuple[float, float]] = []
    for element in _elements(smil):
        begin, end = element.get("clipBegin"), element.get("clipEnd")
        if begin is not None and end is not None:
            part = (_seconds(begin), _seconds(end))
            if part[0] >= part[1]:
                raise _bad(f"the SMIL cuts from {begin[:20]} to {end[:20]}")
            if part not in parts:  # the same for each recording of the session
                parts.append(part)
    if len(parts) > MOST_RANGES:
        raise _bad(f"the SMIL keeps {len(parts)} parts, and at most {MOST_RANGES} are made")
    return tuple(parts)


def read_layout(presenter: object) -> str:
    """The layout for Pod's word: mid, piph or pipb. Errors: BadSource (source-order)."""
    word = presenter or "mid"
    layout = layout_named(word) if isinstance(word, str) else None
    if layout is None:
        raise _bad(f"presenter: {str(presenter)[:20]!r} is none of mid, piph, pipb")
    return layout


def _elements(xml: bytes) -> Iterator[ElementTree.Element]:
    _refuse_document_types(xml)
    yield from ElementTree.fromstring(xml).iter()  # noqa: S314  # it has no document type, and so no entities


def _refuse_document_types(xml: bytes) -> None:
    def refuse(*_: object) -> None:
        raise _bad("an XML document with a document type is not read")

    parser = expat.ParserCreate()
    parser.StartDoctypeDeclHandler = refuse
    parser.EntityDeclHandler = refuse
    try:
        parser.Parse(xml, True)
    except expat.ExpatError as error:
        raise _bad(f"the XML cannot be read: {error}") from error


def _local(element: ElementTree.Element) -> str:
    return element.tag.rpartition("}")[2].lower()


def _url_in(element: ElementTree.Element) -> str:
    """The text of its child <url>; "" for none. Errors: BadSource for what is no address on the web."""
    url = next(((child.text or "").strip() for child in element if _local(child) == "url"), "")
    if url and urlsplit(url).scheme not in ("http", "https"):
        raise _bad(f"the mediapackage names {url[:80]!r}: only http and https are fetched")
    return url


def _seconds(text: str) -> float:
    """12.5s, npt=12.5s, 12500ms or 00:00:12.5 in seconds."""
    if match := SECONDS.fullmatch(text.strip()):
        return float(match[1]) / (1000 if match[2] == "ms" else 1)
    seconds = read_clock(text)
    if seconds is None:
        raise _bad(f"the SMIL has {text[:20]!r} for a time")
    return seconds


def _bad(reason: str) -> BadSource:
    return BadSource(reason, code="source-order")
