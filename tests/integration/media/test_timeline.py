"""Each frame and each sound at its moment: changes inside a file, frames that last long, kept parts, late and early tracks."""

from dataclasses import replace
from pathlib import Path

import av
import pytest

from pod_jobs.media.encode import Encoded, EncodePlan, encode
from pod_jobs.media.planning.dressing import Studio
from pod_jobs.media.planning.ladder import Rendition
from pod_jobs.media.process.tools import Tools
from tests.clips import AAC, H264, ffmpeg, pattern, tone
from tests.timelines import at, clock, clock_seconds, duration_s, frames, tone_s, white_s
from tests.unit.media.samples import LIMITS

LOW = Rendition("90p", 90, crf=18, preset="ultrafast", maxrate_kbps=2000, audio_kbps=64, mp4=True)
PLAN = EncodePlan((LOW,), mp3_kbps=64, copy_top=True, with_extras=False, limits=LIMITS)
VP8 = ("-c:v", "libvpx", "-deadline", "realtime", "-cpu-used", "8", "-b:v", "1M")
OPUS = ("-c:a", "libopus")
MP2 = ("-c:a", "mp2")
NEAR_S = 0.045
Parts = tuple[tuple[float, float], ...]


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("sources")


def made(source: Path, folder: Path, tools: Tools, plan: EncodePlan = PLAN) -> Encoded:
    folder.mkdir(exist_ok=True)
    result = encode(source, folder, plan, tools, lambda progress: None)
    assert result.warnings == ()
    return result


def beep(at_s: float, seconds: float) -> tuple[str, ...]:
    """An input of ffmpeg: silence, but for a tone of 0.2 s."""
    tone = f"0.4*sin(2*PI*440*t)*between(t,{at_s},{at_s + 0.2})"
    return ("-f", "lavfi", "-i", f"aevalsrc='{tone}':s=48000:d={seconds}")


# --- what changes in mid-stream ---


def flashing(size: str, layout: str = "stereo", rate_hz: int = 48_000) -> tuple[str, ...]:
    """Two seconds: white, and a tone on all channels, from 1.0 to 1.2 s."""
    white = f"color=black:s={size}:r=25:d=2,drawbox=c=white:t=fill:enable='between(t,0.99,1.19)'"
    channels = {"mono": 1, "stereo": 2, "5.1": 6}[layout]
    wave = "|".join(["0.4*sin(2*PI*440*t)*between(t,1,1.2)"] * channels)
    return ("-f", "lavfi", "-i", white, "-f", "lavfi", "-i", f"aevalsrc='{wave}':c={layout}:s={rate_hz}:d=2")


def joined(source: Path, parts: list[tuple[str, ...]], ending: str, codecs: tuple[str, ...]) -> None:
    names = [source.with_suffix(f".{n}.{ending}") for n in range(len(parts))]
    for name, part in zip(names, parts, strict=True):
        ffmpeg(*part, *codecs, "-g", "25", str(name))
    listed = source.with_suffix(".txt")
    listed.write_text("".join(f"file '{name}'\n" for name in names))
    ffmpeg("-f", "concat", "-safe", "0", "-i", str(listed), "-c", "copy", str(source))


CHANGES = {
    "larger.ts": (flashing("320x180"), flashing("640x360")),
    "smaller.ts": (flashing("640x360"), flashing("320x180")),
    "larger.mkv": (flashing("320x180"), flashing("640x360")),
    "smaller.webm": (flashing("640x360"), flashing("320x180")),
    "upright.ts": (flashing("320x180"), flashing("100x180")),
    "surround.ts": (flashing("320x180"), flashing("320x180", "5.1")),
    "another_rate.ts": (flashing("320x180", "mono", 44_100), flashing("320x180", "stereo", 48_000)),
    "a_lower_rate.ts": (flashing("320x180", "stereo", 48_000), flashing("320x180", "stereo", 32_000)),
    "mp2_at_a_lower_rate.ts": (flashing("320x180", "stereo", 48_000), flashing("320x180", "stereo", 32_000)),
    "a_higher_rate.ts": (flashing("320x180", "stereo", 32_000), flashing("320x180", "stereo", 48_000)),
}


