"""Hostile inputs and common mistakes, made by code, each with the outcomes that are right for it.

`CORPUS` maps a file name to (maker, ends). A maker writes the file at a path of `Ground`; `ends` are error codes of
pod_jobs.errors, "ready", or both where builds of ffmpeg differ. `ANY` is for noise, which may end in any of them.
"""

import os
import random
import socket
import struct
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tests.clips import AAC, H264, ffmpeg, pattern, tone

READY = "ready"
NOT_MEDIA, PLAYLIST, UNREADABLE, DAMAGED = "source-not-media", "source-playlist", "source-unreadable", "source-damaged"
NO_STREAMS, UNSUPPORTED = "source-no-streams", "source-unsupported-codec"
BROKEN = (UNREADABLE, DAMAGED, NO_STREAMS, UNSUPPORTED)
ANY = (READY, *BROKEN, "source-incomplete", "source-too-long", "source-too-many-pixels", "source-too-many-streams")
SECRET_TEXT = "the-marks-of-all-students"


@dataclass(frozen=True)
class Ground:
    """The surroundings of hostile files: their `folder`, `secrets` that they must not read, a `url` that they must not call."""

    folder: Path
    secrets: Path
    url: str

    @property
    def good(self) -> Path:
        """A small MP4 whose index comes last."""
        return _once(self.folder / "good.base.mp4", lambda p: _make(p, *SMALL, *TONE, *H264, *AAC))

    @property
    def stream(self) -> Path:
        return _once(self.folder / "good.base.ts", lambda p: _make(p, *SMALL, *TONE, *H264, *AAC))

    @property
    def wave(self) -> Path:
        return _once(self.folder / "good.base.wav", lambda p: _make(p, *TONE, "-bitexact"))

    @property
    def film(self) -> Path:
        return _once(self.folder / "good.base.mkv", lambda p: _make(p, *SMALL, *TONE, *H264, "-g", "10", *AAC))


Maker = Callable[[Path, Ground], object]
SMALL, TONE = pattern("128x96", seconds=1), tone(1)


def plant_secrets(folder: Path) -> None:
    """Put a text and a film that belong to somebody else into `folder`."""
    folder.mkdir()
    (folder / "marks.txt").write_text(SECRET_TEXT * 100)
    _make(folder / "film.ts", *SMALL, *TONE, *H264, *AAC)


def _once(path: Path, make: Callable[[Path], None]) -> Path:
    if not path.exists():
        make(path)
    return path


def _make(path: Path, *arguments: str) -> None:
    ffmpeg(*arguments, str(path))


def made(*arguments: str) -> Maker:
    return lambda path, ground: _make(path, *arguments)


def written(content: bytes) -> Maker:
    return lambda path, ground: path.write_bytes(content)


def text(template: str, prefix: bytes = b"") -> Maker:
    """A text that points to {film} or {marks} of the secrets, or calls {url}."""

    def maker(path: Path, ground: Ground) -> None:
        places = {"film": ground.secrets / "film.ts", "marks": ground.secrets / "marks.txt", "url": ground.url}
        path.write_bytes(prefix + template.format(**places, up=os.path.relpath(ground.secrets, path.parent)).encode())

    return maker


