"""A colour stays what it was: whatever the source says of it or leaves unsaid, at every size, in stream and download."""

from dataclasses import dataclass, replace
from pathlib import Path

import av
import pytest

from pod_jobs.media.encode import EncodePlan, encode
from pod_jobs.media.planning.dressing import Dressing, Watermark
from pod_jobs.media.planning.ladder import Rendition
from pod_jobs.media.process.tools import Tools
from tests.clips import ffmpeg
from tests.colours import PATCHES, Colour, far, from_2020, from_hdr, make, shown, stripes
from tests.unit.media.samples import LIMITS

pytestmark = pytest.mark.either_build

SMALL = Rendition("180p", 180, crf=4, preset="ultrafast", maxrate_kbps=9000, audio_kbps=64, mp4=True)
LARGE = Rendition("720p", 720, crf=4, preset="ultrafast", maxrate_kbps=90_000, audio_kbps=64, mp4=True)
PLAN = EncodePlan((SMALL, LARGE), mp3_kbps=0, copy_top=True, with_extras=False, limits=LIMITS)

H264 = ("-c:v", "libx264", "-qp", "4", "-preset", "ultrafast", "-g", "10")
VP9 = ("-c:v", "libvpx-vp9", "-crf", "4", "-b:v", "0", "-cpu-used", "8", "-deadline", "realtime")
DEEP = (*H264, "-pix_fmt", "yuv420p10le")
AV1 = ("-c:v", "libsvtav1", "-crf", "4", "-preset", "12", "-g", "10")
HD, SD = (1280, 720), (640, 360)
OF_709 = "range=tv:color_primaries=bt709:color_trc=bt709:colorspace=bt709"
OF_601 = "range=tv:color_primaries=smpte170m:color_trc=smpte170m:colorspace=smpte170m"
OF_PAL = "range=tv:color_primaries=bt470bg:color_trc=smpte170m:colorspace=bt470bg"
OF_2020 = "range=tv:color_primaries=bt2020:color_trc=bt2020-10:colorspace=bt2020nc"
WIDE = tuple(map(from_2020, PATCHES))


@dataclass(frozen=True)
class Case:
    name: str
    size: tuple[int, int]
    matrix: str
    said: str
    codec: tuple[str, ...] = H264
    full_range: bool = False
    truth: tuple[Colour, ...] = PATCHES


CASES = (
    Case("hd_709.mp4", HD, "bt709", OF_709),
    Case("hd_untagged.mp4", HD, "bt709", ""),
    Case("film_untagged.mp4", (1280, 544), "bt709", ""),
    Case("hd_601.mp4", HD, "bt601", OF_601),
    Case("hd_matrix_alone.mp4", HD, "bt601", "colorspace=smpte170m"),
    Case("hd_full.mp4", HD, "bt709", OF_709.replace("tv", "pc"), full_range=True),
    Case("hd_2020.mp4", HD, "bt2020", OF_2020, truth=WIDE),
    Case("sd_709.mp4", SD, "bt709", OF_709),
    Case("sd_untagged.mp4", SD, "bt601", ""),
    Case("sd_untagged.avi", SD, "bt601", "", ("-c:v", "mpeg4", "-q:v", "1")),
    Case("sd_601.mp4", SD, "bt601", OF_601),
    Case("sd_pal.mkv", (720, 576), "bt601", OF_PAL),
    Case("sd_full.mp4", SD, "bt601", OF_601.replace("tv", "pc"), full_range=True),
    Case(
        "sd_jpeg.mov", SD, "bt601", "range=pc", ("-c:v", "mjpeg", "-q:v", "1", "-pix_fmt", "yuvj420p"), full_range=True
    ),
    Case("sd_2020.webm", SD, "bt2020", "colorspace=bt2020nc", VP9, truth=WIDE),
    Case("deep_2020.mkv", SD, "bt2020", OF_2020, ("-c:v", "ffv1", "-pix_fmt", "yuv420p10le"), truth=WIDE),
    Case("packed.mov", SD, "bt601", OF_601, ("-c:v", "rawvideo", "-pix_fmt", "uyvy422")),
    Case("odd.webm", (641, 361), "bt601", "", ("-c:v", "libvpx", "-crf", "4", "-b:v", "9M", "-deadline", "realtime")),
    Case("odd.mp4", (1281, 719), "bt709", OF_709, (*H264, "-pix_fmt", "yuv444p")),
    Case("odd_422.mkv", (641, 360), "bt601", "", ("-c:v", "ffv1", "-pix_fmt", "yuv422p10le")),
    Case("odd_full.mkv", (641, 361), "bt601", "range=pc", ("-c:v", "ffv1"), full_range=True),
    Case("coarse.mkv", (644, 361), "bt601", "", ("-c:v", "ffv1", "-pix_fmt", "yuv411p")),
    Case("240m.mkv", HD, "smpte240m", "colorspace=smpte240m", ("-c:v", "ffv1")),
)


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("colours")


def check(source: Path, folder: Path, tools: Tools, truth: tuple[Colour, ...], plan: EncodePlan = PLAN) -> None:
    folder.mkdir()
    result = encode(source, folder, plan, tools, lambda progress: None)
    assert result.warnings == ()
    names = [name for name in ("180p", "720p") if (folder / f"{name}.mp4").exists()]
    assert names
    for name in names:
        for ending in ("mp4", "m4s"):
            assert far(shown(folder / f"{name}.{ending}"), truth) == [], f"{name}.{ending}"


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_colour_stays(made: Path, tmp_path: Path, tools: Tools, case: Case) -> None:
    source = made / case.name
    if not source.exists():
        make(source, case.size, case.matrix, case.said, *case.codec, full_range=case.full_range)
    check(source, tmp_path / "out", tools, case.truth)