def changing(sources: Path, name: str) -> Path:
    source = sources / name
    if not source.exists():
        codecs = (*VP8, *OPUS) if name.endswith("webm") else (*H264, *(MP2 if name.startswith("mp2") else AAC))
        joined(source, list(CHANGES[name]), "webm" if name.endswith("webm") else "ts", codecs)
    return source


@pytest.mark.parametrize("name", CHANGES)
def test_a_change_in_mid_stream_ends_nothing(tools: Tools, tmp_path: Path, sources: Path, name: str) -> None:
    made(changing(sources, name), tmp_path / "out", tools)
    path = tmp_path / "out" / "90p.mp4"
    assert duration_s(path) == pytest.approx(4, abs=0.1)
    seen, heard = white_s(path), tone_s(path)
    assert [one[0] for one in seen] == pytest.approx([1, 3], abs=NEAR_S)
    assert [one[0] for one in heard] == pytest.approx([one[0] for one in seen], abs=NEAR_S)


def test_another_shape_gets_bars(tools: Tools, tmp_path: Path, sources: Path) -> None:
    """A white picture of 100x180 in the place of one of 320x180: 50 pixels of 160 are white, in the middle."""
    made(changing(sources, "upright.ts"), tmp_path / "out", tools)
    with av.open(str(tmp_path / "out" / "90p.mp4")) as container:
        line = next(f.to_ndarray(format="gray")[45] for f in container.decode(video=0) if 3.08 < (f.time or 0) < 3.15)
    white = [x for x, level in enumerate(line) if level > 128]
    assert (len(line), white[0], white[-1]) == pytest.approx((160, 55, 104), abs=2)


WIDE, OLD = ("160x128", "64/45"), ("160x128", "16/15")  # 16:9 and 4:3


@pytest.mark.parametrize(
    ("name", "parts", "inside", "keep"),
    [
        ("wide.ts", (OLD, WIDE), (120, 68), ()),
        ("wide.mpg", (OLD, WIDE), (120, 68), ()),
        ("wide.mp4", (OLD, WIDE), (120, 68), ()),
        ("wide.mp4", (OLD, WIDE), (120, 68), ((0.5, 1.0), (1.5, 3.5))),
        ("old.ts", (WIDE, OLD), (120, 90), ()),
        ("large.ts", (WIDE, ("320x180", "1/1")), (160, 90), ()),
        ("large.mkv", (WIDE, ("320x180", "1/1")), (160, 90), ()),
    ],
)
def test_pixels_of_another_shape_get_bars(
    tools: Tools,
    tmp_path: Path,
    sources: Path,
    name: str,
    parts: tuple[tuple[str, str], tuple[str, str]],
    inside: tuple[int, int],
    keep: Parts,
) -> None:
    """Two seconds of white in a shape, then two in another: how many columns and lines are white then."""
    source = sources / f"pixels_{name}"
    if not source.exists():
        ending, codec = ("mpg", ("-c:v", "mpeg2video", "-q:v", "2")) if name.endswith("mpg") else ("ts", H264)
        white = [f"color=white:s={size}:r=25:d=2,setsar={shape}" for size, shape in parts]
        joined(source, [("-f", "lavfi", "-i", one) for one in white], ending, codec)
    made(source, tmp_path / "out", tools, replace(PLAN, keep=keep))
    changes_s = 1.0 if keep else 2.0
    with av.open(str(tmp_path / "out" / "90p.mp4")) as container:
        for frame in container.decode(video=0):
            bright = frame.to_ndarray(format="gray") > 128
            found = (bright.any(axis=0).sum(), bright.any(axis=1).sum())
            wanted = inside if (frame.time or 0.0) > changes_s - 0.005 else (frame.width, frame.height)
            assert found == pytest.approx(wanted, abs=2), frame.time


# --- frames that last long ---