HLS = "#EXTM3U\n#EXT-X-TARGETDURATION:5\n#EXTINF:5,\n{film}\n#EXT-X-ENDLIST\n"
HLS_WEB = "#EXTM3U\n#EXT-X-TARGETDURATION:5\n#EXTINF:5,\n{url}/a.ts\n#EXT-X-ENDLIST\n"
CONCAT = "ffconcat version 1.0\nfile '{film}'\n"
CONCAT_UP = "ffconcat version 1.0\nfile {up}/film.ts\n"
DASH = """<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static" mediaPresentationDuration="PT5S">
<Period><AdaptationSet mimeType="video/mp4"><Representation id="1" bandwidth="1"><BaseURL>{url}/a.mp4</BaseURL>
</Representation></AdaptationSet></Period></MPD>"""
SVG = '<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><image href="file://{marks}" width="9" height="9"/></svg>'
SDP = "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=video 5004 RTP/AVP 96\na=rtpmap:96 H264/90000\n"
ID3 = b"ID3\x04\x00\x00\x00\x00\x00\x0aTIT2\0\0\0\0\0\0"  # ffmpeg skips it before it guesses what follows
TEXTS: dict[str, tuple[Maker, tuple[str, ...]]] = {
    "hls_of_a_neighbour.mp4": (text(HLS), (PLAYLIST,)),
    "hls_after_a_bom.mp4": (text(HLS, b"\xef\xbb\xbf\r\n "), (PLAYLIST,)),
    "hls_after_a_tag.mp3": (text(HLS, ID3), BROKEN),
    "hls_that_calls.mp4": (text(HLS_WEB), (PLAYLIST,)),
    "hls_that_calls_after_a_tag.mp3": (text(HLS_WEB, ID3), BROKEN),
    "concat.mp4": (text(CONCAT), (PLAYLIST,)),
    "concat_relative.mp4": (text(CONCAT_UP), (PLAYLIST,)),
    "concat_after_a_tag.mp3": (text(CONCAT, ID3), BROKEN),
    "dash.mp4": (text(DASH), (PLAYLIST,)),
    "dash_after_a_tag.mp3": (text(DASH, ID3), BROKEN),
    "svg.mp4": (text(SVG), (NOT_MEDIA,)),
    "svg_after_a_tag.mp3": (text(SVG, ID3), BROKEN),
    "sdp.mp4": (text(SDP), (PLAYLIST,)),
    "sdp_after_a_tag.mp3": (text(SDP, ID3), BROKEN),
    "asx.wmv": (text('<asx version="3"><entry><ref href="{url}"/></entry></asx>'), (PLAYLIST,)),
    "pls.mp3": (text("[playlist]\nFile1={url}\n"), (PLAYLIST,)),
    "html.mp4": (text('<!doctype html><video src="{url}">'), (NOT_MEDIA,)),
    "script.mp4": (text("#!/bin/sh\ncat {marks}\n"), (NOT_MEDIA,)),
    "filter_graph.mp4": (text("movie={film}[out0]"), (NOT_MEDIA,)),
    "metadata.mp4": (text(";FFMETADATA1\ntitle={marks}\n"), (NOT_MEDIA,)),
    "subtitles.mp4": (text("1\n00:00:00,000 --> 00:00:05,000\nHello\n"), (NOT_MEDIA,)),
    "all_g.ts": (text("G" * 4000), BROKEN),  # 0x47 is the sync byte of a transport stream
}


def _noise(seed: int, size: int = 60_000) -> bytes:
    return random.Random(seed).randbytes(size)


BOX = struct.Struct(">I4s")
HEADS = {  # what passes the look at the first bytes; noise follows
    "mp4": b"\0\0\0\x18ftypisom\0\0\2\0isomiso2",
    "mkv": b"\x1a\x45\xdf\xa3\x93\x42\x82\x88matroska\x42\x87\x81\4\x42\x85\x81\2\x18\x53\x80\x67",
    "avi": b"RIFF\xff\xff\xff\x7fAVI LIST\xff\xff\0\0hdrlavih",
    "wav": b"RIFF\xff\xff\xff\x7fWAVEfmt \x10\0\0\0",
    "ogg": b"OggS\0\2" + bytes(20) + b"\1\x1e\1vorbis",
    "flac": b"fLaC\0\0\0\x22",
    "asf": b"\x30\x26\xb2\x75\x8e\x66\xcf\x11\xa6\xd9\x00\xaa\x00\x62\xce\x6c",
    "flv": b"FLV\x01\x05\0\0\0\x09\0\0\0\0",
    "mpg": b"\0\0\1\xba",
    "mxf": b"\x06\x0e\x2b\x34\x02\x05\x01\x01\x0d\x01\x02\x01\x01\x02",
    "aiff": b"FORM\0\0\0\xffAIFFCOMM\0\0\0\x12",
    "caf": b"caff\0\1\0\0desc\0\0\0\0\0\0\0\x20",
    "amr": b"#!AMR\n",
    "dv": b"\x1f\x07\x00\x3f",
    "ac3": b"\x0b\x77",
    "w64": b"riff\x2e\x91\xcf\x11\xa5\xd6\x28\xdb\x04\xc1\x00\x00",
}
NOISE: dict[str, tuple[Maker, tuple[str, ...]]] = {
    f"noise.{suffix}": (written(head + _noise(number)), ANY) for number, (suffix, head) in enumerate(HEADS.items())
}
NOISE["noise.amr"] = (written(HEADS["amr"] + _noise(12, 10_000)), ANY)  # it decodes, and 60 kB are a minute


def _nested(kind: bytes, depth: int) -> bytes:
    """`depth` boxes, each the only content of the one before."""
    return HEADS["mp4"] + b"".join(BOX.pack(8 * (depth - n), kind) for n in range(depth))


