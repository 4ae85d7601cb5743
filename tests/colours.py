"""Eight patches of known colours as a video, and the colours that a video of ours shows, reckoned by H.273's formulas."""

import math
from collections.abc import Sequence
from pathlib import Path

import av

from tests.clips import ffmpeg

Colour = tuple[int, int, int]
PATCHES: tuple[Colour, ...] = (
    *((255, 255, 255), (128, 128, 128), (48, 48, 48), (174, 0, 0)),
    *((150, 203, 46), (0, 0, 192), (0, 180, 180), (192, 128, 64)),
)
NEAR = 3  # levels
LIMITED = 1  # libavutil's count of ranges
# matrix of H.273: what a unit of the second and third number is worth in red, green (twice) and blue
WORTH = {1: (1.5748, 0.1873, 0.4681, 1.8556), 5: (1.402, 0.3441, 0.7141, 1.772), 6: (1.402, 0.3441, 0.7141, 1.772)}
FROM_2020 = (
    (1.6605, -0.5876, -0.0728),
    (-0.1246, 1.1329, -0.0083),
    (-0.0182, -0.1006, 1.1187),
)  # linear light, ITU-R BT.2407


def stripes(size: tuple[int, int], seconds: float = 0.4) -> tuple[str, ...]:
    """ffmpeg's input: the patches side by side, in RGB."""
    width, height = size
    boxes = [
        f"drawbox={n * width // 8}:0:{width // 8 + 1}:{height}:0x{bytes(colour).hex()}:fill"
        for n, colour in enumerate(PATCHES)
    ]
    return ("-f", "lavfi", "-i", f"color=black:s={width}x{height}:r=10:d={seconds},format=gbrp,{','.join(boxes)}")


def make(
    path: Path,
    size: tuple[int, int],
    matrix: str,
    said: str,
    *codec: str,
    full_range: bool = False,
    seconds: float = 0.4,
) -> None:
    """The patches in YUV of `matrix`, with what is `said` of them: options of the filter setparams, "" for nothing."""
    unsaid = "range=unknown:color_primaries=unknown:color_trc=unknown:colorspace=unknown"
    span = "pc" if full_range else "tv"
    pix_fmt = codec[codec.index("-pix_fmt") + 1] if "-pix_fmt" in codec else "yuv420p"
    exact = "flags=accurate_rnd+full_chroma_inp+full_chroma_int"
    filters = f"scale=out_color_matrix={matrix}:out_range={span}:{exact},format={pix_fmt},setparams={unsaid}"
    filters += f",setparams={said}" if said else ""
    ffmpeg(*stripes(size, seconds), "-vf", filters, *codec, str(path))


def shown(path: Path, frame_number: int = 1, at: tuple[float, float] | None = None) -> list[Colour]:
    """The middles of the patches as a player shows them that does as the file says; and it has to say all of it.
    `at`: a place instead, as shares of width and height."""
    with av.open(str(path)) as container:
        frame = [frame for _, frame in zip(range(frame_number + 1), container.decode(video=0), strict=False)][-1]
    said = tuple(map(int, (frame.color_primaries, frame.color_trc, frame.color_range)))
    assert said == (1, 1, LIMITED), (path.name, said)
    worth = WORTH[int(frame.colorspace)]
    planes = [(bytes(plane), plane.line_size) for plane in frame.planes]
    shares = [at] if at else [((n + 0.5) / len(PATCHES), 0.5) for n in range(len(PATCHES))]
    places = [(int(x * frame.width), int(y * frame.height)) for x, y in shares]
    return [_rgb(worth, *(_sample(planes[k], x >> (k > 0), y >> (k > 0)) for k in range(3))) for x, y in places]


def _sample(plane: tuple[bytes, int], x: int, y: int) -> int:
    return plane[0][y * plane[1] + x]


def _rgb(worth: tuple[float, float, float, float], luma: int, blue: int, red: int) -> Colour:
    grey, b, r = (luma - 16) * 255 / 219, (blue - 128) * 255 / 224, (red - 128) * 255 / 224
    levels = (grey + worth[0] * r, grey - worth[1] * b - worth[2] * r, grey + worth[3] * b)
    first, second, third = (min(255, max(0, round(level))) for level in levels)
    return first, second, third


def far(seen: Sequence[Colour], truth: Sequence[Colour], near: int = NEAR) -> list[tuple[Colour, Colour]]:
    """(seen, truth) of the patches that are further off than `near` levels in any of red, green, blue."""
    pairs = list(zip(seen, truth, strict=True))
    return [(is_, was) for is_, was in pairs if any(abs(a - b) > near for a, b in zip(is_, was, strict=True))]


def from_2020(colour: Colour) -> Colour:
    """A colour of BT.2020 as a screen of BT.709 shows it."""
    linear = [_linear(level) for level in colour]
    red, green, blue = (_coded(sum(k * one for k, one in zip(row, linear, strict=True))) for row in FROM_2020)
    return red, green, blue


def _linear(level: int) -> float:
    share = level / 255
    return share / 12.92 if share <= 0.04045 else float(((share + 0.055) / 1.055) ** 2.4)


def _coded(light: float) -> int:
    light = min(1.0, max(0.0, light))
    return round(255 * (light * 12.92 if light <= 0.0031308 else 1.055 * light ** (1 / 2.4) - 0.055))


def from_hdr(colour: Colour, transfer: str) -> Colour:
    """A colour of PQ or HLG (ITU-R BT.2100) as SDR: brightness in units of 100 cd/m2, BT.709's primaries, the tone curve of
    Hable for a screen of 1000 cd/m2, the curve of BT.1886. HLG's own gamma counts for each of red, green and blue by itself, as
    zimg does it unless it may take four times as long: saturated colours become more so."""
    coded = [level / 255 for level in colour]
    light = [_pq_light(share) for share in coded] if transfer == "pq" else _hlg_light(coded)
    narrow = [sum(k * one for k, one in zip(row, light, strict=True)) for row in FROM_2020]
    most = max(*narrow, 1e-6)
    scale = _hable(most) / _hable(10.0) / most
    red, green, blue = (round(255 * min(1.0, max(0.0, one * scale)) ** (1 / 2.4)) for one in narrow)
    return red, green, blue


def _pq_light(share: float) -> float:
    m1, m2, c1, c2, c3 = 2610 / 16384, 2523 / 32, 3424 / 4096, 2413 / 128, 2392 / 128
    power = share ** (1 / m2)
    return float(100 * (max(power - c1, 0.0) / (c2 - c3 * power)) ** (1 / m1))


def _hlg_light(coded: Sequence[float]) -> list[float]:
    a, b, c = 0.17883277, 0.28466892, 0.55991073
    scene = [one * one / 3 if one <= 0.5 else (math.exp((one - c) / a) + b) / 12 for one in coded]
    return [10 * one**1.2 for one in scene]


def _hable(light: float) -> float:
    return (light * (light * 0.15 + 0.05) + 0.004) / (light * (light * 0.15 + 0.5) + 0.06) - 0.02 / 0.3
