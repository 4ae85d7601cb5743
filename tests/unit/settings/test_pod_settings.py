"""The settings of an Esup-Pod in our words: nothing of the file is run, nothing is dropped in silence, no secret is repeated."""

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

from pod_jobs.errors import SettingsError
from pod_jobs.settings import load
from pod_jobs.settings.pod_settings import MOST_CHARACTERS, read_assignments, to_toml

POD = """
import os
SECRET_KEY = "a key that must not appear"
FFMPEG_CMD: str = "/opt/ffmpeg/bin/ffmpeg"
FFMPEG_CRF = 22
FFMPEG_MP4_ENCODE = '-map 0:v:0 -vcodec libx264 "%(output)s"'
FFMPEG_AUDIO_BITRATE = "128k"
CELERY_BROKER_URL = "redis://:hush@redis.localhost:6379/5"
POD_API_TOKEN = "hush"
USE_XAPI = True
XAPI_ANONYMIZE_ACTOR = False
XAPI_AUTHENTICATED_NAME = "email"
XAPI_LRS_URL = "https://lrs.example.org/xAPI/statements"
XAPI_LRS_LOGIN = "pod"
XAPI_LRS_PWD = "hush"
XAPI_CELERY_BROKER_URL = os.environ["BROKER"]
CAPTIONS_STRICT_ACCESSIBILITY = True
THEME_NAME = "of no concern"
VIDEO_RENDITIONS = [
    {"resolution": "640x360", "minrate": "500k", "video_bitrate": "750k", "maxrate": "1000k", "audio_bitrate": "96k",
     "encoding_resolution_threshold": 0, "encode_mp4": True, "sites": [1]},
    {"resolution": "1920x1080", "maxrate": "4.5M", "audio_bitrate": "192k"},
    {"resolution": "2560x1440", "maxrate": "9M", "audio_bitrate": "192k", "encode_mp4": False},
    {"resolution": "360x640", "maxrate": "1000k", "audio_bitrate": "96k"},
]
"""


def imported(text: str, home: Path) -> str:
    return to_toml(text, load(home).rendition)


def test_the_result_is_a_settings_file_that_says_the_same(tmp_path: Path) -> None:
    own = load(tmp_path)
    text = imported(POD, tmp_path)
    (tmp_path / "settings.toml").write_text(text)
    settings = load(tmp_path)
    assert (settings.ffmpeg.path, settings.encode.mp3_kbps) == ("/opt/ffmpeg/bin/ffmpeg", 128)
    assert (settings.xapi.enabled, settings.xapi.anonymize, settings.speech.accessible) == (True, False, True)
    assert [(lane.url, lane.login) for lane in settings.xapi.lane] == [
        ("https://lrs.example.org/xAPI/statements", "pod")
    ]
    ladder = [(one.name, one.height_px, one.maxrate_kbps, one.audio_kbps, one.mp4) for one in settings.rendition]
    assert ladder == [("360p", 360, 1000, 96, True), ("1440p", 1440, 9000, 192, False)]
    assert [one.crf for one in settings.rendition] == [own.rendition[0].crf + 2, own.rendition[-1].crf + 2]
    assert "FFMPEG_CRF: " not in text


def test_what_is_not_taken_over_is_said(tmp_path: Path) -> None:
    remarks = [line for line in imported(POD, tmp_path).splitlines() if line.startswith("# ")]
    for name, why in {
        "FFMPEG_MP4_ENCODE": "builds its own commands",
        "CELERY_BROKER_URL": "Redis database of its own",
        "XAPI_AUTHENTICATED_NAME": "is none of uuid, username",
        "VIDEO_RENDITIONS, entry 2": "is no bit rate",
        "VIDEO_RENDITIONS, entry 4": "360 lines already",
        "XAPI_CELERY_BROKER_URL": "line 16 computes it",
    }.items():
        assert [why in line for line in remarks if line.startswith(f"# {name}")] == [True], name


@pytest.mark.parametrize("secret", ["hush", "must not appear", "THEME_NAME"])
def test_secrets_and_what_is_no_concern_are_not_repeated(tmp_path: Path, secret: str) -> None:
    assert secret not in imported(POD, tmp_path)


def test_nothing_of_the_file_is_run(tmp_path: Path) -> None:
    flag = tmp_path / "flag"
    text = f"FFMPEG_CMD = open({str(flag)!r}, 'w').name\nUSE_XAPI = __import__('os').system('touch {flag}')\n"
    assert "FFMPEG_CMD: line 1 computes it" in imported(text, tmp_path)
    assert not flag.exists()