def slides(sources: Path, ending: str) -> Path:
    """A picture each three seconds, of its second's grey, for 12 s; a tone throughout."""
    source = sources / f"slides.{ending}"
    if not source.exists():
        rare = ("-vf", "select='not(mod(n,75))'", "-fps_mode", "vfr")
        codecs = (*VP8, *OPUS) if ending == "webm" else (*H264, *AAC)
        ffmpeg(*clock(12), *tone(12), *rare, *codecs, "-t", "12", str(source))
    return source


WHOLE: tuple[Parts, dict[float, int]] = ((), {0.0: 0, 2.8: 0, 3.1: 3, 8.8: 6, 9.1: 9, 11.8: 9})
ONE_PART = ((4.0, 8.0),), {0.0: 3, 1.8: 3, 2.2: 6, 3.8: 6}
MANY_PARTS = (
    ((1.0, 2.0), (4.0, 5.0), (7.0, 11.0)),
    {0.0: 0, 0.8: 0, 1.1: 3, 1.9: 3, 2.1: 6, 3.9: 6, 4.1: 9, 5.8: 9},
)
THE_END = ((10.0, 12.0),), {0.0: 9, 1.8: 9}


@pytest.mark.parametrize(
    ("ending", "keep", "wanted"),
    [
        *[("webm", *one) for one in (WHOLE, ONE_PART, MANY_PARTS, THE_END)],
        *[("mp4", *one) for one in (WHOLE, MANY_PARTS, THE_END)],
        ("ts", *MANY_PARTS),
    ],
)
def test_slides_stand_at_their_moments(
    tools: Tools, tmp_path: Path, sources: Path, ending: str, keep: Parts, wanted: dict[float, int]
) -> None:
    result = made(slides(sources, ending), tmp_path / "out", tools, replace(PLAN, keep=keep))
    path, lasts_s = tmp_path / "out" / "90p.mp4", sum(end - begin for begin, end in keep) or 12.0
    assert result.duration_s == pytest.approx(lasts_s, abs=0.06)
    assert duration_s(path) == pytest.approx(lasts_s, abs=0.06)
    shown = clock_seconds(path)
    assert {moment: at(shown, moment) for moment in wanted} == wanted
    assert {second for _, second in shown} == set(wanted.values()), "what was cut out is seen"


@pytest.mark.parametrize("ending", ["mkv", "mp4"])
def test_before_a_late_picture_nothing_that_was_cut_out_is_seen(
    tools: Tools, tmp_path: Path, sources: Path, ending: str
) -> None:
    """Frames come from 2 s on; the first one stands until then, and what comes after 3 s was cut out. The tone is at 1 s."""
    source = sources / f"late.{ending}"
    if not source.exists():
        late = ("-vf", "trim=start=2", "-fps_mode", "vfr")
        ffmpeg(*clock(6), *beep(1.0, 6), *late, *H264, *AAC, str(source))
    made(source, tmp_path / "out", tools, replace(PLAN, keep=((0.5, 3.0),)))
    path = tmp_path / "out" / "90p.mp4"
    assert {second for _, second in clock_seconds(path)} == {2}
    assert duration_s(path) == pytest.approx(2.5, abs=0.06)
    assert tone_s(path)[0][0] == pytest.approx(0.5, abs=NEAR_S)


@pytest.mark.parametrize("keep", [((0.3, 1.1),), ((0.3, 1.1), (4.0, 5.0))], ids=["nothing else", "and a later part"])
def test_a_part_before_a_late_picture_is_black(tools: Tools, tmp_path: Path, sources: Path, keep: Parts) -> None:
    """Frames come from 2 s on; the first one was cut out."""
    source = sources / "late_white.mp4"
    if not source.exists():
        white = ("-f", "lavfi", "-i", "color=white:s=160x90:r=25:d=6", "-vf", "trim=start=2", "-fps_mode", "vfr")
        ffmpeg(*white[:4], *beep(1.0, 6), *white[4:], *H264, *AAC, str(source))
    made(source, tmp_path / "out", tools, replace(PLAN, keep=keep))
    path, lasts_s = tmp_path / "out" / "90p.mp4", sum(end - begin for begin, end in keep)
    assert duration_s(path) == pytest.approx(lasts_s, abs=0.06)
    assert [round(begin, 1) for begin, _ in white_s(path)] == [0.8][: len(keep) - 1]
    assert tone_s(path)[0][0] == pytest.approx(0.7, abs=NEAR_S)


