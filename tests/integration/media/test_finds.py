"""Which tracks are taken, what a copy carries along, and what is told of a source: found by real files of other people."""

import math
import struct
import subprocess
from dataclasses import replace
from pathlib import Path

import av
import pytest

from pod_jobs.errors import BadSource
from pod_jobs.media.encode import Encoded, EncodePlan, encode
from pod_jobs.media.planning.ladder import Rendition
from pod_jobs.media.process.tools import Tools
from tests.clips import AAC, H264, ffmpeg, pattern, tone
from tests.colours import far, shown
from tests.unit.media.samples import LIMITS

pytestmark = pytest.mark.either_build

LOW = Rendition("90p", 90, crf=25, preset="ultrafast", maxrate_kbps=900, audio_kbps=64, mp4=True)
TOP = Rendition("360p", 360, crf=25, preset="ultrafast", maxrate_kbps=9000, audio_kbps=64, mp4=True)
PLAN = EncodePlan((LOW,), mp3_kbps=64, limits=LIMITS, with_extras=False)


def made(source: Path, folder: Path, tools: Tools, plan: EncodePlan = PLAN) -> Encoded:
    folder.mkdir()
    return encode(source, folder, plan, tools, lambda progress: None)


def codes(result: Encoded) -> list[str]:
    return [remark.code for remark in result.warnings]


def samples(path: Path) -> list[list[float]]:
    """Of each channel of a sound, -1..1."""
    with av.open(str(path)) as container:
        planes = [
            [struct.unpack(f"{frame.samples}f", bytes(plane)[: frame.samples * 4]) for plane in frame.planes]
            for frame in container.decode(audio=0)
        ]
    return [[one for frame in planes for one in frame[channel]] for channel in range(len(planes[0]))]


def loudness(channel: list[float]) -> float:
    """Root of the mean square of its second second."""
    return math.sqrt(sum(one * one for one in channel[48_000:96_000]) / 48_000)


def pitch_hz(path: Path, begin_s: float = 1.0) -> float:
    """Of one second."""
    (channel, *_) = samples(path)
    with av.open(str(path)) as container:
        rate = container.streams.audio[0].rate
    heard = channel[int(begin_s * rate) :][:rate]
    return sum(before < 0 <= after for before, after in zip(heard, heard[1:], strict=False)) / len(heard) * rate


@pytest.mark.parametrize("ending", ["mp4", "mkv"])
def test_a_film_is_taken_and_not_a_larger_picture_beside_it(tools: Tools, tmp_path: Path, ending: str) -> None:
    """Both are said to be the default one."""
    source = tmp_path / f"two.{ending}"
    still = ("-f", "lavfi", "-i", "testsrc2=s=1280x720:r=2:d=0.5")
    both = ("-map", "0", "-map", "1", "-disposition:v", "default")
    ffmpeg(*pattern("640x360", seconds=4), *still, *both, *H264, str(source))
    result = made(source, tmp_path / "out", tools)
    assert result.facts["video"]["width_px"] == 640
    assert result.duration_s == pytest.approx(4, abs=0.1)


def test_the_sound_is_that_of_the_picture_s_program(tools: Tools, tmp_path: Path) -> None:
    source, folder = tmp_path / "programs.ts", tmp_path / "out"
    tones = [word for hz in (300, 1200) for word in ("-f", "lavfi", "-i", f"sine=f={hz}:d=3")]
    tracks = ("-map", "0", "-map", "2", "-map", "1", "-map", "3", *H264, *AAC)
    two = ("-program", "title=one:st=0:st=1", "-program", "title=two:st=2:st=3")
    ffmpeg(*pattern("320x180", seconds=3), *pattern("640x360", seconds=3), *tones, *tracks, *two, str(source))
    result = made(source, folder, tools)
    assert result.facts["video"]["width_px"] == 640
    assert len(result.facts["audio"]) == 1
    assert pitch_hz(folder / "90p.mp4") == pytest.approx(1200, rel=0.02)
    assert codes(result) == ["warning-programs"]


