"""The pages in a real browser: signing in, uploading, the list, the account."""

import os
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from pod_jobs.catalog import database
from pod_jobs.catalog.store import users
from pod_jobs.settings import load
from tests.acceptance.accessibility import violations
from tests.acceptance.browser import Faults, sign_in, visitor
from tests.acceptance.site import PASSWORD, Line, Outputs, Site, StandIn, make_clip
from tests.servers import wait_until

SLOW_BYTES_S = 2_000_000
SLOW = {"offline": False, "latency": 0, "downloadThroughput": -1, "uploadThroughput": SLOW_BYTES_S}
DROPPED = """bytes => {
  const files = new DataTransfer();
  files.items.add(new File([new Uint8Array(bytes)], "Dropped.mp4"));
  return files;
}"""
FAST = {**SLOW, "uploadThroughput": -1}


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_clip(tmp_path_factory.mktemp("clips") / "Cours d'été n° 1.mp4", seconds=2)


@pytest.fixture(scope="module")
def big_clip(clip: Path) -> Path:
    """A clip of 6 MB: three seconds on the slow line."""
    path = clip.with_name("big.mp4")
    path.write_bytes(clip.read_bytes() + os.urandom(6_000_000))
    return path


@pytest.fixture(autouse=True)
def empty(site: Site) -> None:
    for video in site.api("GET", "videos", params={"limit": 200})["videos"]:
        site.api("DELETE", f"videos/{video['id']}")


def row(page: Page, title: str):
    return page.locator(".row", has=page.get_by_role("link", name=title, exact=True))


def throttle(page: Page, conditions: dict[str, Any]) -> None:
    session = page.context.new_cdp_session(page)
    session.send("Network.enable")
    session.send("Network.emulateNetworkConditions", conditions)


def test_a_stranger_signs_in_and_out(chromium: Browser, site: Site) -> None:
    with visitor(chromium, site) as (_, page, faults):
        page.goto("/videos/1?x=1")
        expect(page).to_have_title("Sign in · pod_jobs")
        page.get_by_label("Name").fill("lea")
        page.get_by_label("Password").fill("wrong")
        page.keyboard.press("Enter")
        expect(page.get_by_role("alert")).to_contain_text("The name or the password is wrong.")
        expect(page.get_by_label("Name")).to_have_value("lea")
        faults.forgive("status of 401")
        page.get_by_label("Password").fill(PASSWORD)
        page.keyboard.press("Enter")
        expect(page.get_by_role("heading", name="This page or object does not exist.")).to_be_visible()
        faults.forgive("status of 404")
        assert page.url == f"{site.url}/videos/1?x=1"
        page.locator(".menu summary").click()
        page.get_by_role("button", name="Sign out").click()
        expect(page.get_by_role("heading", name="Sign in")).to_be_visible()


def test_after_a_sessions_end_one_is_where_one_was(chromium: Browser, site: Site) -> None:
    with visitor(chromium, site) as (context, page, faults):
        faults.forgive("status of 401")
        sign_in(page)
        page.goto("/?text=a%26b")
        context.clear_cookies()
        page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")  # the list asks again
        page.get_by_role("link", name="Sign in").click()
        page.get_by_label("Name").fill("admin")
        page.get_by_label("Password").fill(PASSWORD)
        page.keyboard.press("Enter")
        expect(page.locator(".menu summary").first).to_be_visible()
        assert page.url == f"{site.url}/?text=a%26b"
        context.clear_cookies()
        page.goto("/team/tasks?state=error")
        page.get_by_label("Name").fill("admin")
        page.get_by_label("Password").fill(PASSWORD)
        page.keyboard.press("Enter")
        expect(page).to_have_url(f"{site.url}/team/tasks?state=error")


def test_a_link_signs_in_once(chromium: Browser, site: Site) -> None:
    catalog = database.connect(load(site.home).database_url)
    with catalog.connection_context():
        token = users.create_link(users.find("lea"), timedelta(hours=1), datetime.now(UTC))
    with visitor(chromium, site) as (_, page, faults):
        page.goto(f"/sign-in/{token}")
        page.get_by_role("button", name="Sign in as lea").click()
        expect(page.get_by_role("heading", name="My videos")).to_be_visible()
        page.goto(f"/sign-in/{token}")
        expect(
            page.get_by_role("heading", name="This sign-in link has already been used or has expired.")
        ).to_be_visible()
        faults.forgive("status of 410")


