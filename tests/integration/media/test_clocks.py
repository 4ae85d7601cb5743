"""The clock of broadcast streams: pauses are kept, and where the clock is set anew, sound and picture go on together."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from pod_jobs.media.encode import Encoded, EncodePlan, encode
from pod_jobs.media.planning.dressing import Studio
from pod_jobs.media.planning.ladder import Rendition
from pod_jobs.media.probing.probe import probe
from pod_jobs.media.probing.sound import SoundTrack
from pod_jobs.media.process.tools import Tools
from tests.clips import AAC, H264, ffmpeg, tone
from tests.timelines import at, clock, clock_seconds, duration_s, tone_s, white_s
from tests.unit.media.samples import LIMITS

LOW = Rendition("90p", 90, crf=18, preset="ultrafast", maxrate_kbps=2000, audio_kbps=64, mp4=True)
PLAN = EncodePlan((LOW,), mp3_kbps=0, copy_top=True, with_extras=False, limits=LIMITS)
H264_B = ("-c:v", "libx264", "-preset", "veryfast", "-bf", "3", "-pix_fmt", "yuv420p", "-g", "25")
MPEG2 = ("-c:v", "mpeg2video", "-q:v", "3", "-bf", "2", "-g", "12")
MP2 = ("-c:a", "mp2")
NEAR_S = 0.045


def made(source: Path, folder: Path, tools: Tools, plan: EncodePlan = PLAN) -> Encoded:
    folder.mkdir()
    result = encode(source, folder, plan, tools, lambda progress: None)
    assert result.warnings == ()
    return result


@pytest.mark.parametrize(
    ("name", "keep", "wanted"),
    [
        ("short", (), {0.0: 0, 1.4: 0, 1.6: 1, 2.8: 1, 3.1: 2, 4.3: 2, 4.6: 4}),
        ("short", ((0.0, 1.4), (3.2, 4.4)), {0.0: 0, 1.3: 0, 1.5: 2, 2.5: 2}),
        ("long", (), {0.0: 0, 11.9: 0, 12.1: 12, 13.8: 13}),
        ("long", ((10.0, 11.0), (12.5, 13.5)), {0.0: 0, 0.9: 0, 1.1: 12, 1.9: 13}),
    ],
    ids=["short", "short, cut", "long", "long, cut"],
)
def test_a_pause_of_the_picture_keeps_its_length(
    tools: Tools, tmp_path: Path, name: str, keep: tuple[tuple[float, float], ...], wanted: dict[float, int]
) -> None:
    """ffmpeg takes pauses for a clock that was set anew: 5.1 short ones between B-frames, each version those above 10 s. A cut
    then shows what was cut out."""
    source, lasts_s = tmp_path / "pauses.ts", {"short": 5.8, "long": 14}[name]
    chosen = {"short": "not(mod(n,37))", "long": "eq(n,0)+gte(n,300)"}[name]  # each 1.48 s; from 12 s on
    ffmpeg(*clock(lasts_s), *tone(lasts_s), "-vf", f"select='{chosen}'", "-fps_mode", "vfr", *H264_B, *MP2, str(source))
    result = made(source, tmp_path / "out", tools, replace(PLAN, keep=keep))
    path, kept_s = tmp_path / "out" / "90p.mp4", sum(end - begin for begin, end in keep) or lasts_s
    assert (result.duration_s, duration_s(path)) == pytest.approx((kept_s, kept_s), abs=0.07)
    shown = clock_seconds(path)
    assert {moment: at(shown, moment) for moment in wanted} == wanted
    assert {second for _, second in shown} == set(wanted.values()), "what was cut out is seen"


def flashes(path: Path, starts_s: float, codec: tuple[str, ...], sound: tuple[str, ...] = MP2) -> bytes:
    """Two seconds, white and a tone from 1.0 to 1.2 s, on a clock that begins at `starts_s`."""
    white = "color=black:s=160x90:r=25:d=2,drawbox=c=white:t=fill:enable='between(t,0.99,1.19)'"
    wave = "aevalsrc='0.4*sin(2*PI*440*t)*between(t,1,1.2)':s=48000:d=2"
    inputs = ("-f", "lavfi", "-i", white, "-f", "lavfi", "-i", wave)
    ffmpeg(*inputs, *codec, *sound, "-output_ts_offset", str(starts_s), str(path))
    return path.read_bytes()


BREAKS = {
    "to zero.ts": (9, 0, 0),
    "by a second.ts": (9, 10, 11),
    "by an hour and back.ts": (9, 3600, 9),
    "to zero.mpg": (9, 0, 0),
}


@pytest.mark.either_build
@pytest.mark.parametrize("name", BREAKS)
def test_a_clock_that_is_set_anew(tools: Tools, tmp_path: Path, name: str) -> None:
    source, codec = tmp_path / name, MPEG2 if name.endswith("mpg") else H264_B
    parts = {starts_s: flashes(tmp_path / f"part{source.suffix}", starts_s, codec) for starts_s in {*BREAKS[name]}}
    source.write_bytes(b"".join(parts[starts_s] for starts_s in BREAKS[name]))
    for keep, wanted in (((), [1, 3, 5]), (((0.5, 1.5), (2.5, 3.5), (4.5, 6.0)), [0.5, 1.5, 2.5])):
        folder = tmp_path / f"out {len(keep)}"
        result = made(source, folder, tools, replace(PLAN, keep=keep))
        assert result.duration_s == pytest.approx(3.5 if keep else 6, abs=0.1)
        assert [one[0] for one in white_s(folder / "90p.mp4")] == pytest.approx(wanted, abs=NEAR_S)
        assert [one[0] for one in tone_s(folder / "90p.mp4")] == pytest.approx(wanted, abs=NEAR_S)
        assert not list(folder.glob("*.part"))


VP8, OPUS = ("-c:v", "libvpx", "-deadline", "realtime", "-cpu-used", "8"), ("-c:a", "libopus")
FRAGMENTS = ("-movflags", "frag_keyframe+empty_moov+default_base_moof")
END_TO_END = {
    "two.webm": (VP8, OPUS),
    "live.webm": (VP8, (*OPUS, "-live", "1")),
    "two.mkv": (H264_B, AAC),
    "fragments.mp4": (H264, (*AAC, *FRAGMENTS)),
    "two.opus": (("-vn",), OPUS),
}


@pytest.mark.parametrize("name", END_TO_END)
def test_recordings_that_were_put_end_to_end_are_seen_whole(tools: Tools, tmp_path: Path, name: str) -> None:
    source, keep = tmp_path / name, ((0.5, 1.5), (2.5, 4.0))
    source.write_bytes(flashes(tmp_path / f"part{source.suffix}", 0, *END_TO_END[name]) * 2)
    result = made(source, tmp_path / "out", tools, replace(PLAN, keep=keep))
    path = tmp_path / "out" / ("90p.mp4" if result.is_video else "audio.m4a")
    assert result.duration_s == pytest.approx(2.5, abs=0.1)
    heard = [one[0] for one in tone_s(path)]
    # the second one begins when all tracks of the first have ended
    assert heard == pytest.approx([0.5, 1.5], abs=0.065)
    if result.is_video:
        assert [one[0] for one in white_s(path)] == pytest.approx(heard, abs=NEAR_S)
    assert not list(path.parent.glob("*.part"))


@pytest.mark.parametrize(("name", "channels"), [("two.mp4", ("1", "1")), ("two.opus", ("1", "2"))])
def test_a_recording_behind_the_first_is_encoded_or_told(
    tools: Tools, tmp_path: Path, name: str, channels: tuple[str, str]
) -> None:
    source, parts = tmp_path / name, []
    for number, count in enumerate(channels):
        parts.append(tmp_path / f"part{number}{source.suffix}")
        ffmpeg(*tone(2), "-ac", count, *(AAC if name.endswith("mp4") else OPUS), str(parts[-1]))
    source.write_bytes(b"".join(part.read_bytes() for part in parts))
    (tmp_path / "out").mkdir()
    result = encode(source, tmp_path / "out", PLAN, tools, lambda progress: None)
    is_whole = result.duration_s == pytest.approx(4, abs=0.1)
    assert [remark.code for remark in result.warnings] == ([] if is_whole else ["warning-rest"])
    assert is_whole or result.duration_s == pytest.approx(2, abs=0.1)


@pytest.mark.either_build
def test_a_second_picture_whose_clock_is_set_anew(tools: Tools, tmp_path: Path) -> None:
    main, second = tmp_path / "grey.ts", tmp_path / "flashes.ts"
    ffmpeg("-f", "lavfi", "-i", "color=gray:s=160x90:r=25:d=4", *tone(4), *H264_B, *MP2, str(main))
    second.write_bytes(flashes(tmp_path / "part.ts", 5, H264_B) * 2)
    result = made(main, tmp_path / "out", tools, replace(PLAN, studio=Studio(second, "side")))
    assert result.duration_s == pytest.approx(4, abs=0.1)
    assert [one[0] for one in white_s(tmp_path / "out" / "90p.mp4", across=0.75)] == pytest.approx([1, 3], abs=0.06)


@pytest.mark.parametrize("keep", [(), ((0.5, 2.0),)], ids=["whole", "cut"])
def test_matroska_beside_a_broadcast_stream_is_not_late(
    tools: Tools, tmp_path: Path, keep: tuple[tuple[float, float], ...]
) -> None:
    """For ffmpeg 5.1 the Matroska file begins earlier, by the delay of its sound's encoder."""
    main, second, path = tmp_path / "main.mkv", tmp_path / "second.ts", tmp_path / "out" / "90p.mp4"
    flashes(second, 5, H264_B)
    ffmpeg("-i", str(second), "-c:v", "copy", "-c:a", "aac", str(main))
    made(main, tmp_path / "out", tools, replace(PLAN, keep=keep, studio=Studio(second, "side")))
    wanted = 0.5 if keep else 1.0
    assert [white_s(path, across=place)[0][0] for place in (0.25, 0.75)] == pytest.approx([wanted] * 2, abs=0.065)
    assert tone_s(path)[0][0] == pytest.approx(wanted, abs=0.015)