def test_more_sounds_than_are_offered_are_told(tools: Tools, tmp_path: Path) -> None:
    source = tmp_path / "sounds.mkv"
    ffmpeg(*pattern("160x90"), *tone(), "-map", "0", *["-map", "1"] * 10, *H264, "-c:a", "libmp3lame", str(source))
    result = made(source, tmp_path / "out", tools)
    (remark,) = result.warnings
    assert (remark.code, remark.facts) == ("warning-sounds", {"count": "10", "kept": "8"})


@pytest.mark.parametrize("rungs", [(LOW, TOP), (TOP,)], ids=["with a smaller one", "alone"])
def test_damage_is_not_copied(tools: Tools, tmp_path: Path, rungs: tuple[Rendition, ...]) -> None:
    """Browsers stop where a decoder conceals: what is published has to decode without a word."""
    source, folder = tmp_path / "damaged.mp4", tmp_path / "out"
    h264 = ("-c:v", "libx264", "-preset", "veryfast", "-crf", "28", "-g", "50", "-pix_fmt", "yuv420p")
    ffmpeg(*pattern("640x360", seconds=8), *h264, str(source))
    data = bytearray(source.read_bytes())
    middle = data.find(b"mdat") + (len(data) - data.find(b"mdat")) // 2
    for at in range(middle, min(middle + 40_000, len(data) - 4000), 997):
        data[at] ^= 0xFF
    source.write_bytes(data)
    result = made(source, folder, tools, replace(PLAN, renditions=rungs, copy_top=True))
    assert set(codes(result)) & {"warning-faults", "warning-damaged"}
    argv = [tools.ffmpeg, "-nostdin", "-v", "warning", "-i", str(folder / "360p.mp4"), "-f", "null", "-"]
    assert subprocess.run(argv, capture_output=True, text=True, timeout=60).stderr == ""


def spoken(tmp_path: Path, *levels: float) -> Path:
    """5.1 with a tone at these levels: left, right, centre, LFE, left and right surround."""
    source = tmp_path / "room.ac3"
    waves = "|".join(f"{level}*sin(2*PI*440*t)" for level in levels)
    ffmpeg("-f", "lavfi", "-i", f"aevalsrc={waves}:c=5.1:d=3", "-c:a", "ac3", "-b:a", "640k", str(source))
    return source


def test_a_loud_room_does_not_clip(tools: Tools, tmp_path: Path) -> None:
    result = made(spoken(tmp_path, 0.9, 0.9, 0.9, 0, 0.9, 0.9), tmp_path / "out", tools)
    assert result.warnings == ()
    for name in ("audio.m4a", "audio.mp3"):
        for channel in samples(tmp_path / "out" / name):
            peak = max(map(abs, channel))
            assert 0.8 < peak < 1.0, name
            # a sine that was clipped is louder for its peak (0.93 here) than one that was turned down
            assert loudness(channel) / peak < math.sqrt(0.5) + 0.05, name


def test_dialogue_keeps_its_power(tools: Tools, tmp_path: Path) -> None:
    """The centre goes to both sides at -3 dB."""
    made(spoken(tmp_path, 0, 0, 0.3, 0, 0, 0), tmp_path / "out", tools)
    for channel in samples(tmp_path / "out" / "audio.m4a"):
        assert loudness(channel) == pytest.approx(0.3 * math.sqrt(0.5) * math.sqrt(0.5), rel=0.03)


@pytest.mark.parametrize(("ending", "codec"), [("mp3", "libmp3lame"), ("aac", "aac")])
def test_what_stands_behind_the_last_frame_is_no_damage(tools: Tools, tmp_path: Path, ending: str, codec: str) -> None:
    source = tmp_path / f"newline.{ending}"
    ffmpeg(*tone(5), "-c:a", codec, str(source))
    source.write_bytes(source.read_bytes() + b"\n")
    result = made(source, tmp_path / "out", tools)
    assert result.warnings == ()
    assert result.duration_s == pytest.approx(5, abs=0.1)


