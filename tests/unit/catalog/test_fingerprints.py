"""Failures of one cause get one fingerprint, and others do not."""

import time

import pytest

from pod_jobs.catalog.fingerprints import fingerprint, general_form

SAME = {
    "numbers": ("no advance for 300 s, at 12.5 s", "no advance for 60 s, at 1:04:33.2 s"),
    "paths": ("videos/000003/encode-7-g1: gone", "videos/000412/encode-1234-g12: gone"),
    "quoted paths": ("No such file: '/srv/Été 1/a b.mp4'", "No such file: '/media/Cours/c.mov'"),
    "addresses in memory": ("[h264 @ 0x55d0c8a1] Invalid NAL", "[h264 @ 000055ffee01] Invalid NAL"),
    "runs": ("encode-7-g1-a2 ended", "encode-99-g3-a1 ended"),
    "identities": ("3f2504e0-4f89-11d3-9a0c-0305e82c3301 is not it", "9f2504e0-4f89-11d3-9a0c-0305e82c3309 is not it"),
    "hashes": ("content 0fa4b2c9d1 differs", "content b7e1aa04ff differs"),
    "web addresses": ("http://a.example:80/x?y=1: 502", "https://b.example/z: 503"),
    "what ffmpeg repeats": ("Past duration 0.9\nPast duration 0.8\nBroken", "Past duration 0.7\nBroken"),
}
DIFFERENT = {
    "codecs": ("h264 is broken", "h265 is broken"),
    "words": ("killed by SIGKILL", "killed by SIGXCPU"),
    "heights": ("360p: no frames", "audio: no frames"),
}


@pytest.mark.parametrize("case", SAME)
def test_what_differs_between_recordings_is_taken_out(case: str) -> None:
    first, second = SAME[case]
    assert general_form(first) == general_form(second)
    assert fingerprint("encode", "encode-failed", first) == fingerprint("encode", "encode-failed", second)


@pytest.mark.parametrize("case", DIFFERENT)
def test_what_tells_causes_apart_stays(case: str) -> None:
    first, second = DIFFERENT[case]
    assert general_form(first) != general_form(second)


def test_kind_and_code_count() -> None:
    marks = {fingerprint(kind, code, "x") for kind in ("encode", "verify") for code in ("internal", None)}
    assert len(marks) == 4 and all(len(mark) == 16 for mark in marks)
    assert general_form(None) == ""


@pytest.mark.parametrize("piece", ["%", "%a", "1a", "w", "/", "'", "'/", "a-1-g", "0.", "\"'", "a/ ", " @ 0"])
def test_no_words_of_a_hostile_file_take_long(piece: str) -> None:
    for text in (piece * (50_000 // len(piece)), "'" + piece * (50_000 // len(piece))):
        began = time.process_time()
        general_form(text)
        assert time.process_time() - began < 2.0, "ten thousand times as long, when it grows with the square"


def test_a_traceback_keeps_its_last_lines() -> None:
    text = (
        "Traceback (most recent call last):\n  File \"/srv/x/run.py\", line 12, in go\n    go()\nKeyError: 'folder'\n"
    )
    assert general_form(text) == "File …, line #, in go\ngo()\nKeyError: 'folder'"
