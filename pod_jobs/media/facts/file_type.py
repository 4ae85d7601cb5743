"""Guesses the type of a file from its first bytes. This comes before anything else looks into an uploaded file.

"media" is an allow list: the containers that the encoder opens. The other types only choose the sentence for the person.
"""

from typing import Literal

from pod_jobs.errors import BadSource

Nature = Literal["media", "playlist", "text", "document", "image", "archive", "executable", "unknown"]

SNIFF_BYTES = 4096  # what `sniff` needs to see; fewer are fine when the file is shorter
TS_PACKETS = (188, 192, 204)  # bytes: plain, with time code (AVCHD), with error correction
_TEXT = bytes({7, 8, 9, 10, 12, 13, 27, *range(0x20, 0x7F), *range(0x80, 0x100)})

# MP4 and QuickTime: the name of the first box, which follows its size; and the brands that are still pictures
_BOXES = (b"ftyp", b"moov", b"mdat", b"free", b"skip", b"wide", b"pnot")
_IMAGE_BRANDS = (b"heic", b"heix", b"mif1", b"msf1", b"avif", b"avis")

_PLAYLISTS = (b"#ext", b"[playlist]", b"ffconcat", b"<?xml", b"<mpd", b"<smil", b"<asx", b"v=0\n", b"v=0\r")
_PREFIXES: tuple[tuple[bytes, Nature], ...] = (
    (b"\x1aE\xdf\xa3", "media"),  # Matroska, WebM
    (b"OggS", "media"),
    (b"fLaC", "media"),
    (b"ID3", "media"),  # MP3, AAC
    (b"FLV\x01", "media"),
    (b"\x30\x26\xb2\x75\x8e\x66\xcf\x11", "media"),  # ASF: WMV, WMA
    (b"\x00\x00\x01\xba", "media"),  # MPEG program stream
    (b"\x00\x00\x01\xb3", "media"),  # MPEG video
    (b"\x06\x0e\x2b\x34\x02\x05\x01\x01", "media"),  # MXF
    (b"riff\x2e\x91\xcf\x11", "media"),  # Wave64
    (b"#!AMR", "media"),
    (b"caff", "media"),
    (b"\x1f\x07\x00", "media"),  # raw DV
    (b"\x0b\x77", "media"),  # AC-3
    (b"%PDF-", "document"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "document"),  # old Office
    (b"{\\rtf", "document"),
    (b"\x89PNG\r\n", "image"),
    (b"\xff\xd8\xff", "image"),
    (b"GIF8", "media"),  # often animated; the probe counts its pictures
    (b".snd", "media"),  # Sun and NeXT audio
    (b"wvpk", "media"),  # WavPack
    (b"BM", "image"),
    (b"II*\x00", "image"),
    (b"MM\x00*", "image"),
    (b"PK\x03\x04", "archive"),  # also new Office
    (b"\x1f\x8b", "archive"),
    (b"BZh", "archive"),
    (b"7z\xbc\xaf\x27\x1c", "archive"),
    (b"\xfd7zXZ\x00", "archive"),
    (b"Rar!\x1a\x07", "archive"),
    (b"\x28\xb5\x2f\xfd", "archive"),  # Zstandard
    (b"\x7fELF", "executable"),
    (b"MZ", "executable"),
    (b"#!", "executable"),
)
# Container -> type of its content, which follows its size -> nature
_CHUNKED: dict[bytes, dict[bytes, Nature]] = {
    b"RIFF": {b"WAVE": "media", b"AVI ": "media", b"WEBP": "image"},
    b"RF64": {b"WAVE": "media"},
    b"FORM": {b"AIFF": "media", b"AIFC": "media"},
}


