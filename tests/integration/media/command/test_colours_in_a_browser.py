"""Chromium shows the colours of the source on a canvas: from a download, and from the stream by hls.js at each size.

What sources say of their colours, their sizes, a watermark and both builds of ffmpeg make 160 cases. An ordinary run takes
so many of them that every two properties meet in one; POD_JOBS_TEST_EVERY_BUILD takes all.
"""

import os
import re
from collections.abc import Iterator
from dataclasses import astuple, dataclass, replace
from itertools import combinations, product
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, Route

from pod_jobs.media.encode import encode
from pod_jobs.media.planning.dressing import Dressing, Watermark
from pod_jobs.media.process.tools import Tools
from tests.acceptance.browser import ARGUMENTS, CHROMIUM
from tests.clips import REPOSITORY, ffmpeg
from tests.colours import PATCHES, Colour, far, from_2020, from_hdr, make, stripes
from tests.integration.media.command.test_colours import DEEP, H264, HD, PLAN, SD, SMALL
from tests.integration.media.conftest import BUILDS

HLS = REPOSITORY / "node_modules" / "hls.js" / "dist" / "hls.light.min.js"
SITE = "http://colours.test/"
# Without a graphics card Chromium reckons by a table that knows no blue of BT.709 beyond 182. ANGLE's software is exact
EXACT = [one for one in ARGUMENTS if one != "--disable-gpu"]
EXACT += [
    "--no-sandbox",
    "--use-gl=angle",
    "--use-angle=swiftshader",
    "--enable-unsafe-swiftshader",
    "--ignore-gpu-blocklist",
]
LOOK = """([addresses, places]) => Promise.all(addresses.map(async address => {
  const video = document.createElement("video"), player = address.endsWith(".m3u8") ? new Hls() : null;
  video.width = 16;  // drawn small, what it shows costs little
  document.body.append(video);  // a video in no page that waits for its next frame may be collected as garbage
  video.muted = video.autoplay = video.loop = true;  // while it is paused, a frame that was missed never comes again
  if (player) {
    player.loadSource(address);
    player.attachMedia(video);
  } else video.src = address;
  await new Promise(done => {
    const look = (_, frame) => frame.mediaTime > 0.05 ? done() : video.requestVideoFrameCallback(look);
    video.requestVideoFrameCallback(look);
  });
  const canvas = document.createElement("canvas"), drawing = canvas.getContext("2d");
  canvas.width = video.videoWidth;
  canvas.height = video.videoHeight;
  drawing.drawImage(video, 0, 0);
  player?.destroy();
  video.remove();
  const {data, width, height} = drawing.getImageData(0, 0, canvas.width, canvas.height);
  const pixel = ([x, y]) => 4 * (Math.floor(x * width) + Math.floor(y * height) * width);
  return places.map(place => [...data.subarray(pixel(place), pixel(place) + 3)]);
}))"""
PLACES = [((n + 0.5) / len(PATCHES), 0.5) for n in range(len(PATCHES))]
MARK, MARKED_PLACE = (150, 203, 46), (0.88, 0.85)
# What a source is, what it says of that, and what it says if it says as little as its colours can be known by
SAID = {
    "rgb": ("color_primaries=bt709:color_trc=bt709", ""),
    "bt601": ("color_primaries=smpte170m:color_trc=smpte170m:colorspace=smpte170m", ""),
    "bt709": ("color_primaries=bt709:color_trc=bt709:colorspace=bt709", ""),
    "bt2020": ("color_primaries=bt2020:color_trc=bt2020-10:colorspace=bt2020nc", "colorspace=bt2020nc"),
    "pq": ("color_primaries=bt2020:color_trc=smpte2084:colorspace=bt2020nc", "color_trc=smpte2084"),
    "hlg": ("color_primaries=bt2020:color_trc=arib-std-b67:colorspace=bt2020nc", "color_trc=arib-std-b67"),
}


@dataclass(frozen=True)
class Case:
    kind: str
    full_range: bool
    tagged: bool
    size: tuple[int, int]
    marked: bool
    build: str

    @property
    def name(self) -> str:
        span, said = "full" if self.full_range else "limited", "tagged" if self.tagged else "untagged"
        return f"{self.kind}-{span}-{said}-{self.size[1]}p"

    @property
    def truth(self) -> list[Colour]:
        if self.kind in ("pq", "hlg"):
            return [from_hdr(colour, self.kind) for colour in PATCHES]
        return [from_2020(colour) for colour in PATCHES] if self.kind == "bt2020" else [*PATCHES]

    def made(self, folder: Path) -> Path:
        """The source, written to `folder` unless it is there already."""
        said = SAID[self.kind][0 if self.tagged else 1]
        path = folder / f"{self.name}.{'mkv' if self.kind == 'rgb' else 'mp4'}"
        if path.exists():
            return path
        if self.kind == "rgb":
            filters = ("-vf", f"format=bgr0{f',setparams={said}' if said else ''}")
            ffmpeg(*stripes(self.size), *filters, "-c:v", "ffv1", str(path))
            return path
        ranges = f"range={'pc' if self.full_range else 'tv'}" if self.tagged or self.full_range else ""
        matrix, codec = (self.kind, H264) if self.kind in ("bt601", "bt709") else ("bt2020", DEEP)
        make(path, self.size, matrix, ":".join(filter(None, (ranges, said))), *codec, full_range=self.full_range)
        return path


