"""Other versions on a video's page: ordering, following, downloading; and whether Chromium plays their codecs."""

from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from pod_jobs.media.encode import EncodePlan
from pod_jobs.media.planning.ladder import Rendition
from tests.acceptance.browser import sign_in, visitor
from tests.acceptance.site import Outputs, Site, StandIn
from tests.unit.media.samples import LIMITS


def small(container: str, codec: str, preset: str) -> EncodePlan:
    rung = Rendition("small", 90, crf=45, preset=preset, maxrate_kbps=300, audio_kbps=64, mp4=False)
    return EncodePlan((rung,), container=container, codec=codec, mp3_kbps=0, with_extras=False, limits=LIMITS)


@pytest.fixture(scope="module")
def vp9(outputs: Outputs, tmp_path_factory: pytest.TempPathFactory) -> Outputs:
    return Outputs(tmp_path_factory.mktemp("vp9"), small("webm", "vp9", "8"), source=outputs.source)


@pytest.fixture(scope="module")
def av1(outputs: Outputs, tmp_path_factory: pytest.TempPathFactory) -> Outputs:
    return Outputs(tmp_path_factory.mktemp("av1"), small("mp4", "av1", "12"), source=outputs.source)


@pytest.fixture
def ready(site: Site, outputs: Outputs, clip: Path) -> int:
    """Id of a video that can be watched."""
    video = site.upload("Optique.mp4", clip)
    StandIn(site, video, outputs).publish()
    return video


def order(page: Page, title: str) -> None:
    line = page.locator("#versions > li", has_text=title)
    line.get_by_role("button", name="Make it").click()
    expect(line).to_contain_text("queue")


def test_a_version_is_ordered_followed_and_downloaded(page: Page, site: Site, ready: int, vp9: Outputs) -> None:
    page.goto(f"/videos/{ready}")
    line = page.locator("#versions > li", has_text="Free formats (WebM)")
    order(page, "Free formats")
    worker = StandIn(site, ready, vp9, "vp9")
    worker.say(0.4)
    expect(line).to_contain_text("40%")
    expect(page.locator("#state")).to_be_hidden()
    expect(page.get_by_role("button", name="Encode again")).to_be_visible()
    worker.publish()
    expect(line.get_by_role("button", name="Make it again")).to_be_visible()
    with page.expect_download() as download:
        line.get_by_role("link", name="Video small").click()
    assert download.value.suggested_filename == "Optique (small).webm"
    expect(page.locator("#downloads")).not_to_contain_text("WEBM")


def test_attempts_are_named_in_the_page_s_language(chromium: Browser, site: Site, ready: int, vp9: Outputs) -> None:
    site.api("POST", f"videos/{ready}/encode", json={"template": "vp9"})
    StandIn(site, ready, vp9, "vp9").publish()
    with visitor(chromium, site, locale="fr-FR") as (_, page, _):
        sign_in(page)
        page.goto(f"/videos/{ready}")
        page.locator("#history summary").click()
        rows = page.locator("#history-rows tr")
        expect(rows.filter(has_text="Formats libres (WebM)")).to_contain_text("Encodage")
        expect(rows.filter(has_text="Lecteur web")).to_contain_text("Encodage")


def test_a_failed_version_says_why_beside_a_video_that_is_ready(
    page: Page, site: Site, ready: int, outputs: Outputs
) -> None:
    page.goto(f"/videos/{ready}")
    order(page, "Sound alone")
    worker = StandIn(site, ready, outputs, "audio")
    worker.end("error", error_code="source-no-sound", reason="none")
    line = page.locator("#versions > li", has_text="Sound alone")
    expect(line).to_contain_text("The recording has no sound.")
    expect(page.locator("#player")).to_be_visible()
    expect(page.locator("#fault")).to_be_hidden()


def test_sound_alone_is_offered_versions_of_sound(page: Page, site: Site, ready: int, outputs: Outputs) -> None:
    task = site.api("POST", f"videos/{ready}/encode")["id"]
    worker = StandIn(site, ready, outputs)
    worker.end("done", result={**outputs.result, "outputs": [], "folder": worker.folder, "is_video": False})
    assert site.api("GET", f"tasks/{task}")["state"] == "done"
    page.goto(f"/videos/{ready}")
    expect(page.locator("#versions > li:visible")).to_have_count(1)
    expect(page.locator("#versions > li:visible")).to_contain_text("Sound alone")


def test_a_version_can_be_stopped(page: Page, site: Site, ready: int) -> None:
    page.goto(f"/videos/{ready}")
    order(page, "Archive copy")
    line = page.locator("#versions > li", has_text="Archive copy")
    line.get_by_role("button", name="Stop").click()
    expect(line.get_by_role("button", name="Make it again")).to_be_visible()
    assert site.api("GET", f"videos/{ready}")["state"] == "ready"


def test_a_version_that_waits_for_another_try_says_why(page: Page, site: Site, ready: int, outputs: Outputs) -> None:
    site.api("POST", f"videos/{ready}/encode", json={"template": "archive"})
    lack = {"error_code": "settings-no-template", "error_facts": {"name": "archive"}}
    StandIn(site, ready, outputs, "archive").end("retry", retry_in_s=300, **lack)
    page.goto(f"/videos/{ready}")
    line = page.locator("#versions > li", has_text="Archive copy")
    expect(line).to_contain_text("Next try in 5 min · The settings of this worker do not contain the template archive.")
    expect(line.get_by_role("button", name="Stop")).to_be_visible()


def test_what_was_cut_out_stays_out(page: Page, site: Site, ready: int, outputs: Outputs) -> None:
    site.api("POST", f"videos/{ready}/encode", json={"template": "archive"})
    StandIn(site, ready, outputs, "archive").publish()
    site.api("POST", f"videos/{ready}/encode", json={"keep": [[1, 2]]})
    StandIn(site, ready, outputs).publish()
    page.goto(f"/videos/{ready}")
    expect(page.locator("#versions > li", has_text="Archive copy")).to_contain_text("Made from other parts")
    order(page, "Archive copy")
    assert site.api("GET", f"videos/{ready}")["tasks"][0]["options"] == {"keep": [[1, 2]]}


PLAY = """async (url) => {
  const media = Object.assign(document.createElement("video"), { src: url, muted: true });
  document.body.append(media);
  await media.play();
  await new Promise((resolve, reject) => {
    media.ontimeupdate = () => media.currentTime > 0.5 && resolve();
    media.onerror = () => reject(media.error.message);
  });
  media.currentTime = 10;
  await new Promise((resolve) => (media.ontimeupdate = () => media.currentTime > 10.3 && resolve()));
  return [media.videoWidth, Math.round(media.duration), media.webkitAudioDecodedByteCount > 0];
}"""


@pytest.mark.parametrize("template", ["vp9", "av1"])
def test_chromium_plays_and_seeks(
    page: Page, site: Site, ready: int, template: str, request: pytest.FixtureRequest
) -> None:
    site.api("POST", f"videos/{ready}/encode", json={"template": template})
    StandIn(site, ready, request.getfixturevalue(template), template).publish()
    outputs = site.api("GET", f"videos/{ready}")["outputs"]
    (url,) = [one["url"] for one in outputs if one["template"] == template and one["rendition"]]
    page.goto(f"/videos/{ready}")
    assert page.evaluate(PLAY, url.removeprefix(site.url)) == [160, 16, True]