@pytest.mark.parametrize("ending", ["aac", "mp3", "ac3"])
def test_a_reckoned_duration_is_no_promise(tools: Tools, tmp_path: Path, ending: str) -> None:
    """Quiet first: reckoned from its bit rate, such a file would last much longer than it does, or shorter."""
    source = tmp_path / f"raw.{ending}"
    quiet = ("-f", "lavfi", "-i", "sine=d=12:r=48000,volume='lt(t,4)*0.0001+gte(t,4)':eval=frame")
    codec = {"aac": ("-c:a", "aac"), "mp3": ("-c:a", "libmp3lame", "-q:a", "4", "-write_xing", "0"), "ac3": ()}
    ffmpeg(*quiet, *codec[ending], str(source))
    result = made(source, tmp_path / "out", tools)
    assert result.warnings == ()
    assert result.duration_s == pytest.approx(12, abs=0.2)


def test_a_raw_aac_that_goes_on_at_another_rate_is_heard_whole(tools: Tools, tmp_path: Path) -> None:
    """Its times are reckoned by the first rate: two seconds at half of that would last one."""
    source, parts = tmp_path / "rates.aac", []
    for hz, rate in ((500, 48_000), (1500, 24_000)):
        parts.append(tmp_path / f"{hz}.aac")
        ffmpeg("-f", "lavfi", "-i", f"sine=f={hz}:d=2:r={rate}", "-c:a", "aac", str(parts[-1]))
    source.write_bytes(b"".join(part.read_bytes() for part in parts))
    result = made(source, tmp_path / "out", tools)
    assert result.duration_s == pytest.approx(4, abs=0.15)
    assert pitch_hz(tmp_path / "out" / "audio.m4a", begin_s=0.5) == pytest.approx(500, rel=0.02)
    assert pitch_hz(tmp_path / "out" / "audio.m4a", begin_s=2.8) == pytest.approx(1500, rel=0.02)


def combs(path: Path) -> float:
    """How much the lines of a picture differ from their neighbours more than from those beyond, at worst of all frames."""
    worst = 0.0
    with av.open(str(path)) as container:
        for frame in container.decode(video=0):
            plane = frame.planes[0]
            data, width = bytes(plane), plane.line_size
            lines = [data[y * width : y * width + frame.width] for y in range(frame.height)]
            near = sum(abs(a - b) for y in range(len(lines) - 2) for a, b in zip(lines[y], lines[y + 1], strict=True))
            far = sum(abs(a - b) for y in range(len(lines) - 2) for a, b in zip(lines[y], lines[y + 2], strict=True))
            worst = max(worst, near / max(far, 1))
    return worst


def then_fields(tmp_path: Path, size: str) -> list[Path]:
    """Two streams of 2 s to be put end to end: progressive, then interlaced."""
    parts = []
    for n, fields in enumerate((False, True)):
        moving = f"testsrc2=s={size if fields else '320x180'}:r=50:d=2,scroll=h=0.02"
        woven = ("-vf", "interlace=scan=tff:lowpass=0", "-x264-params", "tff=1") if fields else ("-r", "25")
        parts.append(tmp_path / f"{n}.ts")
        ffmpeg("-f", "lavfi", "-i", moving, *woven, *H264, "-g", "25", str(parts[-1]))
    return parts


@pytest.mark.parametrize("ending", ["ts", "mp4"])
def test_fields_that_begin_late_leave_no_combs(tools: Tools, tmp_path: Path, ending: str) -> None:
    parts = then_fields(tmp_path, "320x180")
    joined, source = tmp_path / "joined.ts", tmp_path / f"fields.{ending}"
    joined.write_bytes(b"".join(part.read_bytes() for part in parts))
    ffmpeg("-i", str(joined), "-c", "copy", str(source))
    folder = tmp_path / "out"
    made(source, folder, tools, replace(PLAN, renditions=(replace(TOP, name="180p", height_px=180),), copy_top=True))
    assert combs(folder / "180p.mp4") < 1.0
    assert combs(parts[1]) > 1.1