def test_the_last_of_frames_that_come_close_together_is_the_one_that_stands(
    tools: Tools, tmp_path: Path, sources: Path
) -> None:
    """Black at 0 and 1 s, white 20 ms later, and then nothing for two seconds."""
    source = sources / "fade.mkv"
    if not source.exists():
        white = "color=black:s=160x90:r=50:d=4,drawbox=c=white:t=fill:enable='gte(n,51)'"
        rare = ("-vf", "select='eq(n,0)+eq(n,50)+eq(n,51)+eq(n,150)'", "-fps_mode", "vfr")
        ffmpeg("-f", "lavfi", "-i", white, *rare, *H264, str(source))
    made(source, tmp_path / "out", tools)
    ((white_from_s, _),) = white_s(tmp_path / "out" / "90p.mp4")
    assert white_from_s == pytest.approx(1.02, abs=0.07)


def test_parts_of_a_slow_picture_last_as_long_as_was_asked_for(tools: Tools, tmp_path: Path, sources: Path) -> None:
    source = sources / "slow.mp4"
    if not source.exists():
        ffmpeg(*clock(6, rate="5"), *tone(6), *H264, *AAC, str(source))
    made(source, tmp_path / "out", tools, replace(PLAN, keep=((0.33, 1.07), (2.28, 3.11), (4.13, 4.86))))
    assert duration_s(tmp_path / "out" / "90p.mp4") == pytest.approx(2.3, abs=0.07)


@pytest.mark.either_build
def test_no_frame_of_kept_parts_is_alone_in_the_last_segment(tools: Tools, tmp_path: Path, sources: Path) -> None:
    source = sources / "six_seconds.mp4"
    if not source.exists():
        ffmpeg(*pattern("160x90", seconds=6), *H264, str(source))
    result = made(source, tmp_path / "out", tools, replace(PLAN, keep=((1.0, 5.04),)))
    assert result.duration_s == pytest.approx(4.04, abs=0.001)
    assert len(frames(tmp_path / "out" / "90p.m4s")) == 101
    assert duration_s(tmp_path / "out" / "90p.mp4") == pytest.approx(4.04, abs=0.001)


def test_a_film_of_one_picture_lasts_as_long_as_its_picture(tools: Tools, tmp_path: Path, sources: Path) -> None:
    source = sources / "one_picture.mp4"
    if not source.exists():
        ffmpeg(*pattern("160x90", seconds=0.04), *H264, str(source))
    assert made(source, tmp_path / "out", tools, replace(PLAN, copy_top=False)).duration_s == pytest.approx(0.04)


@pytest.mark.parametrize("begins_s", [0, 5])
def test_kept_parts_of_matroska_begin_where_both_builds_say(
    tools: Tools, tmp_path: Path, sources: Path, begins_s: int
) -> None:
    """A flash and a tone at 3 s. For ffmpeg 5.1 the file begins earlier, by the delay of the sound's encoder."""
    source = sources / f"begins_{begins_s}.mkv"
    if not source.exists():
        seen = "color=black:s=160x90:r=25:d=7,drawbox=c=white:t=fill:enable='between(t,2.99,3.19)'"
        later = ("-output_ts_offset", str(begins_s))
        ffmpeg("-f", "lavfi", "-i", seen, *beep(3.0, 7), *H264, "-g", "25", *AAC, *later, str(source))
    made(source, tmp_path / "out", tools, replace(PLAN, keep=((2.0, 6.0),)))
    path = tmp_path / "out" / "90p.mp4"
    assert (white_s(path)[0][0], tone_s(path)[0][0]) == pytest.approx((1, 1), abs=0.011)
    assert len(frames(path)) == 100


