"""The caption editor in a real browser."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from pod_jobs.catalog.seals import seal_of
from pod_jobs.jobs import queue
from tests.acceptance.accessibility import violations
from tests.acceptance.browser import Faults, sign_in, visitor
from tests.acceptance.site import Outputs, Site, StandIn, serve
from tests.servers import KeyValueServer, short_folder, wait_until

VTT = "WEBVTT\n\n" + "\n\n".join(
    f"00:{n * 3:02}.000 --> 00:{n * 3 + 2:02}.500\nCaption number {n + 1} is here" for n in range(5)
)


@pytest.fixture
def track(site: Site, video: int, outputs: Outputs) -> str:
    """The page of a track of five captions."""
    StandIn(site, video, outputs).publish()
    params = {"language": "en"}
    made = site.api("POST", f"videos/{video}/captions", params=params, data=VTT.encode())
    return f"/videos/{video}/captions/{made['id']}"


def texts(page: Page) -> list[str]:
    return [field.input_value() for field in page.locator(".caption-text").all()]


def saved(site: Site, track: str) -> list[str]:
    return [cue[2] for cue in site.api("GET", track.lstrip("/"))["cues"]]


def test_captions_are_corrected_by_keyboard_and_saved(page: Page, site: Site, track: str) -> None:
    page.goto(track)
    first = page.get_by_label("Caption 1", exact=True)
    expect(first).to_have_value("Caption number 1 is here")
    expect(page.get_by_role("button", name="Save", exact=True)).to_be_disabled()
    first.fill("Corrected, and a second part")
    first.evaluate("field => field.setSelectionRange(10, 10)")
    page.keyboard.press("Control+Enter")
    assert texts(page)[:2] == ["Corrected,", "and a second part"]
    page.keyboard.press("Control+z")
    assert texts(page)[0] == "Corrected, and a second part"
    page.keyboard.press("Control+y")
    page.get_by_label("Caption 3", exact=True).focus()
    page.keyboard.press("Alt+m")
    assert texts(page)[2] == "Caption number 2 is here\nCaption number 3 is here"
    page.keyboard.press("Control+s")
    expect(page.locator("#saved")).to_have_text("Saved")
    expected = ["Corrected,", "and a second part", "Caption number 2 is here\nCaption number 3 is here"]
    assert saved(site, track)[:3] == expected
    page.reload()
    expect(page.locator("#track-state")).to_have_text("Corrected by admin")
    expect(page.get_by_label("Caption 3", exact=True)).to_have_value(expected[2])  # fields come with the first frame
    assert texts(page)[:3] == expected


def test_a_key_saves_once_and_a_caption_that_moves_keeps_the_focus(page: Page, site: Site, track: str) -> None:
    page.goto(track)
    third = page.get_by_label("Caption 3", exact=True)
    third.focus()
    page.keyboard.press("Control+s")  # nothing has changed
    third.fill("Moved")
    for _ in range(2):
        page.keyboard.press("Control+s")
    expect(page.locator("#saved")).to_have_text("Saved")
    expect(page.locator("#conflict")).to_be_hidden()
    assert len(site.api("GET", f"{track.lstrip('/')}/versions")["versions"]) == 2
    page.locator(".caption-start").nth(2).fill("0:01")
    page.keyboard.press("Enter")
    expect(page.get_by_label("Caption 2", exact=True)).to_be_focused()
    assert texts(page)[1] == "Moved"
    page.locator(".caption-start").nth(1).fill("0:01.5")
    page.keyboard.press("Control+s")  # what was typed into the field is saved too, and the field keeps the focus
    expect(page.locator("#saved")).to_have_text("Saved")
    expect(page.locator(".caption-start").nth(1)).to_be_focused()
    assert [cue[0] for cue in site.api("GET", track.lstrip("/"))["cues"]][1] == 1.5
    page.locator(".caption-end").nth(1).fill("0:02.4")
    page.keyboard.press("Alt+t")
    expect(page.get_by_role("button", name="Save", exact=True)).to_be_focused()
    page.keyboard.press("Alt+c")
    page.keyboard.press("Alt+Delete")
    assert "Moved" not in texts(page)


def recognise(site: Site, video: int, text: str) -> str:
    """A worker makes captions of one line. The address of their page."""
    task = site.api("POST", f"videos/{video}/transcribe", json={})
    order = site.workers.start(task["id"], task["generation"], "transcripting-1", "video-host", 1)
    run = f"transcribe-{order.task}-g{order.generation}"
    queue.remove(site.redis, run)
    folder = site.home / "media" / order.folder / run
    folder.mkdir(parents=True)
    spoken = {"language": "fr", "translated": False, "needs_check": False, "model": "base"}
    (folder / "captions.json").write_text(json.dumps({**spoken, "cues": [[0, 2, text, "", []]]}))
    (folder / "peaks.bin").write_bytes(b"")
    result = {"folder": f"{order.folder}/{run}", "outputs": [], "captions": True, "infos": {"captions": 1}}
    report = {
        "generation": 1,
        "attempt": order.attempt,
        "worker": "transcripting-1",
        "outcome": "done",
        "result": result,
    }
    site.workers.report(order.task, report, seal_of(order.key, report))
    [made] = site.api("GET", f"videos/{video}/captions")["captions"]
    return f"/videos/{video}/captions/{made['id']}"


def test_a_word_that_was_corrected_three_times_is_corrected_always_if_one_agrees(
    page: Page, site: Site, clip: Path
) -> None:
    tracks = [recognise(site, site.upload(f"{n}.mp4", clip), "Sur moudle, et moudle") for n in range(3)]
    for track in tracks[:2]:
        cues = [[0, 2, "Sur Moodle, et Moodle", "", []]]
        site.api("PUT", track.lstrip("/"), json={"base": 1, "cues": cues})
    page.set_viewport_size({"width": 1280, "height": 500})
    page.goto(tracks[2])
    expect(page.locator("#corrections-card")).to_be_hidden()
    page.get_by_label("Caption 1", exact=True).fill("Sur Moodle, et moudle")
    page.keyboard.press("Alt+f")
    expect(page.get_by_label("Find", exact=True)).to_have_value("moudle")
    expect(page.get_by_label("Replace with")).to_have_value("Moodle")
    page.keyboard.press("Escape")
    page.get_by_label("Caption 1", exact=True).fill("Sur Moodle, et Moodle")
    page.keyboard.press("Control+s")
    offer = page.locator("#offers")
    expect(offer).to_contain_text("“moudle” was corrected to “Moodle” (recordings: 3).")
    expect(offer).to_be_in_viewport(ratio=1)
    assert violations(page) == []
    page.keyboard.press("Alt+t")
    expect(offer.get_by_role("button", name="Always write “Moodle” in my recordings")).to_be_focused()
    page.keyboard.press("Enter")
    expect(offer).to_be_empty()
    expect(page.get_by_label("Caption 1", exact=True)).to_be_focused()
    [known] = site.api("GET", "captions/corrections")["corrections"]
    assert (known["heard"], known["right"], known["language"], known["of_all"]) == ("moudle", "Moodle", "fr", False)
    page.get_by_text("Words that are always corrected").click()
    page.get_by_role("button", name="Remove: moudle").click()
    expect(page.locator("#corrections-card")).to_be_hidden()
    assert site.api("GET", "captions/corrections") == {"corrections": []}


def test_a_lecturer_says_what_is_spoken(page: Page, site: Site, video: int) -> None:
    page.goto(f"/videos/{video}")
    page.get_by_text("Speech of this recording").click()
    page.get_by_label("Spoken language").select_option("French")
    page.get_by_label("Names and terms").fill("Esup-Pod\n\n ampoule ")
    page.get_by_label("Automatic captions").select_option("No, only on demand")
    page.locator("#speech-wish").get_by_role("button", name="Save").click()
    expect(page.get_by_text("Saved.")).to_be_visible()
    wish = {"language": "fr", "glossary": ["Esup-Pod", "ampoule"], "automatic": False}
    assert site.api("GET", f"videos/{video}/speech") == wish
    page.reload()
    page.get_by_text("Speech of this recording").click()
    expect(page.get_by_label("Names and terms")).to_have_value("Esup-Pod\nampoule")


@pytest.fixture
def several_models(clip: Path) -> Iterator[tuple[Site, int]]:
    """A site with a second speech model, and a video."""
    with short_folder() as folder:
        (folder / "home").mkdir()
        entries = '[[speech.model]]\nlanguage = "*"\n[[speech.model]]\nlanguage = "*"\nname = "Précis"\n'
        (folder / "home/settings.toml").write_text(entries, encoding="utf-8")
        server = KeyValueServer(folder)
        server.start()
        try:
            with serve(folder / "home", server) as site:
                yield site, site.upload("Cours.mp4", clip)
        finally:
            server.stop()


def test_captions_are_made_by_another_model(chromium: Browser, several_models: tuple[Site, int]) -> None:
    site, video = several_models
    with visitor(chromium, site) as (_, page, _):
        sign_in(page, "admin")
        page.goto(f"/videos/{video}")
        page.get_by_label("Model").select_option("Précis")
        page.get_by_role("button", name="Make captions").click()
        expect(page.locator("#side-tasks .version-words")).to_contain_text("Waiting")
        expect(page.get_by_label("Model")).to_be_hidden()
    [task] = [one for one in site.api("GET", f"videos/{video}")["tasks"] if one["kind"] == "transcribe"]
    assert task["options"] == {"model": "Précis"}


def test_warnings_are_live_and_block_nothing(page: Page, site: Site, track: str) -> None:
    page.goto(track)
    page.get_by_label("Caption 1", exact=True).fill("x" * 60)
    expect(page.locator(".caption-faults").first).to_have_text("A line is too long · Too fast to read")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.locator("#saved")).to_have_text("Saved")
    assert saved(site, track)[0] == "x" * 60


def test_a_draft_outlives_the_session_and_goes_only_when_it_is_discarded(
    opened: tuple[Page, Faults], site: Site, track: str
) -> None:
    page, faults = opened
    faults.forgive("401")
    saves = page.get_by_role("button", name="Save", exact=True)
    first, second = page.get_by_label("Caption 1", exact=True), page.get_by_label("Caption 2", exact=True)
    page.goto(track)
    second.fill("On the server")
    wait_until(lambda: site.api("GET", track.lstrip("/"))["draft"], 10)
    page.context.clear_cookies()
    second.fill("Only in the browser")
    saves.click()
    expect(page.locator("#connection")).to_contain_text("Your session has ended")
    sign_in(page)
    page.goto(track)
    expect(second).to_have_value("Only in the browser")
    first.fill("Corrected")
    saves.click()
    expect(page.locator("#saved")).to_have_text("Saved")
    first.fill("Unsaved")
    page.get_by_text("Versions", exact=True).click()
    page.get_by_role("button", name="Restore").last.click()
    question = page.get_by_role("dialog", name="Discard your changes?")
    question.get_by_role("button", name="Keep them").click()
    expect(first).to_have_value("Unsaved")
    page.get_by_role("button", name="Restore").last.click()
    question.get_by_role("button", name="Discard them").click()
    expect(first).to_have_value("Caption number 1 is here")
    expect(saves).to_be_disabled()
    first.fill("Once more")
    saves.click()
    expect(page.locator("#saved")).to_have_text("Saved")
    assert saved(site, track)[:2] == ["Once more", "Caption number 2 is here"]
    first.fill("Unsaved again")
    page.get_by_role("button", name="Discard my changes").click()
    question.get_by_role("button", name="Discard them").click()
    expect(first).to_have_value("Once more")
    page.reload()
    expect(first).to_have_value("Once more")
    expect(saves).to_be_disabled()


def test_two_who_save_at_once_are_merged(chromium: Browser, site: Site, track: str) -> None:
    with visitor(chromium, site) as (_, page, faults):
        faults.forgive("409")
        sign_in(page)
        page.goto(track)
        page.get_by_label("Caption 1", exact=True).fill("Mine")
        address = track.lstrip("/")
        cues = site.api("GET", address)["cues"]
        cues[1][2:4] = ["Theirs", "Ada"]
        cues[2][1] = 8.75
        site.api("PUT", address, json={"base": 1, "cues": cues})
        page.keyboard.press("Control+s")
        dialog = page.get_by_role("dialog", name="Somebody else has saved these captions")
        told = [
            re.compile("0:00.000.*Mine Mine.*Theirs Caption"),
            re.compile("0:03.000.*Mine Caption.*Theirs Ada: Theirs"),
        ]
        told.append(re.compile(r"Mine 0:06.000–0:08.500 Caption.*Theirs 0:06.000–0:08.750 Caption"))
        expect(dialog.get_by_role("listitem")).to_have_text(told)
        dialog.get_by_role("button", name="Save this choice").click()
        expect(page.locator("#saved")).to_have_text("Saved")
        assert saved(site, track)[:2] == ["Mine", "Theirs"]


def test_find_and_replace_shows_before_it_changes(page: Page, track: str) -> None:
    page.goto(track)
    page.get_by_role("button", name="Find and replace").click()
    page.get_by_label("Find", exact=True).fill("number")
    page.get_by_label("Replace with").fill("no.")
    expect(page.locator("#find-count")).to_have_text("Captions: 5")
    page.keyboard.press("Enter")
    assert texts(page)[4] == "Caption no. 5 is here"
    page.get_by_role("button", name="Find and replace").click()
    page.get_by_label("Replace with").fill("lost")
    page.get_by_label("Find", exact=True).fill("no.")
    page.keyboard.press("Escape")  # after an answer, too, it cancels
    assert texts(page)[4] == "Caption no. 5 is here"


def test_what_cannot_be_split_or_merged_says_why_and_keeps_its_place(page: Page, track: str) -> None:
    page.goto(track)
    last = page.get_by_label("Caption 5", exact=True)
    last.press("End")
    page.keyboard.press("Control+Enter")
    expect(page.get_by_text("Put the cursor between two words first.")).to_be_visible()
    page.keyboard.press("Alt+m")
    expect(page.get_by_text("No caption follows this one closely.")).to_be_visible()
    expect(last).to_be_focused()
    assert len(texts(page)) == 5


def test_a_click_on_a_number_seeks_and_a_shift_moves_all(page: Page, track: str) -> None:
    page.goto(track)
    page.locator(".caption-number").nth(2).click()
    assert page.locator("video").evaluate("media => media.currentTime") == pytest.approx(6, abs=0.1)
    expect(page.locator(".caption").nth(2)).to_contain_class("is-now")
    page.get_by_role("button", name="Shift times").click()
    page.keyboard.type("1")  # instead of what stands there
    page.keyboard.press("Enter")
    assert page.locator(".caption-start").nth(1).input_value() == "0:04.000"
    page.get_by_role("button", name="Shift times").click()
    for key in ("2", "Tab", "ArrowDown", "Enter"):  # from the chosen one on
        page.keyboard.press(key)
    starts = [field.input_value() for field in page.locator(".caption-start").all()]
    assert starts[1:4] == ["0:04.000", "0:09.000", "0:12.000"]
    page.get_by_role("button", name="Undo").click()
    page.get_by_role("button", name="Shift times").click()
    page.get_by_label("Which captions").select_option("All")
    page.get_by_label("Seconds, later or").select_text()
    page.keyboard.type("-5")
    page.keyboard.press("Enter")
    expect(page.locator(".toast")).to_contain_text("No caption can begin before 0: shifted by -1.000 s.")
    assert page.locator(".caption-start").nth(1).input_value() == "0:03.000"


def test_a_speaker_of_several_captions_and_what_a_version_changed(page: Page, track: str) -> None:
    page.goto(track)
    page.get_by_role("button", name="Speaker of several").click()
    dialog = page.get_by_role("dialog", name="Speaker of several captions")
    dialog.get_by_label("Speaker", exact=True).fill("Ada")
    dialog.get_by_label("From caption number").fill("2")
    dialog.get_by_label("To caption number").fill("3")
    dialog.get_by_role("button", name="Set the speaker").click()
    names = [field.input_value() for field in page.locator(".caption-speaker").all()]
    assert names == ["", "Ada", "Ada", "", ""]
    page.keyboard.press("Control+s")
    expect(page.locator("#saved")).to_have_text("Saved")
    page.reload()
    page.get_by_text("Versions", exact=True).click()
    page.get_by_role("button", name="Differences").click()
    changes = page.get_by_role("dialog", name="Changes since version 1").get_by_role("listitem")
    expect(changes).to_have_count(2)
    expect(changes.first).to_contain_text("Ada: Caption number 2 is here")
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Differences")).to_be_focused()
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.locator("#versions")).to_contain_text("3 · version 1 restored · admin")
    expect(page.locator("summary", has_text="Versions")).to_be_focused()


def test_a_cut_video_is_captioned_on_the_clock_of_its_recording(
    page: Page, site: Site, video: int, outputs: Outputs
) -> None:
    """The player shows 3 to 8 s of the recording, after an opening of 4 s."""
    timeline = {"offset_s": 4.0, "ranges": [[3.0, 8.0]]}
    StandIn(site, video, outputs).publish(facts={**outputs.result["facts"], "timeline": timeline})
    made = site.api("POST", f"videos/{video}/captions", params={"language": "en"}, data=VTT.encode())
    page.goto(f"/videos/{video}/captions/{made['id']}")
    numbers, moment = page.locator(".caption-number"), "document.querySelector('video').currentTime"
    wait_until(lambda: page.evaluate("document.querySelector('video').readyState >= 1"), what="the player has a length")
    numbers.nth(2).click()  # from 6 s on
    assert page.evaluate(moment) == pytest.approx(7, abs=0.1)
    page.get_by_role("button", name="Ends here").click()
    expect(page.locator(".toast")).to_contain_text("A caption must end after it begins")
    page.evaluate("document.querySelector('video').currentTime = 8.25")
    page.get_by_role("button", name="Ends here").click()
    expect(page.locator(".caption-end").nth(2)).to_have_value("0:07.250")
    numbers.nth(4).click()
    expect(page.locator(".toast").last).to_contain_text("This part was cut out of what the player shows.")


def test_files_of_captions_are_taken_refused_by_line_and_deleted_on_the_page_of_the_video(
    opened: tuple[Page, Faults], site: Site, video: int, tmp_path: Path
) -> None:
    page, faults = opened
    faults.forgive("422")
    bad, good = tmp_path / "bad.vtt", tmp_path / "é à.srt"
    bad.write_text("WEBVTT\n\n00:03.000 --> 00:01.000\nBackward\n\nLost\n")
    good.write_text("1\n00:00:01,000 --> 00:00:02,000\n<font>Read</font>\n")
    page.goto(f"/videos/{video}")
    card = page.locator("#captions-card")
    expect(card).to_contain_text("This video has no captions yet.")
    card.get_by_text("Add captions").click()
    assert violations(page) == []
    card.get_by_label("Language").select_option("French")
    card.get_by_label("File").set_input_files(bad)
    sends = card.get_by_role("button", name="Upload the file")
    sends.click()
    told = page.locator("#caption-told").get_by_role("listitem")
    expect(told).to_have_text([re.compile("line 3.*ends before it begins"), re.compile("line 6.*text without times")])
    card.get_by_label("File").set_input_files(good)
    sends.click()
    expect(told).to_have_text([re.compile("Line 2: Formatting.*font")])
    expect(page.locator("#caption-tracks")).to_contain_text(re.compile("French.*Corrected by admin", re.S))
    card.get_by_role("button", name="Write them yourself").click()
    expect(page.get_by_text("There are such captions already")).to_be_visible()
    card.get_by_label("Name", exact=True).fill("Exam")
    card.get_by_role("button", name="Write them yourself").click()
    expect(page.get_by_role("button", name="Insert here")).to_be_visible()
    expect(page.locator("#no-captions")).to_be_visible()
    page.goto(f"/videos/{video}")
    card.get_by_role("button", name="Delete: French", exact=True).click()
    page.get_by_role("dialog", name="Delete these captions?").get_by_role("button", name="Delete").click()
    expect(page.locator("#caption-tracks").get_by_role("link")).to_have_text(["French · Exam"])
    tracks = site.api("GET", f"videos/{video}/captions")["captions"]
    assert [(one["label"], one["language"], one["version"]) for one in tracks] == [("Exam", "fr", 1)]


@pytest.mark.parametrize(("theme", "width", "locale"), [("light", 1280, "en-GB"), ("dark", 390, "fr-FR")])
def test_the_page_fits(chromium: Browser, site: Site, track: str, theme: str, width: int, locale: str) -> None:
    options = {"color_scheme": theme, "viewport": {"width": width, "height": 900}, "locale": locale}
    with visitor(chromium, site, **options) as (_, page, _faults):
        sign_in(page)
        page.goto(track)
        expect(page.locator(".caption")).to_have_count(5)
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        assert violations(page) == []