@pytest.mark.parametrize(("transfer", "said"), [("pq", "smpte2084"), ("hlg", "arib-std-b67")])
def test_hdr(made: Path, tmp_path: Path, tools: Tools, transfer: str, said: str) -> None:
    source = made / f"{transfer}.mkv"
    if not source.exists():
        tags = f"range=tv:color_primaries=bt2020:color_trc={said}:colorspace=bt2020nc"
        make(source, SD, "bt2020", tags, "-c:v", "ffv1", "-pix_fmt", "yuv420p10le")
    check(source, tmp_path / "out", tools, tuple(from_hdr(colour, transfer) for colour in PATCHES))


@pytest.mark.parametrize("name", ["rgb.mov", "rgb.mkv", "deep_rgb.mkv", "pal.avi"])
def test_rgb_stays(made: Path, tmp_path: Path, tools: Tools, name: str) -> None:
    codec = {
        "rgb.mov": ("-c:v", "qtrle", "-pix_fmt", "rgb24"),
        "rgb.mkv": ("-c:v", "ffv1", "-pix_fmt", "bgr0"),
        "deep_rgb.mkv": ("-c:v", "ffv1", "-pix_fmt", "gbrp12le"),
        "pal.avi": ("-c:v", "rawvideo", "-pix_fmt", "bgra"),
    }[name]
    source = made / name
    if not source.exists():
        ffmpeg(*stripes(HD), *codec, str(source))
    check(source, tmp_path / "out", tools, PATCHES)


@pytest.mark.parametrize("pix_fmt", ["gray", "gray10le"])
@pytest.mark.parametrize("full_range", [False, True], ids=["limited", "full"])
def test_a_picture_of_greys_alone(tmp_path: Path, tools: Tools, pix_fmt: str, full_range: bool) -> None:
    """HEVC and AV1 have them too; ffmpeg 9 by itself takes all of them for full range."""
    source, span, planes = tmp_path / "grey.mkv", "pc" if full_range else "tv", pix_fmt.replace("gray", "yuv444p")
    greys = f"scale=out_color_matrix=bt709:out_range={span},format={planes},extractplanes=y,setparams=range={span}"
    ffmpeg(*stripes(HD), "-vf", greys, "-c:v", "ffv1", str(source))
    with av.open(str(source)) as container:
        line = next(container.decode(video=0)).to_ndarray()[360] / (4 if "10" in pix_fmt else 1)
    stored = [line[int((n + 0.5) / len(PATCHES) * 1280)] for n in range(len(PATCHES))]
    levels = [round(level if full_range else (level - 16) * 255 / 219) for level in stored]
    check(source, tmp_path / "out", tools, tuple((level, level, level) for level in levels))


@pytest.mark.parametrize("name", ["hd_untagged.mp4", "hd_full.mp4", "sd_untagged.avi", "sd_2020.webm", "odd.webm"])
def test_a_watermark_changes_no_colour_and_keeps_its_own(made: Path, tmp_path: Path, tools: Tools, name: str) -> None:
    case = next(case for case in CASES if case.name == name)
    source, mark = made / case.name, made / "mark.png"
    if not source.exists():
        make(source, case.size, case.matrix, case.said, *case.codec, full_range=case.full_range)
    ffmpeg("-f", "lavfi", "-i", "color=0x96cb2e:s=64x64:d=1", "-frames:v", "1", str(mark))
    dressing = Dressing(watermark=Watermark(mark, "bottom-right", opacity=1.0, width=0.2))
    folder = tmp_path / "out"
    check(source, folder, tools, case.truth, replace(PLAN, dressing=dressing))
    assert far([shown(folder / "180p.mp4", at=(0.88, 0.85))[0]], [(150, 203, 46)]) == []


TO_601 = (("bt709", OF_709, False), ("bt601", OF_601, False))
TO_709 = (("bt601", OF_601, False), ("bt709", OF_709, False))
TO_FULL = (("bt709", OF_709, False), ("bt709", OF_709.replace("tv", "pc"), True))


@pytest.mark.parametrize(
    ("ending", "codec", "halves"),
    [
        ("ts", H264, TO_601),
        ("ts", H264, TO_709),
        ("mp4", H264, TO_601),
        ("ts", DEEP, TO_FULL),  # the filter scale sees that by itself; of 8 bits the format has another name, too
        ("webm", VP9, TO_601),
        ("mp4", AV1, TO_709),
    ],
    ids=["to 601", "to 709", "to 601 in MP4", "to full range", "VP9 to 601", "AV1 to 709"],
)
def test_colours_that_are_said_anew_in_mid_stream(
    made: Path,
    tmp_path: Path,
    tools: Tools,
    ending: str,
    codec: tuple[str, ...],
    halves: tuple[tuple[str, str, bool], ...],
) -> None:
    parts = [tmp_path / f"{n}.{ending}" for n in range(len(halves))]
    for part, (matrix, said, full_range) in zip(parts, halves, strict=True):
        make(part, SD, matrix, said, *codec, full_range=full_range, seconds=1)
    source, folder = tmp_path / f"changing.{ending}", tmp_path / "out"
    listed = tmp_path / "parts.txt"
    listed.write_text("".join(f"file '{part}'\n" for part in parts))
    ffmpeg("-f", "concat", "-safe", "0", "-i", str(listed), "-c", "copy", str(source))
    folder.mkdir()
    result = encode(source, folder, PLAN, tools, lambda progress: None)
    assert result.duration_s == pytest.approx(2, abs=0.15)  # of ten frames a second
    for number in (1, 17):
        assert far(shown(folder / "180p.mp4", number), PATCHES) == [], f"frame {number}"
