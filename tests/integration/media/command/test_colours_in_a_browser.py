"""Chromium shows the colours of the source on a canvas: from a download, and from the stream by hls.js at each size."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, Route

from pod_jobs.media.encode import encode
from pod_jobs.media.process.tools import Tools
from tests.acceptance.browser import ARGUMENTS, CHROMIUM
from tests.clips import REPOSITORY, ffmpeg
from tests.colours import PATCHES, Colour, far, make, stripes
from tests.integration.media.command.test_colours import CASES, PLAN, WIDE

pytestmark = pytest.mark.either_build

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
LOOK = """async ([address, count]) => {
  const video = document.createElement("video"), seen = name => new Promise(done => video["on" + name] = done);
  video.muted = true;
  const loaded = seen("loadeddata");
  if (address.endsWith(".m3u8")) {
    const player = new Hls();
    player.loadSource(address);
    player.attachMedia(video);
  } else video.src = address;
  await loaded;
  const shown = new Promise(done => {  // "seeked" may come before the frame that can be drawn
    const look = (_, frame) => frame.mediaTime > 0.05 ? done() : video.requestVideoFrameCallback(look);
    video.requestVideoFrameCallback(look);
  });
  video.currentTime = 0.15;
  await shown;
  const canvas = document.createElement("canvas"), drawing = canvas.getContext("2d");
  canvas.width = video.videoWidth;
  canvas.height = video.videoHeight;
  drawing.drawImage(video, 0, 0);
  const places = [...Array(count).keys()].map(n => [(n + 0.5) / count * canvas.width, canvas.height / 2]);
  return places.map(([x, y]) => [...drawing.getImageData(x, y, 1, 1).data].slice(0, 3));
}"""


@pytest.fixture(scope="module")
def page(chromium: Browser) -> Iterator[Page]:
    browser = chromium.browser_type.launch(executable_path=str(CHROMIUM), args=EXACT)
    try:
        yield browser.new_page()
    finally:
        browser.close()


def serve(page: Page, folder: Path) -> None:
    """The files of `folder`, whole or in ranges, on a site of their own."""

    def answer(route: Route) -> None:
        name = route.request.url.removeprefix(SITE)
        if not name:
            route.fulfill(body="<!doctype html>", content_type="text/html")
            return
        data = (folder / name).read_bytes()
        asked = re.fullmatch(r"bytes=(\d+)-(\d*)", route.request.headers.get("range", ""))
        first, last = (int(asked[1]), int(asked[2] or len(data) - 1)) if asked else (0, len(data) - 1)
        content_type = {"mp4": "video/mp4", "m3u8": "application/vnd.apple.mpegurl"}.get(name.rpartition(".")[2])
        headers = {"Content-Range": f"bytes {first}-{last}/{len(data)}", "Accept-Ranges": "bytes"}
        headers["Content-Type"] = content_type or "application/octet-stream"
        route.fulfill(status=206 if asked else 200, body=data[first : last + 1], headers=headers)

    page.unroute_all()
    page.route(f"{SITE}**", answer)
    page.goto(SITE)
    page.add_script_tag(path=HLS)


@pytest.mark.parametrize(
    ("name", "truth"),
    [("rgb.mov", PATCHES), ("hd_untagged.mp4", PATCHES), ("sd_untagged.avi", PATCHES), ("sd_2020.webm", WIDE)],
)
def test_on_a_canvas(page: Page, tmp_path: Path, tools: Tools, name: str, truth: tuple[Colour, ...]) -> None:
    source, folder = tmp_path / name, tmp_path / "out"
    case = next((case for case in CASES if case.name == name), None)
    if case:
        make(source, case.size, case.matrix, case.said, *case.codec)
    else:
        ffmpeg(*stripes((1280, 720)), "-c:v", "qtrle", "-pix_fmt", "rgb24", str(source))
    folder.mkdir()
    encode(source, folder, PLAN, tools, lambda progress: None)
    serve(page, folder)
    names = sorted(path.name for path in folder.iterdir() if path.suffix in (".mp4", ".m3u8"))
    assert len(names) in (3, 5)
    for one in names:
        seen = [tuple(colour) for colour in page.evaluate(LOOK, [SITE + one, len(truth)])]
        assert far(seen, truth) == [], one