def changed(find: bytes, replace: bytes, at: int = 0, base: str = "good") -> Maker:
    """The base file with `replace` written `at` bytes after the first `find`; every byte else as it was."""

    def maker(path: Path, ground: Ground) -> None:
        whole = bytearray(getattr(ground, base).read_bytes())
        start = whole.index(find) + at
        whole[start : start + len(replace)] = replace
        path.write_bytes(whole)

    return maker


def cut(base: str, share: float, begin: float = 0.0) -> Maker:
    def maker(path: Path, ground: Ground) -> None:
        whole = getattr(ground, base).read_bytes()
        path.write_bytes(whole[int(begin * len(whole)) : int(share * len(whole))])

    return maker


def flipped(base: str, seed: int, every: int) -> Maker:
    """One bit in `every` bytes is wrong, after the first 64."""

    def maker(path: Path, ground: Ground) -> None:
        whole = bytearray(getattr(ground, base).read_bytes())
        chance = random.Random(seed)
        for _ in range(len(whole) // every + 1):
            whole[chance.randrange(64, len(whole))] ^= 1 << chance.randrange(8)
        path.write_bytes(whole)

    return maker


def external(path: Path, ground: Ground) -> None:
    """A QuickTime file whose frames lie in another file: the data reference names the secret film."""
    name = str(ground.secrets / "film.ts").encode()
    entry = struct.pack(">I4sI", 12 + len(name), b"url ", 0) + name
    old = b"\0\0\0\x0curl \0\0\0\1"
    whole = ground.good.read_bytes()
    moov = whole[whole.index(b"moov") - 4 :]
    grown = moov.replace(old, entry)
    for box in (b"moov", b"trak", b"mdia", b"minf", b"dinf", b"dref"):
        more = (len(entry) - len(old)) * (2 if box == b"moov" else 1)
        parts = grown.split(box)
        resized = [part[:-4] + struct.pack(">I", struct.unpack(">I", part[-4:])[0] + more) for part in parts[:-1]]
        grown = box.join([*resized, parts[-1]])
    path.write_bytes(whole[: -len(moov)] + grown)


def reference_movie(path: Path, ground: Ground) -> None:
    """moov/rmra/rmda/rdrf: "the real film is over there"."""
    url = f"{ground.url}/film.mov".encode()
    body = struct.pack(">I4sI", 0, b"url ", len(url)) + url
    for kind in (b"rdrf", b"rmda", b"rmra", b"moov"):
        body = BOX.pack(8 + len(body), kind) + body
    path.write_bytes(HEADS["mp4"] + body)


def avi_with_a_playlist(path: Path, ground: Ground) -> None:
    """A subtitle track of an AVI that is an HLS playlist (GAB2 subtitles are files inside the file)."""
    film = ground.folder / "plain.avi"
    _make(film, *SMALL, "-c:v", "mpeg4")
    playlist = HLS.format(film=ground.secrets / "film.ts").encode()
    gab2 = b"GAB2\0\2\0" + struct.pack("<I", 2) + b"\0\0" + struct.pack("<HI", 4, len(playlist)) + playlist
    header = b"txts" + bytes(16) + struct.pack("<IIIIII", 1, 25, 0, 1, len(gab2), 0) + bytes(12)
    strl = b"LIST" + struct.pack("<I", 4 + 8 + len(header) + 8) + b"strlstrh" + struct.pack("<I", len(header)) + header
    strl += b"strf\0\0\0\0"
    data = bytearray(film.read_bytes())
    movi = data.index(b"movi") - 8
    data[movi + 12 : movi + 12] = b"01tx" + struct.pack("<I", len(gab2)) + gab2 + b"\0" * (len(gab2) % 2)
    hdrl_end = 20 + struct.unpack_from("<I", data, 16)[0]
    data[hdrl_end:hdrl_end] = strl
    struct.pack_into("<I", data, 16, struct.unpack_from("<I", data, 16)[0] + len(strl))
    path.write_bytes(data)


def link(path: Path, ground: Ground) -> None:
    path.symlink_to(ground.secrets / "film.ts")


def fifo(path: Path, ground: Ground) -> None:
    os.mkfifo(path)


def unix_socket(path: Path, ground: Ground) -> None:
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(os.path.relpath(path))


def many_sounds(count: int) -> Maker:
    return made(*tone(0.2), *(("-map", "0") * count), "-c:a", "pcm_s16le", "-f", "matroska")


def two_sizes(path: Path, ground: Ground) -> None:
    """A transport stream whose picture doubles in size half way, as after a change of slides."""
    parts = [ground.folder / f"part{n}.ts" for n in (1, 2)]
    for part, size in zip(parts, ("128x96", "256x192"), strict=True):
        _make(part, *pattern(size, seconds=1), *H264)
    path.write_bytes(b"".join(part.read_bytes() for part in parts))


def less_than_a_pixel(path: Path, ground: Ground) -> None:
    """A Matroska that has the aspect 1:255: at the height of its frames a third of a pixel wide."""
    _make(path, *SMALL, "-vf", "setsar=1/100", *H264)
    whole = path.read_bytes()
    assert b"\x54\xba\x81\x4b" in whole  # DisplayHeight of the aspect 1:75
    path.write_bytes(whole.replace(b"\x54\xba\x81\x4b", b"\x54\xba\x81\xff"))


def tagged(path: Path, ground: Ground) -> None:
    """Tags with text that would do harm in a playlist, a log, a page, a shell or a path."""
    nasty = "\n#EXT-X-ENDLIST\n\x1b[2J\"><script>alert(1)</script>';$(touch pwned)../../../etc/passwd" * 200
    tags: list[str] = []
    for key in ("title", "artist", "comment"):
        tags += ["-metadata", f"{key}={nasty}"]
    tags += ["-metadata:s:a:0", "language=../../x", "-metadata:s:a:0", f"title={nasty}"]
    _make(path, *SMALL, *TONE, *H264, *AAC, *tags)


def bomb(path: Path, ground: Ground) -> None:
    """A PNG of 60,000 x 60,000 pixels in a kilobyte, as the cover of a song."""
    png = b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR" + struct.pack(">II5B", 60_000, 60_000, 8, 2, 0, 0, 0) + bytes(4)
    picture = b"\0image/png\0\3\0" + png
    size = len(picture)
    synchsafe = bytes((size + 10 >> shift) & 0x7F for shift in (21, 14, 7, 0))
    song = ground.folder / "song.mp3"
    _make(song, *TONE, "-c:a", "libmp3lame", "-id3v2_version", "0", "-write_xing", "0")
    head = b"ID3\3\0\0" + synchsafe + b"APIC" + struct.pack(">IH", size, 0)
    path.write_bytes(head + picture + song.read_bytes())


VIDEO = (*SMALL, *H264)
MADE: dict[str, tuple[Maker, tuple[str, ...]]] = {
    "empty.mp4": (written(b""), ("source-empty",)),
    "one_byte.mp4": (written(b"\0"), (NOT_MEDIA,)),
    "only_ftyp.mp4": (written(HEADS["mp4"]), BROKEN),
    "zeros.mp4": (written(bytes(300_000)), (NOT_MEDIA,)),
    "ones.mp3": (written(b"\xff" * 300_000), (NOT_MEDIA, *BROKEN)),
    "random.mp4": (written(_noise(99)), (NOT_MEDIA,)),
    "zip.mp4": (written(b"PK\x03\x04" + bytes(5000)), (NOT_MEDIA,)),
    "elf.mp4": (written(b"\x7fELF" + bytes(5000)), (NOT_MEDIA,)),
    "pdf.mp4": (written(b"%PDF-1.7\n" + bytes(5000)), (NOT_MEDIA,)),
    "png_bomb.mp4": (written(b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR\0\0\xea\x60\0\0\xea\x60"), (NOT_MEDIA,)),
    "png_bomb_as_cover.mp3": (bomb, (READY,)),
    "boxes_3000_deep.mp4": (written(_nested(b"moov", 3000)), BROKEN),
    "udta_3000_deep.mp4": (written(_nested(b"udta", 3000)), BROKEN),
    "box_without_end.mp4": (written(HEADS["mp4"] + BOX.pack(1, b"moov") + b"\x7f" + b"\xff" * 7), BROKEN),
    "four_billion_samples.mp4": (changed(b"stsz", b"\xff\xff\xff\xf0", 12), ANY),
    "four_billion_durations.mp4": (changed(b"stts", b"\xff\xff\xff\xf0", 8), ANY),
    "no_timescale.mp4": (changed(b"mdhd", bytes(4), 16), ANY),
    "far_frames.mp4": (changed(b"stco", b"\x7f\xff\xff\xff", 12), ANY),
    "matrix_of_zeros.mp4": (changed(b"tkhd", bytes(36), 44), ANY),
    "index_cut_off.mp4": (cut("good", 0.97), (UNREADABLE,)),
    "second_half.mp4": (cut("good", 1.0, 0.5), (NOT_MEDIA,)),
    "half.ts": (cut("stream", 0.5), (READY,)),
    "second_half.ts": (cut("stream", 1.0, 0.43), (READY, *BROKEN)),
    "data_elsewhere.mov": (external, (*BROKEN, READY)),
    "reference.mov": (reference_movie, BROKEN),
    "playlist_as_subtitle.avi": (avi_with_a_playlist, (READY,)),
    "link.mp4": (link, (NOT_MEDIA,)),
    "fifo.mp4": (fifo, (NOT_MEDIA,)),
    "socket.mp4": (unix_socket, (NOT_MEDIA,)),
    "folder.mp4": (lambda path, ground: path.mkdir(), (NOT_MEDIA,)),
    "a_day_of_black.mp4": (made("-f", "lavfi", "-i", "color=s=64x48:r=1/60:d=86400", *H264), ("source-too-long",)),
    "thousand_fps.mp4": (made(*pattern("128x96", "1000", 1), *H264), (READY,)),
    "one_frame.mp4": (made(*pattern("128x96", seconds=0.04), *H264), (READY,)),
    "two_pixels.mkv": (made(*pattern("16x16", seconds=0.2), "-vf", "crop=2:2", "-c:v", "ffv1"), (READY,)),
    "one_line.mkv": (made("-f", "lavfi", "-i", "color=s=9000x1:d=0.1,format=gray", "-c:v", "ffv1"), (READY,)),
    "needle_pixels.mp4": (made(*SMALL, "-vf", "setsar=1/100", *H264), (READY,)),
    "slate_pixels.mp4": (made(*SMALL, "-vf", "setsar=100", *H264), (READY,)),
    "less_than_a_pixel.mkv": (less_than_a_pixel, (READY,)),
    "sixty_sounds.mkv": (many_sounds(60), (READY,)),
    "seventy_sounds.mkv": (many_sounds(70), ("source-too-many-streams",)),
    "magicyuv.mkv": (made(*SMALL, "-c:v", "magicyuv"), (UNSUPPORTED,)),
    "targa.mov": (made(*SMALL, "-c:v", "targa"), (UNSUPPORTED,)),
    "two_sizes.ts": (two_sizes, (READY,)),
    "tags.mkv": (tagged, (READY,)),
    "encrypted.mp4": (
        made(*VIDEO, "-encryption_scheme", "cenc-aes-ctr", "-encryption_key", "0" * 32, "-encryption_kid", "0" * 32),
        ("source-protected",),
    ),
    "only_subtitles.mkv": (
        lambda path, ground: _only_subtitles(path),
        (NO_STREAMS,),
    ),
    "wav_of_4_gb.wav": (changed(b"data", b"\xff\xff\xff\xff", 4, "wave"), ANY),
    "wav_of_no_channels.wav": (changed(b"fmt ", b"\0\0", 10, "wave"), BROKEN),
    "wav_of_65535_channels.wav": (changed(b"fmt ", b"\xff\xff", 10, "wave"), ANY),
    "wav_at_4_ghz.wav": (changed(b"fmt ", b"\xff\xff\xff\xff", 12, "wave"), ANY),
    "starts_after_26_hours.ts": (made(*VIDEO, "-output_ts_offset", "95000"), (READY,)),
    "-i": (made(*VIDEO, "-f", "mp4"), (READY,)),
    "$(touch pwned);`id`.mp4": (made(*VIDEO), (READY,)),
    "%d\n#EXTM3U\n%s.mp4": (lambda path, ground: path.write_bytes(ground.good.read_bytes()), (READY,)),
    "no_utf8_\udcff.mp4": (lambda path, ground: path.write_bytes(ground.good.read_bytes()), (READY,)),
    "concat:a|b.mp4": (lambda path, ground: path.write_bytes(ground.good.read_bytes()), (READY,)),
    **{f"flipped_{n}.mp4": (flipped("good", n, 3000), ANY) for n in range(4)},
    **{f"flipped_{n}.mkv": (flipped("film", n, 3000), ANY) for n in range(4)},
    **{f"flipped_{n}.ts": (flipped("stream", n, 1000), ANY) for n in range(3)},
}


def _only_subtitles(path: Path) -> None:
    srt = path.with_suffix(".srt")
    srt.write_text("1\n00:00:00,000 --> 00:00:05,000\nHello\n")
    _make(path, "-i", str(srt))


CORPUS = {**TEXTS, **NOISE, **MADE}