def test_several_files_are_uploaded_by_choosing_and_dropping(page: Page, clip: Path) -> None:
    others = [clip.with_name(f"Lecture {number}.mp4") for number in (2, 3)]
    for other in others:
        other.write_bytes(clip.read_bytes() + other.name.encode())
    page.goto("/")
    expect(page.get_by_text("Nothing here yet")).to_be_visible()
    page.get_by_text("Language and captions of these uploads").click()
    page.get_by_label("Spoken language").select_option(label="French")
    page.get_by_label("Automatic captions").select_option(label="No, only on demand")
    page.get_by_label("Choose files").set_input_files([clip, *others])
    for title in ("Cours d'été n° 1", "Lecture 2", "Lecture 3"):
        expect(row(page, title).locator(".row-state")).to_have_text("Waiting")
    expect(page.locator(".upload")).to_have_count(0)
    expect(page.get_by_text("Nothing here yet")).to_be_hidden()
    files = page.evaluate_handle(DROPPED, list(clip.read_bytes()))
    page.dispatch_event("#drop-zone", "drop", {"dataTransfer": files})
    expect(row(page, "Dropped")).to_be_visible()
    wish = page.request.get(f"/api/v1{row(page, 'Lecture 2').locator('a').first.get_attribute('href')}/speech").json()
    assert (wish["language"], wish["automatic"]) == ("fr", False)


def test_what_is_not_media_is_refused_in_words(chromium: Browser, site: Site, tmp_path: Path) -> None:
    (tmp_path / "notes.mp4").write_text("not a video " * 100)
    (tmp_path / "empty.mp4").touch()
    with visitor(chromium, site) as (_, page, faults):
        sign_in(page)
        page.goto("/")
        page.get_by_label("Choose files").set_input_files([tmp_path / "notes.mp4", tmp_path / "empty.mp4"])
        notes = page.locator(".upload", has_text="notes.mp4")
        expect(notes.get_by_role("alert")).to_have_text("This file is not a video or a sound recording.")
        expect(page.locator(".upload", has_text="empty.mp4").get_by_role("alert")).to_have_text("The file is empty.")
        notes.get_by_role("button", name="Cancel").click()
        expect(notes).to_have_count(0)
        faults.forgive("status of 415")


def test_an_upload_survives_a_reload(page: Page, big_clip: Path) -> None:
    page.on("dialog", lambda dialog: dialog.accept())
    page.goto("/")
    throttle(page, SLOW)
    page.get_by_label("Choose files").set_input_files(big_clip)
    bar = page.get_by_role("progressbar", name="Upload of big.mp4")
    wait_until(lambda: float(bar.get_attribute("value") or 0) > 0.3, what="a third is sent")
    expect(page.locator(".upload-words")).to_contain_text("MB/s")
    page.reload()
    expect(page.locator(".upload-words")).to_contain_text("Choose the same file again to resume.")
    assert float(bar.get_attribute("value") or 0) > 0.1
    throttle(page, FAST)
    offsets: list[int] = []
    page.on("request", lambda r: offsets.append(int(r.headers["upload-offset"])) if r.method == "PATCH" else None)
    page.get_by_label("Choose files").set_input_files(big_clip)
    expect(row(page, "big")).to_be_visible()
    assert offsets[0] > 500_000
    expect(page.locator(".upload")).to_have_count(0)


def test_an_upload_survives_a_cut_line(chromium: Browser, site: Site, big_clip: Path) -> None:
    line = Line(site.port)
    with visitor(chromium, site, base_url=line.url) as (_, page, faults):
        sign_in(page)
        page.goto("/")
        throttle(page, SLOW)
        page.get_by_label("Choose files").set_input_files(big_clip)
        bar = page.get_by_role("progressbar", name="Upload of big.mp4")
        wait_until(lambda: float(bar.get_attribute("value") or 0) > 0.2, what="a fifth is sent")
        line.cut()
        expect(page.locator(".upload-words")).to_contain_text("Connection lost")
        expect(page.get_by_text("The server cannot be reached.")).to_be_visible()
        offsets: list[int] = []
        page.on("request", lambda r: offsets.append(int(r.headers["upload-offset"])) if r.method == "PATCH" else None)
        line.mend()
        throttle(page, FAST)
        expect(row(page, "big")).to_be_visible(timeout=30_000)
        assert offsets[0] > 500_000, "what had arrived was kept"
        expect(page.get_by_text("The server cannot be reached.")).to_be_hidden()
        faults.forgive("net::ERR_")


