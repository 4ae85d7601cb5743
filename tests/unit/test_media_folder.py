"""What one side writes, the other one can read."""

import pytest

from pod_jobs import media_folder
from pod_jobs.jobs.table import JOB_TYPES
from pod_jobs.media_folder import RUN_FOLDER, run_folder


def test_the_folder_of_every_kind_of_job_is_one_that_the_web_app_serves() -> None:
    found = [RUN_FOLDER.fullmatch(run_folder(kind, 12, 3)) for kind in JOB_TYPES]
    assert [match and match.groups() for match in found] == [(kind, "12", "3") for kind in JOB_TYPES]


def test_names_are_read_as_they_are_written_and_no_other_name_is() -> None:
    assert media_folder.video_of(media_folder.video_folder(3)) == 3
    assert media_folder.video_of(media_folder.video_folder(12_345_678)) == 12_345_678
    for name in ("videos/3", "videos/0000003", "videos/٠٠٠٠٠٣", "videos/000003/", "uploads/000003", "/videos/000003"):
        assert media_folder.video_of(name) is None, name
    assert media_folder.parse_run_folder("encode-7-g2") == ("encode", 7, 2)
    for name in ("encode-7-g2.part", "encode-٧-g2", "encode-7", "../encode-7-g2", "encode-7-g2/x"):
        assert media_folder.parse_run_folder(name) is None, name


@pytest.mark.parametrize(
    ("name", "kind", "mime"),
    [
        ("master.m3u8", "hls", "application/vnd.apple.mpegurl"),
        ("360p.m3u8", "playlist", "application/vnd.apple.mpegurl"),
        ("360p.m4s", "segments", "video/mp4"),
        ("audio_2.m4s", "segments", "audio/mp4"),
        ("audio.webm", "webm", "audio/webm"),
        ("720p.webm", "webm", "video/webm"),
        ("audio.m4a", "m4a", "audio/mp4"),
        ("thumbnail_1.jpg", "thumbnail", "image/jpeg"),
        ("storyboard_2.jpg", "sheet", "image/jpeg"),
        ("storyboard.vtt", "storyboard", "text/vtt"),
        ("chapters.vtt", "chapters", "text/vtt"),
        ("captions_fr.vtt", "captions", "text/vtt"),
        ("subtitles_fr_2.vtt", "subtitles", "text/vtt"),
        ("encoding.log", "log", "text/plain"),
    ],
)
def test_the_name_of_an_output_tells_its_kind(name: str, kind: str, mime: str) -> None:
    assert media_folder.kind_and_mime(name) == (kind, mime)


@pytest.mark.parametrize(
    "name", ["x.json", "done.json", "other.jpg", "other.vtt", ".hidden.mp4", "a b.mp4", "core", "x.sh"]
)
def test_what_no_encode_writes_is_no_output(name: str) -> None:
    with pytest.raises(ValueError, match="not the name of an output"):
        media_folder.kind_and_mime(name)


def test_a_folder_with_anything_but_a_source_is_not_bare() -> None:
    assert media_folder.is_bare(["source", "lock-web"]) and media_folder.is_bare([])
    assert not media_folder.is_bare(["source", "encode-1-g1"])


def test_what_people_watch_of_a_failed_run_is_small() -> None:
    sizes = {"master.m3u8": 9, "360p.m3u8": 9, "360p.m4s": 50, "1080p.m3u8": 9, "1080p.m4s": 900, "144p.m4s": 1}
    picture = {"master.m3u8", "360p.m3u8", "360p.m4s"}
    assert media_folder.part_to_watch(sizes) == picture
    sounds = {"audio.m3u8": 9, "audio.m4s": 70, "audio_2.m3u8": 9, "audio_2.m4s": 80}
    assert media_folder.part_to_watch(sizes | sounds) == picture | sounds.keys()
    assert media_folder.part_to_watch(sizes | {"360p.m4s": media_folder.MOST_OF_PART + 1}) == {
        *("master.m3u8", "1080p.m3u8", "1080p.m4s")
    }
    assert media_folder.part_to_watch(sizes | {"audio.m3u8": 9, "audio.m4s": media_folder.MOST_OF_PART}) == set()
    assert media_folder.part_to_watch({name: 1 for name in sizes if name != "master.m3u8"}) == set()
    assert media_folder.part_to_watch({"master.m3u8": 9, "144p.m4s": 1, "encoding.log": 5}) == set()


def test_what_a_hostile_encoder_leaves_to_be_watched_is_small() -> None:
    playlist = media_folder.MOST_OF_PLAYLIST
    streams = {f"audio{n}.m4s": 1 for n in range(1000)} | {f"{n}p.m4s": 1 + n for n in range(1000)}
    sizes = {"master.m3u8": 9, **streams, **{name.replace("m4s", "m3u8"): playlist for name in streams}}
    kept = media_folder.part_to_watch(sizes)
    assert len(kept) == 2 * media_folder.MOST_STREAMS + 1 and "0p.m4s" in kept
    assert len(media_folder.streams_to_watch(sizes)) == media_folder.MOST_STREAMS
    for changes in (dict.fromkeys(streams, 0), {name: playlist + 1 for name in sizes if name.endswith(".m3u8")}):
        assert media_folder.part_to_watch(sizes | changes) == set()
    assert media_folder.part_to_watch(sizes | {"master.m3u8": media_folder.MOST_OF_PART}) == set()
    many = {"master.m3u8": 9, "1p.m4s": media_folder.MOST_OF_PART - 10, "1p.m3u8": 2}
    assert media_folder.part_to_watch(many) == set(), "playlists count"