@pytest.mark.parametrize("ending", ["mkv", "mp4"])
def test_a_cut_of_a_picture_that_is_not_the_first(tools: Tools, tmp_path: Path, sources: Path, ending: str) -> None:
    """A file is searched by the key frames of its first picture. Those of the second one, which is the default, lie far apart."""
    source = sources / f"second_track.{ending}"
    if not source.exists():
        first = ("-f", "lavfi", "-i", "color=white:s=80x46:r=5:d=14")
        tracks = ("-map", "0", "-map", "1", "-disposition:v:0", "0", "-disposition:v:1", "default")
        ffmpeg(*first, *clock(14, rate="10"), *tracks, *H264, "-g:v:0", "5", "-g:v:1", "250", str(source))
    (tmp_path / "out").mkdir()
    encode(source, tmp_path / "out", replace(PLAN, keep=((11.0, 12.0), (13.0, 14.0))), tools, lambda progress: None)
    shown = clock_seconds(tmp_path / "out" / "90p.mp4")
    assert [at(shown, moment) for moment in (0.0, 0.9, 1.1, 1.9)] == [11, 11, 13, 13]
    assert {second for _, second in shown} == {11, 13}


@pytest.mark.parametrize("ending", ["webm", "mp4"])
def test_a_gap_of_pictures_keeps_its_length(tools: Tools, tmp_path: Path, sources: Path, ending: str) -> None:
    """No picture from 4 to 8 s; a flash and a tone at 9 s, which come to lie at 4 s where 5 to 11 s are kept."""
    source = sources / f"gap.{ending}"
    if not source.exists():
        seen = "color=black:s=160x90:r=25:d=11,drawbox=c=white:t=fill:enable='between(t,8.99,9.19)'"
        gap = ("-vf", "select='lt(t,4)+gte(t,7.99)'", "-fps_mode", "vfr")
        codecs = (*VP8, *OPUS) if ending == "webm" else (*H264, *AAC)
        ffmpeg("-f", "lavfi", "-i", seen, *beep(9.0, 11), *gap, *codecs, str(source))
    made(source, tmp_path / "out", tools, replace(PLAN, keep=((5.0, 11.0),)))
    path = tmp_path / "out" / "90p.mp4"
    ((white_from_s, _),), ((tone_from_s, _),) = white_s(path), tone_s(path)
    assert (white_from_s, tone_from_s) == pytest.approx((4, 4), abs=NEAR_S)
    assert duration_s(path) == pytest.approx(6, abs=0.06)


# --- irregular rates ---


@pytest.mark.parametrize("ending", ["webm", "mp4", "mkv"])
def test_what_moves_fast_late_is_not_thinned(tools: Tools, tmp_path: Path, sources: Path, ending: str) -> None:
    """Two frames a second for ten seconds, then thirty for two."""
    source = sources / f"vfr.{ending}"
    if not source.exists():
        rare = ("-vf", "select='if(lt(t,10),not(mod(n,15)),1)'", "-fps_mode", "vfr")
        codec = VP8 if ending == "webm" else H264
        ffmpeg(*pattern("160x90", rate="30", seconds=12), *rare, *codec, str(source))
    made(source, tmp_path / "out", tools)
    path = tmp_path / "out" / "90p.mp4"
    assert sum(10 <= time < 12 for time, _ in frames(path)) == pytest.approx(60, abs=1)
    assert duration_s(path) == pytest.approx(12, abs=0.06)


# --- the last picture ---


