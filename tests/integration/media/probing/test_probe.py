"""What the probe says of generated clips, good and bad."""

import os
import time
from dataclasses import replace
from pathlib import Path

import pytest

from pod_jobs.errors import BadSource, OutOfResources
from pod_jobs.media.facts.media_info import MediaInfo
from pod_jobs.media.probing import probe as probing
from pod_jobs.media.probing.probe import probe
from pod_jobs.media.process.tools import Tools, find_tools
from tests.clips import BAD_MAKERS, H264, Clips, ffmpeg, pattern
from tests.unit.media.samples import LIMITS


@pytest.fixture(scope="session")
def any_tools() -> Tools:
    """The tools of one build, because the probe uses only the lists of ffmpeg."""
    return find_tools("", "auto")


def look(clips: Clips, tools: Tools, name: str) -> MediaInfo:
    return probe(clips.path(name), tools, LIMITS)


def test_plain(clips: Clips, any_tools: Tools) -> None:
    media = look(clips, any_tools, "plain.mp4")
    assert media.video and media.video.display_size == (640, 360)
    assert media.video.fps == pytest.approx(25)
    assert media.duration_s == pytest.approx(2, abs=0.1)
    assert [track.channels for track in media.audio] == [1]
    assert not media.is_cut_short and not media.has_cea608


@pytest.mark.parametrize(
    ("name", "size"), [("portrait.mp4", (180, 320)), ("anamorphic.mp4", (320, 180)), ("odd_444_10bit.mkv", (321, 181))]
)
def test_sizes_as_seen(clips: Clips, any_tools: Tools, name: str, size: tuple[int, int]) -> None:
    video = look(clips, any_tools, name).video
    assert video and video.display_size == size


def test_what_only_a_decoded_frame_tells(clips: Clips, any_tools: Tools) -> None:
    hdr, fields, full = (look(clips, any_tools, n).video for n in ("hdr.mp4", "interlaced.ts", "full_range_mjpeg.mov"))
    assert hdr and fields and full
    assert (hdr.hdr, hdr.interlaced, hdr.full_range) == ("pq", False, False)
    assert (fields.hdr, fields.interlaced, round(fields.fps)) == ("", True, 25)
    assert (full.codec, full.full_range) == ("mjpeg", True)


@pytest.mark.parametrize(
    ("name", "hides"),
    [("fragments.mp4", False), ("segment_index.mp4", False), ("trimmed.mp4", True), ("web.mp4", False)],
)
def test_fragments_and_edit_lists_keep_their_frame_rate(clips: Clips, any_tools: Tools, name: str, hides: bool) -> None:
    """The header of the ones counts the frames of their first fragment alone, that of the other frames that are not shown.
    Of a segment index the reader jumps to the end, and would not know the frames between."""
    track = look(clips, any_tools, name).video
    assert track
    assert (round(track.fps, 2), track.hides_frames) == (25, hides)


def test_a_file_without_duration_is_measured(clips: Clips, any_tools: Tools) -> None:
    media = look(clips, any_tools, "no_duration.webm")
    assert media.claimed_s is None
    assert media.duration_s == pytest.approx(2, abs=0.1)


@pytest.mark.parametrize("name", ["long_words.mkv", "long_words.mp4"])
def test_subtitles_that_go_on_make_nothing_longer(any_tools: Tools, tmp_path: Path, name: str) -> None:
    (tmp_path / "words.srt").write_text(
        "1\n00:00:00,500 --> 00:00:01,000\nHi\n\n2\n00:00:28,000 --> 00:00:30,000\nBye\n"
    )
    words = ("-i", str(tmp_path / "words.srt"), "-map", "0", "-map", "1")
    ffmpeg(
        *pattern("128x96"), *words, *H264, "-c:s", "mov_text" if name.endswith("mp4") else "srt", str(tmp_path / name)
    )
    media = probe(tmp_path / name, any_tools, LIMITS)
    assert media.duration_s == pytest.approx(2, abs=0.1)
    assert not media.is_cut_short


def test_a_track_of_an_unknown_codec_is_left_out(clips: Clips, any_tools: Tools, tmp_path: Path) -> None:
    (tmp_path / "new.mp4").write_bytes(clips.path("plain.mp4").read_bytes().replace(b"avc1", b"new1"))
    media = probe(tmp_path / "new.mp4", any_tools, LIMITS)
    assert (media.is_video, len(media.audio)) == (False, 1)
    assert media.undecodable == (("video", "?"),)


def test_a_cover_is_no_picture_track(clips: Clips, any_tools: Tools) -> None:
    media = look(clips, any_tools, "cover.mp3")
    assert not media.is_video
    assert media.cover_index == 1


def test_a_late_sound_is_found(clips: Clips, any_tools: Tools) -> None:
    assert len(look(clips, any_tools, "late_sound.mkv").audio) == 1


def test_half_a_file_is_known_to_be_half(clips: Clips, any_tools: Tools) -> None:
    media = look(clips, any_tools, "incomplete.mkv")
    assert media.is_cut_short
    assert media.claimed_s == pytest.approx(40, abs=0.2)
    assert 15 < media.duration_s < 25


@pytest.mark.parametrize("name", BAD_MAKERS)
def test_bad_files_are_refused_with_their_code(clips: Clips, any_tools: Tools, name: str) -> None:
    path = clips.path(name)
    started = time.monotonic()
    with pytest.raises(BadSource) as caught:
        probe(path, any_tools, LIMITS)
    assert caught.value.code == BAD_MAKERS[name][1]
    assert "?" not in caught.value.sentence
    assert time.monotonic() - started < 15


def test_only_regular_files(any_tools: Tools, tmp_path: Path, clips: Clips) -> None:
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "link").symlink_to(clips.path("plain.mp4"))
    for path in (tmp_path / "fifo", tmp_path / "link", Path("/dev/zero"), tmp_path):
        with pytest.raises(BadSource) as caught:
            probe(path, any_tools, LIMITS)
        assert caught.value.code == "source-not-media"


def test_a_missing_file(any_tools: Tools, tmp_path: Path) -> None:
    with pytest.raises(BadSource) as caught:
        probe(tmp_path / "gone", any_tools, LIMITS)
    assert caught.value.code == "source-missing"


def test_a_probe_that_takes_too_long_is_ended(any_tools: Tools, clips: Clips) -> None:
    with pytest.raises(BadSource) as caught:
        probe(clips.path("plain.mp4"), any_tools, replace(LIMITS, probe_s=0))
    assert caught.value.code == "source-unreadable"


@pytest.mark.parametrize(
    ("program", "error"), [("import gone", OutOfResources), ("raise ValueError('ImportError: no')", BadSource)]
)
def test_no_file_is_blamed_for_a_probe_that_could_not_begin(
    clips: Clips,
    any_tools: Tools,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    program: str,
    error: type[Exception],
) -> None:
    """As while an update exchanges our files under a worker that runs."""
    child = tmp_path / "child.py"
    child.write_text(program)
    monkeypatch.setattr(probing, "CHILD", child)
    monkeypatch.setattr(probing, "CHILD_FILES", (child,))
    with pytest.raises(error, match="the probe ended with 1"):
        look(clips, any_tools, "plain.mp4")