def possible(case: Case) -> bool:
    """RGB has the full range, and a source that says nothing has the matrix that players assume at its size."""
    if case.kind == "rgb":
        return case.full_range
    return case.tagged or case.size != {"bt601": HD, "bt709": SD}.get(case.kind)


def pairwise(cases: list[Case]) -> list[Case]:
    """Few of `cases` in which every two properties meet that meet in any of them."""
    met = {case: set(combinations(enumerate(astuple(case)), 2)) for case in cases}
    left, chosen = set().union(*met.values()), []
    while left:
        chosen.append(max(cases, key=lambda case: len(met[case] & left)))
        left -= met[chosen[-1]]
    return chosen


EVERY = [
    case
    for case in (Case(*one) for one in product(SAID, (False, True), (True, False), (SD, HD), (False, True), BUILDS))
    if possible(case)
]
CASES = EVERY if os.environ.get("POD_JOBS_TEST_EVERY_BUILD") else pairwise(EVERY)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder whose files the page can load."""
    return tmp_path_factory.mktemp("site")


@pytest.fixture(scope="module")
def page(chromium: Browser, site: Path) -> Iterator[Page]:
    browser = chromium.browser_type.launch(executable_path=str(CHROMIUM), args=EXACT)
    try:
        page = browser.new_page()
        page.route(f"{SITE}**", lambda route: answer(route, site))
        page.goto(SITE)
        page.add_script_tag(path=HLS)
        yield page
    finally:
        browser.close()


def answer(route: Route, site: Path) -> None:
    """The files of the site, whole or in ranges."""
    name = route.request.url.removeprefix(SITE)
    if not name:
        route.fulfill(body="<!doctype html>", content_type="text/html")
        return
    data = (site / name).read_bytes()
    asked = re.fullmatch(r"bytes=(\d+)-(\d*)", route.request.headers.get("range", ""))
    first, last = (int(asked[1]), int(asked[2] or len(data) - 1)) if asked else (0, len(data) - 1)
    content_type = {"mp4": "video/mp4", "m3u8": "application/vnd.apple.mpegurl"}.get(name.rpartition(".")[2])
    headers = {"Content-Range": f"bytes {first}-{last}/{len(data)}", "Accept-Ranges": "bytes"}
    headers["Content-Type"] = content_type or "application/octet-stream"
    route.fulfill(status=206 if asked else 200, body=data[first : last + 1], headers=headers)


@pytest.fixture(scope="module")
def mark(site: Path) -> Path:
    path = site / "mark.png"
    ffmpeg("-f", "lavfi", "-i", f"color=0x{bytes(MARK).hex()}:s=64x64:d=1", "-frames:v", "1", str(path))
    return path


@pytest.mark.parametrize(
    ("tools", "case"),
    [(case.build, case) for case in CASES],
    ids=[f"{case.name}{'-marked' * case.marked}-{case.build}" for case in CASES],
    indirect=["tools"],
)
def test_on_a_canvas(page: Page, site: Path, mark: Path, tmp_path: Path, tools: Tools, case: Case) -> None:
    dressing = (
        Dressing(watermark=Watermark(mark, "bottom-right", opacity=1.0, width=0.2)) if case.marked else Dressing()
    )
    plan = replace(PLAN, renditions=(replace(SMALL, name="360p", height_px=360), PLAN.renditions[1]), dressing=dressing)
    folder = site / tmp_path.name
    folder.mkdir()
    result = encode(case.made(site), folder, plan, tools, lambda progress: None)
    assert result.warnings == ()
    names = sorted(path.name for path in folder.iterdir() if path.suffix in (".mp4", ".m3u8"))
    assert len(names) == (5 if case.size == HD else 3)
    places, truth = (PLACES, case.truth) if not case.marked else ([*PLACES, MARKED_PLACE], [*case.truth, MARK])
    looked = page.evaluate(LOOK, [[f"{SITE}{folder.name}/{name}" for name in names], places])
    wrong = {name: far([tuple(colour) for colour in seen], truth) for name, seen in zip(names, looked, strict=True)}
    assert {name: colours for name, colours in wrong.items() if colours} == {}