@pytest.mark.parametrize("seconds", [0.04, 1.0], ids=["one picture", "a second"])
@pytest.mark.parametrize("keep", [(), ((0.5, 1.0), (3.0, 5.0))], ids=["whole", "kept parts"])
def test_the_last_picture_is_held_until_the_sound_ends(
    tools: Tools, tmp_path: Path, sources: Path, seconds: float, keep: Parts
) -> None:
    source = sources / f"still_{seconds}.mp4"
    if not source.exists():
        picture, sound = sources / f"picture_{seconds}.mp4", sources / "sound.m4a"
        ffmpeg(*pattern("320x180", seconds=seconds), *H264, str(picture))
        ffmpeg(*tone(6), *AAC, str(sound))
        ffmpeg("-i", str(picture), "-i", str(sound), "-c", "copy", str(source))
    made(source, tmp_path / "out", tools, replace(PLAN, keep=keep))
    lasts_s = 2.5 if keep else 6.0
    for name in ("90p.mp4", "90p.m4s"):
        path = tmp_path / "out" / name
        times = [time for time, _ in frames(path)]
        assert times[-1] == pytest.approx(lasts_s, abs=0.15), name
        assert max(after - before for before, after in zip(times, times[1:], strict=False)) < 2.1, name
    assert duration_s(tmp_path / "out" / "90p.mp4") == pytest.approx(lasts_s, abs=0.06)


def test_times_of_decoding_in_bursts(tools: Tools, tmp_path: Path, sources: Path) -> None:
    """Slow motion of telephones: four frames are to be decoded at once, and then none for a while."""
    steady, source = sources / "steady.mp4", sources / "burst.mp4"
    if not source.exists():
        x264 = ("-bf", "3", "-b_strategy", "0", "-sc_threshold", "0", "-g", "300", "-x264-params", "b-pyramid=normal")
        ffmpeg(*pattern(rate="30", seconds=8), *H264, *x264, "-video_track_timescale", "90000", str(steady))
        bursts = "setts=dts=if(eq(N\\,0)\\,-9018\\,2979+12000*floor((N-1)/4)+9*mod(N-1\\,4)):pts=PTS"
        kept = ("-c", "copy", "-bsf:v", bursts, "-video_track_timescale", "90000")
        ffmpeg("-i", str(steady), *kept, str(source))
    result = made(source, tmp_path / "out", tools)
    assert result.duration_s == pytest.approx(8, abs=0.1)
    assert len(frames(tmp_path / "out" / "90p.mp4")) == pytest.approx(240, abs=1)


# --- sounds ---


@pytest.mark.parametrize("keep", [(), ((0.5, 3.0),)], ids=["whole", "one part"])
def test_a_sound_whose_first_packets_hold_nothing_stays_in_sync(
    tools: Tools, tmp_path: Path, sources: Path, keep: Parts
) -> None:
    """The decoder of Windows Media Audio gives nothing for the first two packets, a tenth of a second."""
    source = sources / "flash.wmv"
    if not source.exists():
        ffmpeg(*flashing("320x180", rate_hz=44_100), "-c:v", "wmv2", "-c:a", "wmav2", str(source))
    made(source, tmp_path / "out", tools, replace(PLAN, keep=keep))
    ((white_from_s, _),) = white_s(tmp_path / "out" / "90p.mp4")
    assert tone_s(tmp_path / "out" / "90p.mp4")[0][0] == pytest.approx(white_from_s, abs=NEAR_S)


# --- scenes ---


def test_a_second_picture_that_starts_late_shows_its_first_frame(tools: Tools, tmp_path: Path, sources: Path) -> None:
    late, main = sources / "late_white.mkv", sources / "grey.mp4"
    white = ("-f", "lavfi", "-i", "color=white:s=160x90:r=25:d=4")
    ffmpeg(*white, *tone(4), "-vf", "trim=start=1.5", "-fps_mode", "passthrough", *H264, *AAC, str(late))
    ffmpeg("-f", "lavfi", "-i", "color=gray:s=160x90:r=25:d=4", *tone(4), *H264, *AAC, str(main))
    made(main, tmp_path / "out", tools, replace(PLAN, studio=Studio(late, "side")))
    with av.open(str(tmp_path / "out" / "90p.mp4")) as container:
        levels = [int(frame.to_ndarray(format="gray")[45, -20]) for frame in container.decode(video=0)]
    assert min(levels) > 230