@pytest.mark.either_build
def test_what_listens_to_a_pause_of_the_sound_hears_silence(tools: Tools, tmp_path: Path) -> None:
    """Nothing from 2 to 14 s; a tone at the beginning, and one from 14 s on."""
    source = tmp_path / "gap.ts"
    picture = ("-f", "lavfi", "-i", "color=gray:s=160x90:r=5:d=15")
    ffmpeg(*picture, *tone(15), *H264_B, "-af", "aselect='lt(t,2)+gte(t,14)'", *MP2, str(source))
    sound = SoundTrack(source, probe(source, tools, LIMITS), tools, LIMITS, tmp_path)
    for start_s, wanted in ((0.0, [True, True, False, False, False]), (11.0, [False, False, False, True])):
        read = np.frombuffer(sound.read(start_s, 5.0, 16_000), dtype="<i2")
        seconds = [np.abs(read[n * 16_000 + 2000 : n * 16_000 + 14_000]).max() > 500 for n in range(len(wanted))]
        assert seconds == wanted
        assert len(read) / 16_000 == pytest.approx(len(wanted), abs=0.06)


@pytest.mark.either_build
def test_a_quiet_recording_is_made_louder_without_a_change_of_its_times(tools: Tools, tmp_path: Path) -> None:
    source = tmp_path / "quiet.wav"
    ffmpeg(*tone(6), "-af", "volume=-30dB,volume=enable='lt(t,2)':volume=0", str(source))
    sound = SoundTrack(source, probe(source, tools, LIMITS), tools, LIMITS, tmp_path)
    plain, sound.normalizes = np.frombuffer(sound.read(0.0, 6.0, 16_000), dtype="<i2"), True
    even = np.frombuffer(sound.read(0.0, 6.0, 16_000), dtype="<i2")
    assert len(even) == len(plain) and not np.abs(even[:30_000]).any()
    assert np.abs(even[40_000:]).mean() > 2 * np.abs(plain[40_000:]).mean() > 0