def test_an_upload_can_be_paused_and_given_up(page: Page, faults: Faults, site: Site, big_clip: Path) -> None:
    faults.forgive("status of 423")  # the server may not have seen yet that the earlier request ended
    page.goto("/")
    throttle(page, SLOW)
    page.get_by_label("Choose files").set_input_files(big_clip)
    expect(page.locator(".upload-words")).to_contain_text("%")
    page.get_by_role("button", name="Pause", exact=True).click()
    expect(page.locator(".upload-words")).to_have_text("Paused")
    expect(page.get_by_role("button", name="Resume")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator(".upload-words")).to_contain_text("%")
    page.get_by_role("button", name="Cancel").click()
    expect(page.locator(".upload")).to_have_count(0)
    wait_until(lambda: not list((site.home / "media" / "uploads").iterdir()), what="the server forgot it")
    page.reload()
    expect(page.locator(".upload")).to_have_count(0)


def test_the_list_lives(page: Page, site: Site, clip: Path, outputs: Outputs) -> None:
    first, second = site.upload("First.mp4", clip), site.upload("Second.mp4", clip)
    page.goto("/")
    expect(row(page, "Second").locator(".row-words")).to_have_text("Number 2 in the queue")
    page.get_by_role("link", name="Second").focus()
    page.evaluate("window.kept = document.activeElement")
    worker = StandIn(site, first, outputs)
    worker.say(0.425)
    expect(row(page, "First").locator(".row-words")).to_have_text("Encoding · 42% · 1.8× · about 2 min left")
    expect(row(page, "First").get_by_role("progressbar")).to_have_attribute("value", "0.425")
    worker.publish()
    expect(row(page, "First").locator(".row-state")).to_have_text("Ready")
    expect(row(page, "First").locator(".row-clock")).to_have_text("0:16")
    picture = row(page, "First").locator("img")
    wait_until(lambda: picture.evaluate("image => image.naturalWidth > 0"), what="the thumbnail is there")
    expect(page.locator("#spoken")).to_have_text("First is ready.")
    assert page.evaluate("window.kept === document.activeElement"), "the focus stayed"
    failing = StandIn(site, second, outputs)
    failing.end("error", error_code="source-damaged", reason="a technical reason")
    expect(row(page, "Second").locator(".row-words")).to_have_text(
        "The file is damaged; no part of it could be encoded."
    )


def test_search_and_more(page: Page, site: Site, clip: Path) -> None:
    for number in range(53):
        site.upload(f"Lecture {number:02}.mp4", clip)
    page.goto("/")
    expect(page.locator(".row")).to_have_count(50)
    page.get_by_role("button", name="Show more").click()
    expect(page.locator(".row")).to_have_count(53)
    expect(page.get_by_role("button", name="Show more")).to_be_hidden()
    expect(page.get_by_role("link", name="Lecture 02")).to_be_focused()
    heights = page.locator(".row").evaluate_all("rows => [...new Set(rows.map(row => row.offsetHeight))]")
    assert len(heights) == 1
    page.get_by_label("Search in titles and in what is said").fill("ture 17")
    expect(page.locator(".row")).to_have_count(1)
    page.reload()
    expect(page.locator(".row")).to_have_count(1)
    page.get_by_label("Search in titles and in what is said").fill("nothing like it")
    expect(page.get_by_text("No title contains these words.")).to_be_visible()


def test_a_lecturer_sees_only_own_videos(chromium: Browser, site: Site, clip: Path) -> None:
    foreign = site.upload("Foreign.mp4", clip)
    with visitor(chromium, site) as (_, page, faults):
        sign_in(page, "lea")
        page.goto("/")
        page.get_by_label("Choose files").set_input_files(clip)
        expect(page.locator(".row")).to_have_count(1)
        expect(page.get_by_role("link", name="Team", exact=True)).to_have_count(0)
        page.goto(f"/videos/{foreign}")
        expect(page.get_by_role("heading", name="This page or object does not exist.")).to_be_visible()
        faults.forgive("status of 404")


