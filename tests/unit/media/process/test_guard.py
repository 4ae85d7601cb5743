import struct
from pathlib import Path

import pytest

from pod_jobs.errors import BadSource
from pod_jobs.media.facts.file_type import refuse_unless_media
from pod_jobs.media.process.guard import DECODERS, Sandbox, allowed, sandboxed

TS = b"\x47" + bytes(187)


@pytest.mark.parametrize(
    "head",
    [
        struct.pack(">I", 32) + b"ftypisom" + bytes(20),
        struct.pack(">I", 8) + b"wide" + bytes(20),
        b"\x1a\x45\xdf\xa3" + bytes(20),
        b"RIFF\0\0\0\0AVI LIST",
        b"RIFF\0\0\0\0WAVEfmt ",
        b"RF64\xff\xff\xff\xffWAVEds64",
        b"OggS" + bytes(20),
        b"fLaC" + bytes(20),
        b"ID3\x04" + bytes(20),
        b"\xff\xfb\x90\x44" + bytes(20),
        bytes(100) + b"\xff\xfb\x90\x44" + bytes(20),  # padding before MP3
        b"\xff\xf1\x50\x80" + bytes(20),  # ADTS
        b"\x30\x26\xb2\x75\x8e\x66\xcf\x11" + bytes(20),
        b"FLV\x01\x05" + bytes(20),
        b"\x00\x00\x01\xba" + bytes(20),
        TS * 6,
        bytes(10) + TS * 6,
        (bytes(4) + TS) * 6,  # AVCHD
        b"FORM\0\0\0\0AIFFCOMM",
        b"caff\0\1" + bytes(20),
        b"#!AMR\n" + bytes(20),
    ],
)
def test_containers_pass(head: bytes) -> None:
    refuse_unless_media(head)


@pytest.mark.parametrize(
    ("head", "code"),
    [
        (b"", "source-empty"),
        (b"#EXTM3U\n#EXT-X-VERSION:3", "source-playlist"),
        (b"\xef\xbb\xbf  #EXTM3U", "source-playlist"),
        (b"ffconcat version 1.0\nfile x", "source-playlist"),
        (b"<?xml version='1.0'?><MPD/>", "source-playlist"),
        (b"v=0\r\no=- 0 0 IN IP4 127.0.0.1", "source-playlist"),
        (b"PK\x03\x04" + bytes(30), "source-not-media"),
        (b"\x7fELF" + bytes(30), "source-not-media"),
        (b"\x89PNG\r\n\x1a\n" + bytes(30), "source-not-media"),
        (b"\xff\xd8\xff\xe0" + bytes(30), "source-not-media"),  # JPEG, near the MP3 sync
        (b"RIFF\0\0\0\0WEBPVP8 ", "source-not-media"),
        (b"\x47" + bytes(800), "source-not-media"),  # one sync byte is no transport stream
        (b"<svg xmlns=", "source-not-media"),
        (bytes(4096), "source-not-media"),
    ],
)
def test_everything_else_does_not(head: bytes, code: str) -> None:
    with pytest.raises(BadSource) as caught:
        refuse_unless_media(head)
    assert caught.value.code == code


def test_white_lists_hold_only_what_the_build_has() -> None:
    assert allowed(DECODERS, ["h264", "magicyuv", "pcm_s16le", "ansi", "libfoo"]) == ("h264", "pcm_s16le")


def test_without_sandbox_nothing_changes() -> None:
    assert sandboxed(Sandbox("none"), ["ffmpeg", "-i", "x"], [Path("/s")], Path("/out")) == ["ffmpeg", "-i", "x"]


def test_the_sandbox_shows_its_inputs_and_one_folder() -> None:
    argv = sandboxed(
        Sandbox("bwrap", "/usr/bin/bwrap"),
        ["/opt/ffmpeg", "-i", "x"],
        [Path("/m/7/source"), Path("/logo")],
        Path("/m/7/out"),
    )
    text = " ".join(argv)
    assert argv[0] == "/usr/bin/bwrap"
    assert argv[-4:] == ["--", "/opt/ffmpeg", "-i", "x"]
    assert "--unshare-all" in argv
    assert "--ro-bind /m/7/source /m/7/source --ro-bind /logo /logo --bind /m/7/out /m/7/out --chdir /m/7/out" in text
    assert "--ro-bind-try /opt/ffmpeg /opt/ffmpeg" in text
    assert [argv[n + 1] for n, word in enumerate(argv) if word == "--bind"] == ["/m/7/out"]
