"""What the first bytes of a file say it is. Pure; used before anything else looks into a file that somebody uploaded.

"unknown" is no verdict: a rare container, or a recording whose beginning is lost. The probe decides about those.
"""

from typing import Literal

Nature = Literal["media", "playlist", "text", "document", "image", "archive", "executable", "unknown"]

SNIFF_BYTES = 4096  # what `sniff` wants to see; less is fine when the file is shorter
TS_PACKET = 188  # bytes; M2TS puts a 4-byte time code before each packet
_TEXT = bytes({7, 8, 9, 10, 12, 13, 27, *range(0x20, 0x7F), *range(0x80, 0x100)})

# prefix -> nature; the first that fits counts
_PREFIXES: tuple[tuple[bytes, Nature], ...] = (
    (b"\x1aE\xdf\xa3", "media"),  # Matroska, WebM
    (b"OggS", "media"),
    (b"fLaC", "media"),
    (b"ID3", "media"),
    (b"FLV\x01", "media"),
    (b"\x30\x26\xb2\x75\x8e\x66\xcf\x11", "media"),  # ASF: WMV, WMA
    (b"\x00\x00\x01\xba", "media"),  # MPEG program stream
    (b"\x00\x00\x01\xb3", "media"),  # MPEG video
    (b"\x00\x00\x00\x01\x67", "media"),  # H.264 stream
    (b"\x06\x0e\x2b\x34", "media"),  # MXF
    (b".RMF", "media"),
    (b"#!AMR", "media"),
    (b".snd", "media"),
    (b"caff", "media"),
    (b"wvpk", "media"),
    (b"MAC ", "media"),
    (b"TTA1", "media"),
    (b"DKIF", "media"),
    (b"DSD ", "media"),
    (b"YUV4MPEG2 ", "media"),
    (b"\x0b\x77", "media"),  # AC-3
    (b"#EXTM3U", "playlist"),
    (b"[playlist]", "playlist"),
    (b"ffconcat version", "playlist"),
    (b"<MPD", "playlist"),
    (b"<ASX", "playlist"),
    (b"<smil", "playlist"),
    (b"v=0\r\n", "playlist"),  # SDP
    (b"v=0\n", "playlist"),
    (b"%PDF-", "document"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "document"),  # old Office
    (b"{\\rtf", "document"),
    (b"\x89PNG\r\n", "image"),
    (b"\xff\xd8\xff", "image"),
    (b"GIF8", "image"),
    (b"BM", "image"),
    (b"II*\x00", "image"),
    (b"MM\x00*", "image"),
    (b"PK\x03\x04", "archive"),  # also new Office
    (b"PK\x05\x06", "archive"),
    (b"\x1f\x8b", "archive"),
    (b"BZh", "archive"),
    (b"7z\xbc\xaf\x27\x1c", "archive"),
    (b"\xfd7zXZ\x00", "archive"),
    (b"Rar!\x1a\x07", "archive"),
    (b"\x28\xb5\x2f\xfd", "archive"),  # Zstandard
    (b"\x7fELF", "executable"),
    (b"MZ", "executable"),
    (b"\xca\xfe\xba\xbe", "executable"),
    (b"\xcf\xfa\xed\xfe", "executable"),
    (b"#!", "executable"),
)
_BOXES = (b"ftyp", b"moov", b"mdat", b"free", b"skip", b"wide", b"pnot", b"styp", b"moof")  # ISO base media, QuickTime
_IMAGE_BRANDS = (b"heic", b"heix", b"mif1", b"msf1", b"avif", b"avis")
_RIFF: dict[bytes, Nature] = {b"WAVE": "media", b"AVI ": "media", b"WEBP": "image"}


def sniff(head: bytes) -> Nature:
    """The nature of a file that begins with `head` (up to SNIFF_BYTES bytes). An empty file is "unknown"."""
    box = _container(head)
    if box is not None:
        return box
    beginning = head.removeprefix(b"\xef\xbb\xbf").lstrip()  # players forgive white space before a playlist: so must we
    for prefix, nature in _PREFIXES:
        is_playlist = nature == "playlist"
        if head.startswith(prefix) or (is_playlist and beginning[: len(prefix)].lower() == prefix.lower()):
            return nature
    if _is_transport_stream(head) or _is_mpeg_audio(head):
        return "media"
    if head and not head.translate(None, _TEXT):
        return "playlist" if _points_elsewhere(beginning) else "text"
    return "unknown"


def _container(head: bytes) -> Nature | None:
    if head[4:8] in _BOXES:
        return "image" if head[4:8] == b"ftyp" and head[8:12] in _IMAGE_BRANDS else "media"
    if head[:4] in (b"RIFF", b"RF64", b"RIFX"):
        return _RIFF.get(head[8:12], "unknown")
    if head[:4] == b"FORM" and head[8:12] in (b"AIFF", b"AIFC"):
        return "media"
    return None


def _is_transport_stream(head: bytes) -> bool:
    return any(
        len(head) > start + 2 * step and all(head[start + n * step] == 0x47 for n in range(3))
        for start, step in ((0, TS_PACKET), (4, TS_PACKET + 4))
    )


def _is_mpeg_audio(head: bytes) -> bool:
    """MP3 or AAC without a tag: eleven set bits, then version and layer that exist."""
    if len(head) < 4 or head[0] != 0xFF or head[1] & 0xE0 != 0xE0:
        return False
    is_adts = head[1] & 0xF6 == 0xF0
    return is_adts or (head[1] & 0x18 != 0x08 and head[1] & 0x06 != 0 and head[2] & 0xF0 != 0xF0)


def _points_elsewhere(text: bytes) -> bool:
    """Manifests behind an XML declaration or a comment."""
    lower = text[:SNIFF_BYTES].lower()
    return any(mark in lower for mark in (b"<mpd", b"<smil", b"<asx", b"#extm3u", b"#extinf", b"smoothstreamingmedia"))