def test_tokens_fit_a_phone(chromium: Browser, site: Site) -> None:
    with visitor(chromium, site, locale="fr-FR", viewport={"width": 390, "height": 844}) as (_, page, _faults):
        sign_in(page, "lea")
        page.goto("/account")
        page.get_by_label("Nom du nouveau jeton").fill("station d’enregistrement de l’amphi B")
        page.get_by_role("button", name="Créer un jeton").click()
        assert page.locator(".table-frame").evaluate("frame => frame.scrollWidth <= frame.clientWidth")
        page.get_by_role("button", name="Révoquer station").click()


def test_password_tokens_and_language(chromium: Browser, site: Site) -> None:
    with visitor(chromium, site, locale="fr-FR") as (_, page, faults):
        page.goto("/sign-in")
        expect(page.locator("html")).to_have_attribute("lang", "fr")
        page.get_by_role("button", name="EN: switch to English").click()
        expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
        sign_in(page, "lea")
        page.goto("/")
        page.locator(".menu summary").click()
        page.get_by_role("link", name="Password and tokens").click()
        page.get_by_label("Current password").fill("wrong")
        page.get_by_label("New password").fill("a new password for tests")
        page.get_by_role("button", name="Set the password").click()
        expect(page.get_by_role("alert")).to_contain_text("The current password is wrong.")
        faults.forgive("status of 409")
        page.get_by_label("Current password").fill(PASSWORD)
        page.get_by_label("New password").fill(PASSWORD)
        page.get_by_role("button", name="Set the password").click()
        expect(page.get_by_text("The password is set.")).to_be_visible()
        page.get_by_label("Name of the new token").fill("my script")
        page.get_by_role("button", name="Create a token").click()
        token = page.get_by_label("Your new token").input_value()
        me = site.session.get(f"{site.url}/api/v1/me", headers={"Authorization": f"Token {token}"}, timeout=10)
        assert me.ok and me.json()["name"] == "lea"
        page.get_by_role("button", name="Revoke my script").click()
        expect(page.get_by_text("The token is revoked.")).to_be_visible()
        gone = site.session.get(f"{site.url}/api/v1/me", headers={"Authorization": f"Token {token}"}, timeout=10)
        assert gone.status_code == 401
        page.get_by_role("button", name="FR : passer en français").click()
        expect(page.get_by_role("heading", name="Mot de passe et jetons")).to_be_visible()
        page.goto("/")
        expect(page.get_by_text("Rien ici pour l’instant")).to_be_visible()


def test_an_administrator_without_a_password_adds_a_person_and_gives_a_role_by_keyboard(
    chromium: Browser, site: Site
) -> None:
    with database.connect(load(site.home).database_url).connection_context():
        new = users.create("noé", "admin", None, datetime.now(UTC))
        link = users.create_link(new, timedelta(hours=1), datetime.now(UTC))
    with visitor(chromium, site) as (_, page, _):
        page.goto(f"/sign-in/{link}")
        page.get_by_role("button", name="Sign in as noé").press("Enter")
        page.wait_for_url("**/")
        page.goto("/admin/people")
        reminder = page.get_by_text("You have no password yet, and your link was valid only once.")
        expect(reminder).to_be_visible()
        page.get_by_label("User name").fill("zoë")
        page.keyboard.press("Enter")
        expect(page.get_by_label("The sign-in link of zoë, shown once")).to_have_value(re.compile("/sign-in/"))
        assert violations(page) == []
        role = page.get_by_label("Role of zoë", exact=True)
        role.focus()
        page.keyboard.type("Video")
        page.keyboard.press("Tab")
        expect(page.get_by_role("button", name="Change the role of zoë")).to_be_focused()
        page.keyboard.press("Enter")
        expect(page.get_by_role("status").filter(has_text="zoë has the role “Video team” now.")).to_be_visible()
        expect(role).to_have_value("team")
        expect(page.get_by_role("region", name="Latest changes of roles")).to_contain_text("by noé")
        reminder.get_by_role("link", name="Set a password").press("Enter")
        page.get_by_label("New password").fill(PASSWORD)
        page.keyboard.press("Enter")
        expect(page.get_by_text("The password is set.")).to_be_visible()
        page.goto("/admin/people")
        expect(role).to_be_visible()
        expect(reminder).to_have_count(0)
