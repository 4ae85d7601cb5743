"""What Pod 4.1 asks for by its messages, in the words of the Runner Manager API."""

from typing import Any

import pytest

from pod_jobs.celery.messages import Message
from pod_jobs.celery.orders import CeleryOrder, read_order
from pod_jobs.errors import BadSource, Malformed
from pod_jobs.jobs.pod.parameters import PodEncoding, read_parameters
from pod_jobs.settings.encode import RenditionSettings

HEIGHTS = (360, 720, 1080)
SOURCE = "/pod/média/videos/a/film d'été.mp4"
LADDER = [
    RenditionSettings(name="360p", height_px=360, crf=20, preset="slow", maxrate_kbps=1000, audio_kbps=96, mp4=True)
]


def order(task: str, heights_px: tuple[int, ...] = HEIGHTS, /, **arguments: Any) -> CeleryOrder:
    return read_order(Message("0c0a9a4e-6f0e-4a0b-9d57-1f2f6f6f0b11", task, arguments), heights_px)


def encoding(**changes: Any) -> CeleryOrder:
    usual = {"video_id": 7, "video_path": SOURCE, "cut_start": 0, "cut_end": 0}
    return order("start_encoding_task", **{**usual, **changes})


def asked(one: CeleryOrder) -> PodEncoding:
    return read_parameters(one.parameters, LADDER)


def test_an_encoding_without_anything_else() -> None:
    one = encoding(json_dressing=None, dressing_input="")
    assert (one.task_type, one.number, one.source) == ("encoding", 7, SOURCE)
    assert one.callback == "store_remote_encoded_video/?id=7" and one.title == "film d'été.mp4 (video 7)"
    assert (asked(one).keep, asked(one).dressing) == ((), None)


@pytest.mark.parametrize("heights", [(360, 720, 1080), (480,), (360, 1080), (240, 720, 1440)])
def test_the_renditions_are_those_that_the_settings_name(heights: tuple[int, ...]) -> None:
    """D17: Pod 4.1's encoders ignored its renditions, and the import failed."""
    one = order("start_encoding_task", heights, video_id=7, video_path=SOURCE, cut_start=0, cut_end=0)
    assert [rung.height_px for rung in asked(one).renditions] == list(heights)


@pytest.mark.parametrize(
    ("start", "end", "keep"),
    [(0, 5, ((0.0, 5.0),)), (3, 9, ((3.0, 9.0),)), (3, 0, ((3.0, 1e6),)), (0, 0, ()), (None, None, ())],
)
def test_a_cut_in_whole_seconds(start: Any, end: Any, keep: Any) -> None:
    assert asked(encoding(cut_start=start, cut_end=end)).keep == keep


DRESSING = {
    "id": 1,
    "title": "t",
    "position": "Top right",
    "position_orig": "bottom_left",
    "opacity": 50,
    "watermark": 3,
    "watermark_path": "/pod/média/logo.png",
    "opening_credits": 4,
    "ending_credits": None,
}


@pytest.mark.parametrize(
    ("given", "inputs"),
    [
        ({"opening_credits_video": "/pod/média/open it.mp4"}, ""),  # the Dressing has it
        ({"opening_credits_video": "videos/open it.mp4"}, ' -i "/pod/média/logo.png" -i "/pod/média/open it.mp4"'),
        ({"opening_credits_video": None}, ' -i "/pod/média/logo.png" -i "/pod/média/open it.mp4"'),
    ],
)
def test_the_files_of_a_dressing_are_found_where_pod_names_them(given: dict[str, Any], inputs: str) -> None:
    found = asked(encoding(json_dressing={**DRESSING, **given}, dressing_input=inputs)).dressing
    assert found is not None
    assert (found.watermark, found.opening, found.ending) == ("/pod/média/logo.png", "/pod/média/open it.mp4", "")
    assert (found.corner, found.opacity) == ("bottom-left", 0.5)


