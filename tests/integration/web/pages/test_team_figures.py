"""The team's page of figures: charts with their tables and CSV, and the same by the API."""

import csv
from contextlib import nullcontext

from flask import Flask

from pod_jobs.catalog.models import Task, User
from pod_jobs.catalog.store import day_figures
from pod_jobs.janitor import rounds
from pod_jobs.jobs.table import JOB_TYPES
from pod_jobs.web.pages.team.figures import with_unit
from pod_jobs.web.services import now
from tests.integration.web.conftest import Browser, Caller, Worker, problem
from tests.integration.web.pages.test_team import failed


def test_each_chart_has_its_table_and_its_csv(browser: Browser, lea: Caller, worker: Worker, catalog: None) -> None:
    failed(lea, worker)
    for kind in ("encode", "pod_encode", "transcribe"):
        task = lea.upload()["task"]
        worker.finish(worker.start(task))
        Task.update(kind=kind).where(Task.id == task["id"]).execute()
    for _ in rounds.sum_up_figures(JOB_TYPES, now(), nullcontext):
        pass
    browser.sign_in("tina")
    page = browser.get("/team/figures").text
    assert page.count('role="img"') == page.count("<table") >= 7
    assert "encode-killed" in page and "léa" in page and "Half of them at most" in page
    for chart in ("encodings", "hours", "wait", "speed", "workers", "failures", "owners"):
        answer = browser.get(f"/team/figures/{chart}.csv?days=7")
        assert (answer.status_code, answer.mimetype) == (200, "text/csv")
        rows = list(csv.reader(answer.text.splitlines()))
        assert len(rows) > 1 and all(len(row) == len(rows[0]) for row in rows)
    rows = list(csv.reader(browser.get("/team/figures/encodings.csv?days=7").text.splitlines()))
    assert len(rows) == 8 and rows[-1][1:] == ["2.0", "1.0"], "what a Pod ordered is an encoding, too"
    assert browser.get("/team/figures/nothing.csv").status_code == 404


def test_an_empty_instance_has_no_empty_charts(browser: Browser) -> None:
    browser.sign_in("tina")
    for days in ("1", "365", "nonsense"):
        page = browser.get(f"/team/figures?days={days}").text
        assert "Nothing in this period." in page and '<svg class="chart"' not in page


def test_what_is_more_than_nothing_is_not_told_as_zero(app: Flask) -> None:
    with app.test_request_context():
        told = [with_unit(number, "decimal") for number in (0.0, 0.004, 0.04, 0.43, 12.34)]
        assert told == ["0", "< 0.01", "0.04", "0.43", "12.3"]
        assert [with_unit(number, "percent") for number in (0.0, 0.0004, 0.5)] == ["0 %", "0.04 %", "50 %"]


def test_a_name_is_no_formula_in_a_spreadsheet(browser: Browser, lea: Caller, catalog: None) -> None:
    lea.upload()
    User.update(name="=HYPERLINK(1)").where(User.name == "léa").execute()
    for _ in rounds.sum_up_figures(JOB_TYPES, now(), nullcontext):
        pass
    browser.sign_in("tina")
    assert "'=HYPERLINK(1)" in browser.get("/team/figures/owners.csv").text


def test_the_api_has_the_numbers(callers: dict[str, Caller], lea: Caller, worker: Worker, catalog: None) -> None:
    failed(lea, worker)
    days = callers["tina"]("GET", "/api/v1/figures?days=2").get_json()["days"]
    assert [day["numbers"].get("failed", {}) for day in days] == [{}, {"encode-killed": 1.0}]
    assert days[-1]["day"] == now().astimezone().date().isoformat()
    problem(callers["tina"]("GET", "/api/v1/figures?days=367"), 400, "malformed")
    problem(lea("GET", "/api/v1/figures"), 403, "forbidden")


def test_a_day_is_summed_up_once(lea: Caller, worker: Worker, catalog: None) -> None:
    failed(lea, worker)
    for _ in rounds.sum_up_figures(JOB_TYPES, now(), nullcontext):
        pass
    Task.update(ended_at=now()).execute()
    assert len(list(day_figures.sum_up(now(), rounds.FIGURES_DAYS, {}))) == 2