def test_fields_of_another_size_are_not_mixed(tools: Tools, tmp_path: Path) -> None:
    source, folder = tmp_path / "sizes.ts", tmp_path / "out"
    source.write_bytes(b"".join(part.read_bytes() for part in then_fields(tmp_path, "400x240")))
    made(source, folder, tools, replace(PLAN, renditions=(replace(TOP, name="180p", height_px=180, crf=10),)))
    with av.open(str(folder / "180p.mp4")) as container:
        picture = next(f for f in container.decode(video=0) if (f.time or 0.0) > 2.5).to_ndarray(format="gray")
    lines = picture.astype(int)
    # How much a line differs from both of its neighbours: 2.2, and 3.2 where two moments are woven into one picture
    assert abs(2 * lines[1:-1] - lines[:-2] - lines[2:]).mean() < 2.7


@pytest.mark.parametrize(
    ("layout", "left", "right"),
    [
        ("5.1(side)", 1.0, 0.0),
        ("quad", 1.0, 0.0),
        ("3.0", 1.0, 0.0),
        ("7.1", 1.0, 0.0),
        ("2.1", 1.0, 0.0),
    ],
)
def test_every_layout_keeps_its_sides(tools: Tools, tmp_path: Path, layout: str, left: float, right: float) -> None:
    """A tone in front on the left alone."""
    source = tmp_path / "sides.wav"
    tone_alone = f"sine=f=440:d=2:r=48000,aformat=sample_fmts=flt,pan={layout}|FL=c0"
    ffmpeg("-f", "lavfi", "-i", tone_alone, "-c:a", "pcm_s16le", str(source))
    made(source, tmp_path / "out", tools)
    peaks = [max(map(abs, channel[24_000:72_000])) for channel in samples(tmp_path / "out" / "audio.m4a")]
    assert [peak / 0.125 for peak in peaks] == pytest.approx([left, right], abs=0.05)


@pytest.mark.parametrize(
    ("name", "codec"),
    [("moving.gif", ()), ("moving.png", ("-f", "apng")), ("talk.au", ()), ("talk.wv", ())],
)
def test_what_people_have_besides(tools: Tools, tmp_path: Path, name: str, codec: tuple[str, ...]) -> None:
    source = tmp_path / name
    ffmpeg(*(pattern(rate="10") if name.startswith("moving") else tone()), *codec, str(source))
    result = made(source, tmp_path / "out", tools)
    assert result.warnings == ()
    assert result.is_video == name.startswith("moving")
    assert result.duration_s == pytest.approx(2, abs=0.15)


def test_a_single_picture_is_refused_as_one(tools: Tools, tmp_path: Path) -> None:
    ffmpeg(*pattern(), "-frames:v", "1", str(tmp_path / "still.gif"))
    with pytest.raises(BadSource) as refused:
        made(tmp_path / "still.gif", tmp_path / "out", tools)
    assert refused.value.code == "source-still"


