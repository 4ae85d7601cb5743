"""The description of an encoding as an Esup-Pod imports it."""

import json

import pytest

from pod_jobs.media.planning.pod_files import CeleryFiles, PodFiles, as_one_picture, describe

FILES = PodFiles("film", {"360p": "640x360", "720p": "1280x720"})


def test_what_is_in_the_folder_is_described() -> None:
    names = ["360p_film.m3u8", "720p_film.m3u8", "720p_film.mp4", "audio_192k_film.mp3", "audio_192k_film.m4a"]
    names += ["film_0.png", "film_1.png", "720p_film.ts", "overview.png"]
    made = json.loads(describe(FILES, 59.9, names, ["360p", "720p"], is_video=True, has_sound=False))
    streams, stills = made.pop("encode_video"), made.pop("encode_thumbnail")
    assert [(one["filename"], one["rendition"], one["encoding_format"]) for one in streams] == [
        ("360p_film.m3u8", "640x360", "video/mp2t"),
        ("720p_film.m3u8", "1280x720", "video/mp2t"),
        ("720p_film.mp4", "1280x720", "video/mp4"),
    ]
    assert stills == [{"filename": "film_0.png"}, {"filename": "film_1.png"}]
    assert [one["filename"] for one in made.pop("encode_audio")] == ["audio_192k_film.mp3", "audio_192k_film.m4a"]
    assert made == {
        "duration": 59,
        "has_stream_video": True,
        "has_stream_audio": False,
        "has_stream_thumbnail": True,
        "encode_result": True,
    }


def test_what_is_not_there_is_not_mentioned() -> None:
    made = json.loads(describe(FILES, 1, ["x"], ["360p"], is_video=False, has_sound=True))
    assert not {"encode_video", "encode_audio", "encode_thumbnail"} & made.keys()
    assert (made["has_stream_video"], made["has_stream_audio"], made["has_stream_thumbnail"]) == (False, True, False)


def test_names_of_a_pod_4() -> None:
    files = CeleryFiles("film", {})
    assert (files.stem("360p"), files.thumbnail(0), files.master) == ("360p", "thumbnail_0001.png", "livestream.m3u8")


@pytest.mark.parametrize(("sheet", "y"), [("", 90), ("_1", 90), ("_3", 90 + 2 * 500)])
def test_sheets_below_each_other_are_one_picture(sheet: str, y: int) -> None:
    vtt = f"WEBVTT\n\n00:00.000 --> 00:05.000\nstoryboard{sheet}.jpg#xywh=160,90,160,90\n"
    assert f"overview.png#xywh=160,{y},160,90\n" in as_one_picture(vtt, 500)