# Formats that people have and we do not read: first bytes -> name, format to convert to, a program that converts
_CONVERTIBLE = (
    (b".RMF", ("RealMedia", "MP4", "VLC")),
    (b".ra\xfd", ("RealAudio", "MP3", "VLC")),
    (b"MAC ", ("Monkey’s Audio", "FLAC", "VLC")),
    (b"MPCK", ("Musepack", "MP3", "VLC")),
    (b"MP+", ("Musepack", "MP3", "VLC")),
    (b"TTA1", ("True Audio", "FLAC", "VLC")),
    (b"MThd", ("MIDI", "MP3", "MuseScore")),
    (b"FWS", ("Flash", "MP4", "Ruffle")),
    (b"CWS", ("Flash", "MP4", "Ruffle")),
    # without a container, as the cameras of small computers write them
    *((b"\0\0\0\1" + unit, ("H.264", "MP4", "VLC")) for unit in (b"\x67", b"\x27", b"\x09")),
    *((b"\0\0\0\1" + unit, ("H.265", "MP4", "VLC")) for unit in (b"\x40\1", b"\x46\1")),
    (b"DHAV", ("DAV", "MP4", "VLC")),  # surveillance cameras
    (b"YUV4MPEG2", ("Y4M", "MP4", "VLC")),
    (b"DKIF", ("IVF", "WebM", "VLC")),
    (b"\xb7\xd8\x00\x20\x37\x49\xda\x11", ("WTV", "MP4", "VLC")),  # Windows Media Center
    (b"\x7f\xfe\x80\x01", ("DTS", "FLAC", "VLC")),
    (b"DSD ", ("DSF", "FLAC", "VLC")),
    (b"tBaK", ("TAK", "FLAC", "VLC")),
    (b"Creative Voice File", ("VOC", "WAV", "Audacity")),
)
_ANIMATED_WEBP = ("WebP", "GIF", "GIMP")
_WEBP_ANIMATION = 0x02  # flag of the VP8X chunk


def sniff(head: bytes) -> Nature:
    """The nature of a file that begins with `head` (its first SNIFF_BYTES). An empty file is "unknown"."""
    if head[4:8] in _BOXES:
        return "image" if head[4:8] == b"ftyp" and head[8:12] in _IMAGE_BRANDS else "media"
    if head[:4] in _CHUNKED:
        return _CHUNKED[head[:4]].get(head[8:12], "unknown")
    if head.removeprefix(b"\xef\xbb\xbf").lstrip().lower().startswith(_PLAYLISTS):  # players skip white space too
        return "playlist"
    if picture_format(head) == "png" and b"acTL" in head.partition(b"IDAT")[0]:
        return "media"  # an animated PNG
    for prefix, nature in _PREFIXES:
        if head.startswith(prefix):
            return nature
    if _is_mpeg_audio(head) or _is_transport_stream(head):
        return "media"
    return "text" if head and not head.translate(None, _TEXT) else "unknown"


def picture_format(head: bytes) -> Literal["png", "jpeg", ""]:
    """The picture format of a file that begins with `head`; "" for everything else, also for other pictures."""
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return "png"
    return "jpeg" if head.startswith(b"\xff\xd8\xff") else ""


def refuse_unless_media(head: bytes) -> None:
    """Errors: BadSource, with a fitting sentence, when a file that begins with `head` is no container that we open."""
    if not head:
        raise BadSource("0 bytes", code="source-empty")
    nature = sniff(head)
    if nature != "media" and (conversion := _convertible(head)):
        name, target_format, program = conversion
        raise BadSource(name, code="source-convert", format=name, wanted=target_format, program=program)
    if nature != "media":
        code = "source-playlist" if nature == "playlist" else "source-not-media"
        raise BadSource(f"begins with {_shown(head[:16])}: {nature}", code=code)


def _convertible(head: bytes) -> tuple[str, str, str] | None:
    if head[:4] == b"RIFF" and head[8:16] == b"WEBPVP8X" and head[20:21] and head[20] & _WEBP_ANIMATION:
        return _ANIMATED_WEBP
    return next((conversion for prefix, conversion in _CONVERTIBLE if head.startswith(prefix)), None)


def _shown(head: bytes) -> str:
    """`head` as text if it is printable, and otherwise as hexadecimal numbers."""
    text = head.decode("ascii", "replace")
    return f"“{text}”" if text.isascii() and text.isprintable() else head.hex(" ")


def _is_mpeg_audio(head: bytes) -> bool:
    """MP3 or AAC without a tag: eleven set bits, then a valid version, layer and rate. Zeros often come first."""
    frame = head.lstrip(b"\0")[:4]
    if len(frame) < 4 or frame[0] != 0xFF or frame[1] & 0xE0 != 0xE0:
        return False
    is_adts = frame[1] & 0xF6 == 0xF0
    return is_adts or (frame[1] & 0x18 != 0x08 and frame[1] & 0x06 != 0 and frame[2] & 0xF0 != 0xF0)


def _is_transport_stream(head: bytes) -> bool:
    """Does 0x47 begin each packet? The first packet may be cut off."""
    return any(
        all(head[start + n * size] == 0x47 for n in range(5))
        for size in TS_PACKETS
        for start in range(size)
        if start + 4 * size < len(head)
    )