@pytest.mark.parametrize(
    "text", ["FFMPEG_CMD = 'a", "\x00", "x" * (MOST_CHARACTERS + 1), "USE_XAPI = " + "[" * 5000 + "]" * 5000]
)
def test_what_is_no_settings_file_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(SettingsError):
        imported(text, tmp_path)


@pytest.mark.parametrize(
    "value", ['x"\n[web]\nport = 1', "x\x7f\x1b[2J", "é\u202e", "\\", "https://u:hush@lrs.example.org/x"]
)
def test_a_value_stays_a_value(tmp_path: Path, value: str) -> None:
    """It adds no setting, whatever it holds."""
    names = (
        "FFMPEG_CMD",
        "XAPI_LRS_URL",
        "XAPI_LRS_LOGIN",
        "FFMPEG_INPUT",
        "XAPI_AUTHENTICATED_NAME",
        "VIDEO_RENDITIONS",
    )
    text = "\n".join(f"{name} = {value!r}" for name in names)
    result: dict[str, Any] = tomllib.loads(imported(text, tmp_path))
    assert result == {"ffmpeg": {"path": value}}


def test_a_number_without_end_is_said(tmp_path: Path) -> None:
    assert "# FFMPEG_NB_THREADS" in imported(f"FFMPEG_NB_THREADS = 0x{'f' * 9000}", tmp_path)


@pytest.mark.parametrize("text", ["VIDEO_RENDITIONS = 3", "VIDEO_RENDITIONS = {1: 2}", "VIDEO_RENDITIONS = ['x']"])
def test_renditions_of_another_shape_are_said(tmp_path: Path, text: str) -> None:
    assert "# VIDEO_RENDITIONS" in imported(text, tmp_path)


def test_the_last_assignment_counts() -> None:
    found = read_assignments("A = 1\nA = A + 1\nB = c()\nB = 2\nA.b = 3\nC, D = 1, 2\n")
    assert (found.values, found.computed) == ({"B": 2}, {"A": 2})


CELERY = """
USE_REMOTE_ENCODING_TRANSCODING = True
ENCODING_TRANSCODING_CELERY_BROKER_URL = "redis://:hush@redis:6379/5"
XAPI_CELERY_BROKER_URL = "redis://:hush@redis:6379/6"
POD_API_URL = "https://pod.univ.fr/rest/"
POD_API_TOKEN = "hush"
MEDIA_ROOT = "/srv/pod/média"
VIDEO_RENDITIONS = [
    {"resolution": "640x360", "maxrate": "1000k", "audio_bitrate": "96k"},
    {"resolution": "1280x720", "maxrate": "3000k", "audio_bitrate": "96k"},
]
"""


def test_a_pod_that_orders_by_celery_becomes_a_site(tmp_path: Path) -> None:
    text = imported(CELERY, tmp_path)
    (tmp_path / "settings.toml").write_text(text)
    (site,) = load(tmp_path).site
    assert (site.kind, site.shared_folder, site.heights_px) == ("celery", "/srv/pod/média", (360, 720))
    assert site.callback_url == "https://pod.univ.fr/rest/" and "hush" not in text
    assert "secrets/site_pod of the instance" in text and "secrets/site_pod_broker" in text
    assert "Not taken over" not in text


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"/srv/pod/média"', 'os.environ["M"]'),
        ('"/srv/pod/média"', '"relative"'),
        ('"https://pod.univ.fr/rest/"', '""'),
    ],
)
def test_what_the_settings_do_not_tell_makes_the_site_a_comment(tmp_path: Path, old: str, new: str) -> None:
    text = imported(CELERY.replace(old, new), tmp_path)
    (tmp_path / "settings.toml").write_text(text)
    assert load(tmp_path).site == () and "# [[site]]" in text and "write it here" in text


def test_a_pod_with_a_runner_manager_becomes_a_site(tmp_path: Path) -> None:
    text = imported('USE_RUNNER_MANAGER = True\nALLOWED_HOSTS = ["pod.univ.fr", "localhost", "10.0.0.1"]', tmp_path)
    (tmp_path / "settings.toml").write_text(text)
    (site,) = load(tmp_path).site
    assert (site.kind, site.source_hosts, site.callback_hosts) == ("runner", ("pod.univ.fr",), ("pod.univ.fr",))


def test_a_pod_whose_celery_worker_is_a_whole_pod_is_told_what_to_set(tmp_path: Path) -> None:
    text = imported("CELERY_TO_ENCODE = True", tmp_path)
    assert "USE_REMOTE_ENCODING_TRANSCODING = True in Pod" in text and "[[site]]" not in text


