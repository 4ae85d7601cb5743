"""First bytes: what is let through to the encoder, and what word is found for the rest."""

import os
from pathlib import Path

import pytest

from pod_jobs.errors import BadSource
from pod_jobs.media.facts.file_type import SNIFF_BYTES, refuse_unless_media, sniff

TS = (b"\x47" + bytes(187)) * 10
M2TS = (bytes(4) + b"\x47" + bytes(187)) * 10


@pytest.mark.parametrize(
    ("head", "nature"),
    [
        (b"\x00\x00\x00\x20ftypisom", "media"),
        (b"\x00\x00\x00\x14ftypqt  ", "media"),
        (b"\x00\x00\x00\x08wide\x00\x00\x00\x00mdat", "media"),
        (b"\x1aE\xdf\xa3", "media"),
        (b"RIFF\x24\x00\x00\x00WAVEfmt ", "media"),
        (b"RIFF\x24\x00\x00\x00AVI LIST", "media"),
        (b"OggS\x00", "media"),
        (b"ID3\x04", "media"),
        (b"\xff\xfb\x90\x00", "media"),  # MP3 without a tag
        (b"\0\0\xff\xfb\x90\x00", "media"),
        (b"\xff\xf1\x50\x80", "media"),  # ADTS
        (TS, "media"),
        (TS[50:], "media"),
        (M2TS, "media"),
        (b"\x00\x00\x01\xba\x44", "media"),
        (b"#EXTM3U\n", "playlist"),
        (b"\xef\xbb\xbf\r\n #extm3u\n", "playlist"),
        (b"ffconcat version 1.0\nfile /etc/passwd\n", "playlist"),
        (b'<?xml version="1.0"?>\n<MPD>', "playlist"),
        (b"[playlist]\nFile1=x", "playlist"),
        (b"v=0\r\no=- 0 0 IN IP4 127.0.0.1", "playlist"),
        (b"Bonjour, voici mon cours.\n", "text"),
        ("Été".encode(), "text"),
        (b"%PDF-1.7\n", "document"),
        (b"PK\x03\x04\x14\x00", "archive"),
        (b"\x89PNG\r\n\x1a\n", "image"),
        (b"\xff\xd8\xff\xe0\x00\x10JFIF", "image"),
        (b"RIFF\x24\x00\x00\x00WEBPVP8 ", "image"),
        (b"\x00\x00\x00\x1cftypheic", "image"),
        (b"\x7fELF\x02", "executable"),
        (b"MZ\x90\x00", "executable"),
        (b"#!/bin/sh\n", "executable"),
        (b"", "unknown"),
        (bytes(SNIFF_BYTES), "unknown"),
        (b"\x47" + bytes(500), "unknown"),
    ],
)
def test_natures(head: bytes, nature: str) -> None:
    assert sniff(head) == nature


def test_real_recordings_are_let_through() -> None:
    folder = Path(os.environ.get("POD_JOBS_TEST_MEDIA") or Path(__file__).parents[5] / "shared" / "media")
    files = [path for path in folder.glob("*") if path.suffix != ".tsv"]
    if not files:
        pytest.skip("no sample recordings here")
    for path in files:
        with path.open("rb") as file:
            assert sniff(file.read(SNIFF_BYTES)) == "media", path.name


@pytest.mark.parametrize(
    ("head", "name", "wanted"),
    [
        (b".RMF\0\0\0\x12", "RealMedia", "MP4"),
        (b".ra\xfd\0\x04", "RealAudio", "MP3"),
        (b"RIFF\x24\0\0\0WEBPVP8X\x0a\0\0\0\x02", "WebP", "GIF"),
        (b"MThd\0\0\0\x06", "MIDI", "MP3"),
        (b"\0\0\0\1\x27\x64\0\x28", "H.264", "MP4"),
        (b"\0\0\0\1\x40\1\x0c", "H.265", "MP4"),
        (b"DHAV\xfd\0", "DAV", "MP4"),
        (b"Creative Voice File\x1a", "VOC", "WAV"),
    ],
)
def test_what_can_be_converted_is_refused_by_name(head: bytes, name: str, wanted: str) -> None:
    with pytest.raises(BadSource) as refused:
        refuse_unless_media(head)
    assert refused.value.code == "source-convert"
    assert (refused.value.facts["format"], refused.value.facts["wanted"]) == (name, wanted)
    assert name in refused.value.sentence


def test_an_animated_png_is_none_of_the_still_ones() -> None:
    head = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"
    assert sniff(head + b"acTL" + b"IDAT") == "media"
    assert sniff(head + b"IDAT" + b"acTL") == "image"
