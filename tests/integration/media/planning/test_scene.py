"""Dressing and studio, in the one pass: what is seen where and when, what is heard, and what is refused."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import av
import pytest

from pod_jobs.errors import BadSource
from pod_jobs.media.command import hardware
from pod_jobs.media.encode import EncodePlan, encode
from pod_jobs.media.planning.codecs import LIBX264
from pod_jobs.media.planning.dressing import Dressing, Studio, Watermark
from pod_jobs.media.planning.ladder import Rendition
from pod_jobs.media.planning.plan import Encoded
from pod_jobs.media.process.tools import Tools
from tests.clips import AAC, H264, Clips, ffmpeg, pattern
from tests.unit.media.samples import LIMITS

pytestmark = pytest.mark.either_build

LOW = Rendition("180p", 180, crf=20, preset="ultrafast", maxrate_kbps=2000, audio_kbps=64, mp4=True)
HIGH = replace(LOW, name="360p", height_px=360)
PLAN = EncodePlan((LOW, HIGH), mp3_kbps=64, copy_top=True, limits=LIMITS)
COLOURS = {
    "black": (0, 0, 0),
    "white": (255, 255, 255),
    "red": (255, 0, 0),
    "lime": (0, 255, 0),
    "blue": (0, 0, 255),
    "yellow": (255, 255, 0),
    "fuchsia": (255, 0, 255),
}


class Shelf:
    """Simple clips in a folder, each of one colour, with a tone or silent."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir()

    def clip(self, colour: str, size: str = "640x360", seconds: float = 2, tone: bool = True, rate: str = "25") -> Path:
        path = self.folder / f"{colour}-{size}-{seconds}-{tone}-{rate.replace('/', '_')}.mp4"
        if not path.exists():
            sound = ("-f", "lavfi", "-i", f"sine=f=500:d={seconds}:r=44100") if tone else ()
            ffmpeg("-f", "lavfi", "-i", f"color={colour}:s={size}:r={rate}:d={seconds}", *sound, *H264, *AAC, str(path))
        return path

    def spoilt(self, name: str, *encoder: str, every: int) -> Path:
        """A small moving picture of 4 s, with a wrong byte in so many from its first third on."""
        path = self.folder / name
        if not path.exists():
            ffmpeg(*pattern("320x180", seconds=4), *encoder, str(path))
            raw = bytearray(path.read_bytes())
            for at in range(len(raw) // 3, len(raw) * 95 // 100, every):
                raw[at] ^= 0x55
            path.write_bytes(raw)
        return path

    def picture(self, name: str, colour: str = "red", size: str = "200x100") -> Path:
        path = self.folder / name
        ffmpeg("-f", "lavfi", "-i", f"color={colour}:s={size}:d=1", "-frames:v", "1", str(path))
        return path


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Shelf:
    return Shelf(tmp_path_factory.mktemp("scene") / "shelf")


@pytest.fixture
def made(tools: Tools, tmp_path: Path) -> "Studioed":
    return Studioed(tools, tmp_path)


class Studioed:
    """Runs an encoding and looks at its download."""

    def __init__(self, tools: Tools, folder: Path) -> None:
        self.tools, self.folder = tools, folder
        self.passes = 0

    def __call__(self, source: Path, plan: EncodePlan = PLAN, **more: Any) -> Encoded:
        shares: list[float] = []
        plan = replace(plan, **more)
        encoded = encode(source, self.folder, plan, self.tools, lambda progress: shares.append(progress.fraction))
        assert shares == sorted(shares)
        assert sum("libx264" in command for command in encoded.commands) == 1
        return encoded

    def seen(self, at_s: float, x: float, y: float, name: str = "360p") -> str:
        """The colour at a moment and a place, in shares of width and height."""
        with av.open(str(self.folder / f"{name}.mp4")) as container:
            frame = next(frame for frame in container.decode(video=0) if frame.time >= at_s - 0.001)
        image = frame.to_image()
        pixel = image.getpixel((int(x * (image.width - 1)), int(y * (image.height - 1))))
        return min(COLOURS, key=lambda colour: sum(abs(a - b) for a, b in zip(COLOURS[colour], pixel, strict=True)))

    def size(self, name: str = "360p") -> tuple[int, int]:
        with av.open(str(self.folder / f"{name}.mp4")) as container:
            return container.streams.video[0].width, container.streams.video[0].height

    def heard(self) -> list[tuple[float, float]]:
        """From when to when there is sound, in tenths of a second."""
        with av.open(str(self.folder / "180p.mp4")) as container:
            times = [frame.time for frame in container.decode(audio=0) if _is_loud(frame)]
        spans: list[tuple[float, float]] = []
        for time in times:
            if spans and time - spans[-1][1] < 0.15:
                spans[-1] = (spans[-1][0], time)
            else:
                spans.append((time, time))
        return [(round(start, 1), round(end, 1)) for start, end in spans]


def _is_loud(frame: av.AudioFrame) -> bool:
    return max(map(abs, memoryview(bytes(frame.planes[0])).cast("f")[: frame.samples])) > 0.03


def about(*spans: tuple[float, float]) -> list[object]:
    return [pytest.approx(span, abs=0.15) for span in spans]


def test_credits_go_before_and_after_whatever_their_size_and_sound(made: Studioed, shelf: Shelf) -> None:
    opening = shelf.clip("lime", "300x300", 1.0, tone=False, rate="30000/1001")
    ending = shelf.clip("yellow", "1280x200", 1.4, rate="12")
    dressing = Dressing(opening=opening, ending=ending)
    encoded = made(shelf.clip("blue"), dressing=dressing)
    assert encoded.warnings == () and encoded.duration_s == pytest.approx(4.4, abs=0.12)
    assert [made.seen(at_s, 0.5, 0.5) for at_s in (0.04, 0.9, 1.1, 2.9, 3.1, 4.2)] == [
        "lime", "lime", "blue", "blue", "yellow", "yellow",
    ]  # fmt: skip
    assert made.size() == (640, 360) and made.size("180p") == (320, 180)
    assert [made.seen(0.5, x, 0.5) for x in (0.02, 0.2, 0.3, 0.7, 0.8, 0.98)] == [
        "black", "black", "lime", "lime", "black", "black",
    ]  # fmt: skip
    assert [made.seen(3.8, 0.5, y) for y in (0.1, 0.5, 0.9)] == ["black", "yellow", "black"]
    assert made.heard() == about((1.0, 4.3))


def test_a_silent_recording_between_credits_with_sound(made: Studioed, shelf: Shelf) -> None:
    credits_ = shelf.clip("lime", seconds=1)
    encoded = made(shelf.clip("blue", tone=False), dressing=Dressing(opening=credits_, ending=credits_))
    assert encoded.duration_s == pytest.approx(4.0, abs=0.12)
    assert made.heard() == about((0.0, 1.0), (3.0, 3.9))


def test_nothing_has_sound(made: Studioed, shelf: Shelf) -> None:
    silent = shelf.clip("lime", tone=False)
    made(shelf.clip("blue", tone=False), dressing=Dressing(opening=silent))
    assert not (made.folder / "audio.m3u8").exists()
    assert made.seen(1.5, 0.5, 0.5) == "lime" and made.seen(2.5, 0.5, 0.5) == "blue"


@pytest.mark.parametrize(("corner", "x", "y"), [("top-left", 0, 0), ("bottom-right", 1, 1)])
def test_the_watermark_is_on_the_recording_alone(made: Studioed, shelf: Shelf, corner: str, x: int, y: int) -> None:
    mark = Watermark(shelf.picture(f"{corner}.png"), corner, opacity=1.0, width=0.25)
    keep = ((0.0, 0.6), (1.2, 2.0))
    dressing = Dressing(mark, opening=shelf.clip("lime", seconds=0.4))
    made(shelf.clip("blue"), dressing=dressing, keep=keep)
    inside = (0.05 + 0.9 * x, 0.08 + 0.84 * y)  # a quarter of the width, half as high, a fiftieth from the edges
    assert made.seen(0.2, *inside) == "lime"
    assert [made.seen(at_s, *inside) for at_s in (0.5, 0.9, 1.1, 1.6)] == ["red"] * 4
    assert made.seen(1.0, 0.01 + 0.98 * x, 0.01 + 0.98 * y) == "blue"
    assert made.seen(1.0, 0.32 + 0.36 * x, 0.12 + 0.76 * y) == "blue"
    assert made.seen(1.0, 0.12 + 0.76 * x, 0.35 + 0.3 * y) == "blue"


def test_a_watermark_lets_the_recording_through(made: Studioed, shelf: Shelf) -> None:
    made(shelf.clip("black"), dressing=Dressing(Watermark(shelf.picture("mark.jpg", "white"), opacity=0.5, width=0.3)))
    with av.open(str(made.folder / "360p.mp4")) as container:
        image = next(container.decode(video=0)).to_image().convert("L")
    assert image.getpixel((560, 40)) == pytest.approx(128, abs=12)
    assert image.getpixel((100, 300)) < 8


@pytest.mark.parametrize("size", ["4000x1", "1x4000"])
def test_a_watermark_that_is_a_line_stays_one(made: Studioed, shelf: Shelf, size: str) -> None:
    line = Watermark(shelf.picture("line.png", size=size), width=0.1)
    assert made(shelf.clip("blue", seconds=1), dressing=Dressing(line)).warnings == ()


def test_side_by_side_at_the_height_of_the_smaller_one(made: Studioed, shelf: Shelf) -> None:
    portrait = shelf.clip("red", "270x480", 2.0, tone=False, rate="30")
    encoded = made(shelf.clip("blue", seconds=1.5, rate="10"), studio=Studio(portrait))
    assert encoded.duration_s == pytest.approx(2.0, abs=0.12)
    width = 640 + 270 * 360 / 480
    assert made.size()[0] == pytest.approx(width, abs=2)
    assert made.size()[1] == 360
    places = [x / width for x in (5, 320, 630, 650, 800, width - 5)]
    for at_s in (0.1, 1.0, 1.8):  # the one that ends first keeps its last picture
        assert [made.seen(at_s, x, 0.5) for x in places] == ["blue"] * 3 + ["red"] * 3
    assert made.heard() == about((0.0, 1.5))
    with av.open(str(made.folder / "360p.mp4")) as container:
        assert container.streams.video[0].average_rate == 30


@pytest.mark.parametrize(("layout", "rate", "x", "y"), [("pip-top-right", "30", 1, 0), ("pip-bottom-left", "10", 0, 1)])
def test_a_picture_in_a_corner_of_the_picture(
    made: Studioed, shelf: Shelf, layout: str, rate: str, x: int, y: int
) -> None:
    made(shelf.clip("blue", rate=rate, tone=False), studio=Studio(shelf.clip("red", rate="25", seconds=1), layout))
    for at_s in (0.1, 1.7):
        assert made.seen(at_s, 0.06 + 0.88 * x, 0.12 + 0.76 * y) == "red"
        assert made.seen(at_s, 0.22 + 0.56 * x, 0.22 + 0.56 * y) == "red"
        assert made.seen(at_s, 0.3 + 0.4 * x, 0.15 + 0.7 * y) == "blue"
        assert made.seen(at_s, 0.15 + 0.7 * x, 0.32 + 0.36 * y) == "blue"
        assert made.seen(at_s, 0.004 + 0.99 * x, 0.01 + 0.98 * y) == "blue"
    assert made.heard() == about((0.0, 0.9))  # of the second one, for the first is silent


def test_everything_at_once(made: Studioed, shelf: Shelf) -> None:
    """Cut, studio, watermark and credits; the second recording ends before the last kept part begins."""
    dressing = Dressing(
        Watermark(shelf.picture("all.png", "yellow"), "top-left", 1.0), *[shelf.clip("lime", seconds=1)] * 2
    )
    studio = Studio(shelf.clip("red", "640x480", 1.0, tone=False), "pip-bottom-right")
    encoded = made(shelf.clip("blue", seconds=3), dressing=dressing, studio=studio, keep=((0.2, 0.8), (2.0, 3.0)))
    assert encoded.warnings == () and encoded.duration_s == pytest.approx(3.6, abs=0.15)
    inset = (0.9, 0.9)
    assert [made.seen(at_s, 0.5, 0.5) for at_s in (0.5, 1.3, 2.5, 3.0)] == ["lime", "blue", "blue", "lime"]
    assert [made.seen(at_s, *inset) for at_s in (0.5, 1.3, 2.3, 3.0)] == ["lime", "red", "blue", "lime"]
    assert [made.seen(at_s, 0.06, 0.06) for at_s in (0.5, 1.3, 2.3, 3.0)] == ["lime", "yellow", "yellow", "lime"]


def test_captions_chapters_and_sounds_move_behind_the_opening(made: Studioed, shelf: Shelf, clips: Clips) -> None:
    plan = replace(PLAN, keep=((0.0, 0.4), (1.1, 2.0)))
    made(clips.path("talk.mkv"), plan, dressing=Dressing(opening=shelf.clip("lime", seconds=1)))
    captions = (made.folder / "captions_fr.vtt").read_text()
    assert "Hello" not in captions and "00:00:01.5" in captions  # 1.2 s of the source
    assert "00:00:01.000 --> 00:00:01.400\nPart" in (made.folder / "chapters.vtt").read_text()
    assert (made.folder / "audio_2.m4s").exists()


def test_sources_of_every_sort_come_together(made: Studioed, shelf: Shelf, clips: Clips) -> None:
    """Turned, anamorphic, interlaced and HDR ones, with sizes that change."""
    dressing = Dressing(opening=clips.path("resized.ts"), ending=clips.path("anamorphic.mp4"))
    encoded = made(clips.path("portrait.mp4"), dressing=dressing, studio=Studio(clips.path("interlaced.ts")))
    assert encoded.duration_s == pytest.approx(
        4 + 2 + 2, abs=0.4
    )  # each part of resized.ts begins at the same time stamp


def test_hdr_beside_a_drawing(made: Studioed, clips: Clips) -> None:
    made(clips.path("corner.mp4"), studio=Studio(clips.path("hlg.mkv")))
    assert [made.seen(0.5, x, y, "180p") for x, y in ((0.1, 0.2), (0.4, 0.8), (0.6, 0.2), (0.9, 0.8))] == [
        "red", "blue", "red", "blue",
    ]  # fmt: skip


def test_levels_are_found_for_each_voice(made: Studioed, shelf: Shelf) -> None:
    made(shelf.clip("blue"), replace(PLAN, level_lufs=-30.0), dressing=Dressing(opening=shelf.clip("lime", seconds=1)))
    assert (made.folder / "encoding.log").read_text().count("-f null -") == 2


def test_sound_alone_is_not_dressed(made: Studioed, shelf: Shelf, clips: Clips) -> None:
    plan = replace(PLAN, dressing=Dressing(opening=shelf.clip("lime")))
    encoded = encode(clips.path("phone.wav"), made.folder, plan, made.tools, lambda progress: None)
    assert [remark.code for remark in encoded.warnings] == ["warning-not-dressed"]
    assert encoded.duration_s == pytest.approx(2, abs=0.1)


@pytest.mark.parametrize(
    ("what", "content", "cause"),
    [
        ("second", b"#EXTM3U\n#EXTINF:5,\nfile:///etc/passwd\n", "source-playlist"),
        ("second", b"\x00\x00\x00\x18ftypisom" + bytes(200), "source-unreadable"),
        ("second", "phone.wav", "source-no-picture"),
        ("opening", b"", "source-empty"),
        ("ending", None, "source-missing"),
    ],
)
def test_another_file_is_refused_with_its_sentence(
    made: Studioed, shelf: Shelf, clips: Clips, what: str, content: bytes | str | None, cause: str
) -> None:
    other = clips.path(content) if isinstance(content, str) else made.folder.with_name(f"other-{made.folder.name}")
    if isinstance(content, bytes):
        other.write_bytes(content)
    named: dict[str, Any] = {what: other}
    plan = replace(PLAN, studio=Studio(other)) if what == "second" else replace(PLAN, dressing=Dressing(**named))
    with pytest.raises(BadSource) as caught:
        made(shelf.clip("blue"), plan)
    assert (caught.value.code, caught.value.facts["cause"]) == (f"source-{what}", cause)
    assert "?" not in caught.value.sentence and caught.value.sentence.count(".") == 2


def test_all_together_may_last_no_longer_than_one_recording(made: Studioed, shelf: Shelf) -> None:
    plan = replace(PLAN, limits=replace(LIMITS, max_duration_s=3), dressing=Dressing(opening=shelf.clip("red")))
    with pytest.raises(BadSource) as caught:
        made(shelf.clip("blue"), plan)
    assert (caught.value.code, caught.value.reason) == ("source-too-long", "4 s")


def test_a_watermark_must_be_a_picture(made: Studioed, shelf: Shelf) -> None:
    whole = shelf.picture("whole.png").read_bytes()
    for name, content in (("a.png", b"GIF89a" + bytes(50)), ("b.png", whole[:40]), ("c.png", b"")):
        (shelf.folder / name).write_bytes(content)
    (shelf.folder / "d.png").unlink(missing_ok=True)
    (shelf.folder / "d.png").symlink_to(shelf.folder / "whole.png")
    for name in ("a.png", "b.png", "c.png", "d.png", "none.png"):
        with pytest.raises(BadSource) as caught:
            made(shelf.clip("blue"), dressing=Dressing(Watermark(shelf.folder / name)))
        assert caught.value.code == "source-watermark"
        made.folder.joinpath("encoding.log").unlink()


@pytest.mark.parametrize(
    ("name", "plan"),
    [
        ("second", lambda spoilt: replace(PLAN, studio=Studio(spoilt, "side"))),
        ("opening", lambda spoilt: replace(PLAN, dressing=Dressing(opening=spoilt))),
        ("ending", lambda spoilt: replace(PLAN, dressing=Dressing(ending=spoilt))),
    ],
)
def test_damage_is_told_of_the_file_that_has_it(
    made: Studioed, shelf: Shelf, name: str, plan: Callable[[Path], EncodePlan]
) -> None:
    spoilt = shelf.spoilt("spoilt.mp4", *H264, "-movflags", "+faststart", every=200)
    encoded = made(shelf.clip("red", "320x180", seconds=4), plan(spoilt))
    assert [(one.code, one.facts) for one in encoded.warnings] == [(f"warning-{name}", {"at": "0:01"})]


def test_what_two_passes_find_is_told_once(tools: Tools, tmp_path: Path, shelf: Shelf) -> None:
    """A card that stops in mid-picture, here played by x264; the processor meets the same damage."""
    card = replace(LIBX264, quality=lambda rung: {**LIBX264.quality(rung), "frames": "70"})
    spoilt = shelf.spoilt("again.mp4", *H264, "-movflags", "+faststart", every=200)
    plan = replace(PLAN, studio=Studio(spoilt, "side"))
    equipped = hardware.with_hardware(tools, card)
    encoded = encode(shelf.clip("red", seconds=4), tmp_path, plan, equipped, lambda progress: None)
    assert [one.code for one in encoded.warnings] == ["warning-second", "warning-hardware"]


def test_a_pass_that_fails_for_another_file_names_it(made: Studioed, shelf: Shelf) -> None:
    broken = shelf.spoilt("broken.avi", "-c:v", "mjpeg", every=40)
    try:
        recording = shelf.clip("red", "320x180", seconds=4)
        code = made(recording, replace(PLAN, studio=Studio(broken, "side"))).warnings[0].code
    except BadSource as error:  # ffmpeg 9 gives up where two thirds of a file's frames do not decode
        code = error.code
    assert code.endswith("-second")


def test_sound_alone_is_that_of_the_second_recording_where_the_first_is_silent(
    tools: Tools, tmp_path: Path, shelf: Shelf
) -> None:
    silent, speaking = shelf.clip("blue", tone=False), shelf.clip("red", seconds=1)
    plan = EncodePlan((), container="m4a", mp3_kbps=0, with_extras=False, studio=Studio(speaking), limits=LIMITS)
    encoded = encode(silent, tmp_path, replace(plan, keep=((0.4, 2.0),)), tools, lambda progress: None)
    assert [one.name for one in encoded.outputs] == ["audio.m4a", "encoding.log"]
    assert encoded.duration_s == pytest.approx(0.6, abs=0.1)
    with pytest.raises(BadSource) as caught:
        (tmp_path / "none").mkdir()
        encode(silent, tmp_path / "none", replace(plan, studio=Studio(silent)), tools, lambda progress: None)
    assert caught.value.code == "source-no-sound"