KNOWN = """
CELERY_TO_ENCODE CELERY_BROKER_URL CELERY_TASK_ACKS_LATE USE_REMOTE_ENCODING_TRANSCODING
ENCODING_TRANSCODING_CELERY_BROKER_URL POD_API_URL POD_API_TOKEN USE_XAPI USE_XAPI_VIDEO XAPI_LRS_URL XAPI_LRS_LOGIN
XAPI_LRS_PWD XAPI_ANONYMIZE_ACTOR XAPI_AUTHENTICATED_NAME XAPI_CELERY_BROKER_URL ENCODE_VIDEO ENCODE_STUDIO
TRANSCRIPT_VIDEO ENCODING_CHOICES FORMAT_CHOICES VIDEO_RENDITIONS USE_TRANSCRIPTION TRANSCRIPTION_TYPE
TRANSCRIPTION_MODEL_PARAM TRANSCRIPTION_NORMALIZE TRANSCRIPTION_NORMALIZE_TARGET_LEVEL TRANSCRIPTION_AUDIO_SPLIT_TIME
TRANSCRIPTION_STT_SENTENCE_MAX_LENGTH TRANSCRIPTION_STT_SENTENCE_BLANK_SPLIT_TIME CAPTIONS_STRICT_ACCESSIBILITY
EMAIL_ON_ENCODING_COMPLETION EMAIL_ON_TRANSCRIPTING_COMPLETION USE_NOTIFICATIONS USE_CUT USE_DRESSING
USE_OPENCAST_STUDIO OPENCAST_FILES_DIR OPENCAST_DEFAULT_PRESENTER FFMPEG_CMD FFPROBE_CMD FFMPEG_CRF FFMPEG_PRESET
FFMPEG_PROFILE FFMPEG_LEVEL FFMPEG_HLS_TIME FFMPEG_NB_THREADS FFMPEG_AUDIO_BITRATE FFMPEG_NB_THUMBNAIL FFMPEG_LIBX
FFMPEG_INPUT FFMPEG_MP4_ENCODE FFMPEG_HLS_COMMON_PARAMS FFMPEG_HLS_ENCODE_PARAMS FFMPEG_MP3_ENCODE FFMPEG_M4A_ENCODE
FFMPEG_STUDIO_COMMAND FFMPEG_CREATE_THUMBNAIL FFMPEG_EXTRACT_THUMBNAIL FFMPEG_CREATE_OVERVIEW FFMPEG_EXTRACT_SUBTITLE
FFMPEG_DRESSING_INPUT MEDIA_ROOT VIDEOS_DIR LIVE_CELERY_TRANSCRIPTION LIVE_VOSK_MODEL ADMINS MANAGERS EMAIL_HOST
DEFAULT_FROM_EMAIL TEST_REMOTE_ENCODE USE_RUNNER_MANAGER RM_TASKS_DELETED_AFTER_DAYS SECURE_SSL_REDIRECT
FILE_UPLOAD_PERMISSIONS
"""  # what Pod reads of its settings for encodings, transcriptions and traces


@pytest.mark.parametrize("name", KNOWN.split())
def test_each_setting_of_pod_that_matters_here_gives_a_line(tmp_path: Path, name: str) -> None:
    for value in ("True", "False", '"x"', "128", "[]", "f()"):
        lines = imported(f"{name} = {value}", tmp_path).splitlines()
        assert [line for line in lines if re.search(rf"\b{name}\b", line)], value


def test_what_a_remark_says_of_mails_and_the_studio_is_so(tmp_path: Path) -> None:
    text = imported(
        'ADMINS = [("A", "a@univ.fr")]\nEMAIL_HOST = "smtp"\nEMAIL_HOST_PASSWORD = "hush"\nUSE_CUT = True', tmp_path
    )
    assert "# ADMINS = [('A', 'a@univ.fr')]: [mail] recipients" in text
    assert "# EMAIL_HOST = 'smtp': [mail] server" in text and "hush" not in text
    assert "through the API" not in imported("OPENCAST_FILES_DIR = 'x'", tmp_path)


def test_two_names_for_one_setting_give_one_line_beside_the_others(tmp_path: Path) -> None:
    text = imported("XAPI_ANONYMIZE_ACTOR = False\nUSE_XAPI = True\nUSE_XAPI_VIDEO = False\n", tmp_path)
    section = text.partition("[xapi]\n")[2].partition("\n\n")[0]
    assert section.splitlines() == ["enabled = false  # USE_XAPI_VIDEO", "anonymize = false  # XAPI_ANONYMIZE_ACTOR"]