def test_a_quote_in_a_dressing_that_does_not_close_breaks_nothing() -> None:
    """D28."""
    given = {**DRESSING, "opening_credits_video": "/pod/média/x.mp4"}
    assert asked(encoding(json_dressing=given, dressing_input=' -i "broken')).dressing is not None


TRACKS = [{"type": "presenter/source", "src": "/pod/a.webm"}, {"type": "presentation/source", "src": "/pod/b.webm"}]


@pytest.mark.parametrize(
    ("tracks", "main", "second"),
    [
        (TRACKS, "/pod/b.webm", "/pod/a.webm"),
        (TRACKS[::-1], "/pod/b.webm", "/pod/a.webm"),
        (TRACKS[:1], "/pod/a.webm", ""),
        (TRACKS[1:], "/pod/b.webm", ""),
    ],
)
def test_the_slides_of_a_studio_session_come_first(tracks: list[dict[str, str]], main: str, second: str) -> None:
    given: dict[str, Any] = {"recording_id": "5", "video_output": "/pod/5.mp4", "subtime": "", "presenter": "piph"}
    one = order("start_studio_task", **given, videos=tracks)
    assert (one.source, one.parameters["second"], one.number) == (main, second, 5)
    assert one.callback == "store_remote_encoded_video_studio/?recording_id=5" and asked(one).keep == ()


@pytest.mark.parametrize("subtime", ["-ss 1.5s -to 10.25s ", "-ss 1.5 -to 10.25", "-ss 0:01.5 -to 00:00:10.25 "])
def test_the_cut_of_a_studio_session(subtime: str) -> None:
    given: dict[str, Any] = {"recording_id": 5, "video_output": "/pod/5.mp4", "presenter": "mid", "videos": TRACKS}
    assert asked(order("start_studio_task", **given, subtime=subtime)).keep == ((1.5, 10.25),)


def test_a_transcription() -> None:
    one = order("start_transcripting_task", video_id=7, mp3filepath="/pod/7.mp3", duration=12, lang="fr")
    assert (one.task_type, one.parameters["language"]) == ("transcription", "fr")
    assert one.callback == "store_remote_transcripted_video/?id=7"


@pytest.mark.parametrize(
    "changes",
    [
        *({"video_id": value} for value in (None, True, "7; rm", "٧", 0, -1, 1.5, 10**20)),
        *({"video_path": value} for value in (None, "", "videos/a.mp4", "/a\0b", "/" + "a" * 5000, ["/a"])),
        {"json_dressing": {"title": "\ud800"}},
        {"json_dressing": {"opacity": float("nan")}},
        {"json_dressing": {"title": "x" * 40_000}},
    ],
)
def test_what_names_no_recording_or_cannot_be_kept_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(Malformed):
        encoding(**changes)


@pytest.mark.parametrize("videos", [None, [], "x", [{"type": "presenter/source"}], [1], [{"src": 5, "type": 5}]])
def test_a_studio_session_without_recordings_is_refused(videos: Any) -> None:
    with pytest.raises(Malformed):
        order("start_studio_task", recording_id=5, video_output="/a.mp4", videos=videos, subtime="", presenter="mid")


def test_arguments_that_nest_deeply_or_are_huge_numbers_are_refused() -> None:
    """They would fail later, wherever they are written or shown."""
    deep: Any = 1
    for _ in range(19):
        deep = [deep]
    for value in (deep, {"a": deep}):
        with pytest.raises(Malformed, match="levels"):
            encoding(json_dressing={"watermark": 1, "opacity": [value]})
    for number in ("9" * 5000, "1" * 20, 10**4000):
        with pytest.raises(Malformed, match="no number"):
            encoding(video_id=number)
    assert encoding(json_dressing={"opacity": deep[0][0]}).number == 7


def test_an_opacity_beyond_all_numbers_is_refused_with_a_sentence() -> None:
    with pytest.raises(BadSource):
        asked(encoding(json_dressing={"watermark": 1, "watermark_path": "/w", "opacity": 10**400}))