@pytest.mark.parametrize(
    ("name", "codec", "behind"),
    [
        ("hole.webm", ("-c:v", "libvpx-vp9", "-pix_fmt", "yuva420p", "-b:v", "2M"), 0),
        ("hole_8.webm", ("-c:v", "libvpx", "-pix_fmt", "yuva420p", "-auto-alt-ref", "0", "-b:v", "2M"), 0),
        ("hole.mov", ("-c:v", "prores_ks", "-profile:v", "4444", "-pix_fmt", "yuva444p10le"), 0),
        ("hole.mkv", ("-c:v", "ffv1", "-pix_fmt", "bgra"), 0),
        ("hole.png", ("-f", "apng", "-pix_fmt", "rgba"), 255),
        ("hole.gif", (), 255),
    ],
)
def test_what_was_hidden_stays_hidden(
    tools: Tools, tmp_path: Path, name: str, codec: tuple[str, ...], behind: int
) -> None:
    """Green on the left; red on the right, but transparent."""
    source, folder = tmp_path / name, tmp_path / "out"
    half = "geq=r='255*gte(X,160)':g='180*lt(X,160)':b=0:a='255*lt(X,160)'"
    if name.endswith("gif"):
        half += ",split[a][b];[a]palettegen=reserve_transparent=1[p];[b][p]paletteuse"
    moving = f"color=black:s=320x180:r=10:d=1,format=rgba,{half}"
    ffmpeg("-f", "lavfi", "-i", moving, *codec, str(source))
    made(source, folder, tools, replace(PLAN, renditions=(replace(LOW, crf=8),)))
    path = folder / "90p.mp4"
    assert (
        far([shown(path, at=(0.2, 0.5))[0], shown(path, at=(0.8, 0.5))[0]], [(0, 180, 0), (behind,) * 3], near=5) == []
    )


@pytest.mark.parametrize(
    ("language", "encoding", "words", "told"),
    [("fre", "latin-1", "Où êtes-vous ?", "Windows-1252"), ("rus", "cp1251", "Где вы?", "Windows-1251")],
)
def test_a_cue_in_another_encoding_is_read(
    tools: Tools, tmp_path: Path, language: str, encoding: str, words: str, told: str
) -> None:
    """ffmpeg itself refuses to write such a file: the text is exchanged in the finished one, for as many bytes."""
    text, source, folder = tmp_path / "text.srt", tmp_path / "talk.mkv", tmp_path / "out"
    stand_in = "#" * len(words.encode(encoding))
    text.write_text(f"1\n00:00:00,200 --> 00:00:01,000\n{stand_in}\n\n2\n00:00:01,200 --> 00:00:01,800\nÇa va\n")
    tracks = ("-map", "0", "-map", "1", "-metadata:s:1", f"language={language}", "-c:s", "srt")
    ffmpeg(*pattern("160x90"), "-i", str(text), *tracks, *H264, str(source))
    source.write_bytes(source.read_bytes().replace(stand_in.encode(), words.encode(encoding)))
    result = made(source, folder, tools, replace(PLAN, with_extras=True))
    (captions,) = folder.glob("captions_*.vtt")
    assert words in captions.read_text()
    assert "Ça va" in captions.read_text()
    assert [(one.code, one.facts) for one in result.warnings] == [("warning-encoding", {"encoding": told})]


@pytest.mark.parametrize("encoding", ["utf-16-be", "utf-16-le"])
def test_words_in_utf_16_are_read(tools: Tools, tmp_path: Path, encoding: str) -> None:
    """The text of MP4 may be in it, behind a mark; ffmpeg ends such words at their first byte of zero."""
    words = "Où êtes-vous ?\n\n<b>Là</b>"
    text, source, folder = tmp_path / "text.srt", tmp_path / "talk.mp4", tmp_path / "out"
    marked = f"\ufeff{words}".encode(encoding)
    stand_in = "#" * len(marked)
    text.write_text(f"1\n00:00:00,200 --> 00:00:01,000\n{stand_in}\n\n2\n00:00:01,200 --> 00:00:01,800\nÇa va\n")
    ffmpeg(*pattern("160x90"), "-i", str(text), "-map", "0", "-map", "1", "-c:s", "mov_text", *H264, str(source))
    source.write_bytes(source.read_bytes().replace(stand_in.encode(), marked))
    result = made(source, folder, tools, replace(PLAN, with_extras=True))
    assert codes(result) == []
    read = (folder / "captions_und.vtt").read_text()
    assert "00:00:00.200 --> 00:00:01.000\nOù êtes-vous ?\n<b>Là</b>\n" in read
    assert "Ça va" in read
