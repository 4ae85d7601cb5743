"""rq-dashboard works for administrators, and each of its holes is closed."""

import json
import re
import threading
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest
from flask import Flask
from playwright.sync_api import Browser as Chromium
from redis import Redis
from rq import Worker
from rq.executions import Execution
from rq.job import Job, JobStatus
from rq.registry import FailedJobRegistry, StartedJobRegistry
from rq.results import Result
from rq.serializers import JSONSerializer
from werkzeug.serving import make_server
from werkzeug.test import TestResponse

from pod_jobs.jobs.connection import WEB_TIMEOUT_S, connect_promptly
from pod_jobs.jobs.queue import open_queue
from pod_jobs.jobs.rq_classes import PERFORM, PodJob
from pod_jobs.settings import QUEUES
from tests.acceptance.accessibility import violations
from tests.acceptance.test_looks import keep_picture
from tests.integration.web.conftest import Browser, Caller, problem

SAME_SITE = {"Sec-Fetch-Site": "same-origin"}
XSS = "<img src=x onerror=\"document.title='owned'\"><script>document.title='owned'</script>"


@pytest.fixture
def admin(browser: Browser) -> Browser:
    browser.sign_in("ada")
    return browser


def add_failed(redis: Redis, job_id: str, text: str = "boom") -> Job:
    queue = open_queue(redis, "encoding")
    job = PodJob.create(
        "pod_jobs.jobs.runtime.perform",
        args=("encode", {"task": 1, "generation": 1}),
        id=job_id,
        connection=redis,
        description=text,
        meta={"note": text},
        origin="encoding",
        status=JobStatus.FAILED,
    )
    job.save()
    redis.sadd("rq:queues", queue.key)
    FailedJobRegistry(queue=queue).add(job, -1)
    Result.create_failure(job, 600, f"Traceback {text}")
    return job


def post(browser: Browser, path: str, headers: dict[str, str] | None = None) -> TestResponse:
    return browser.send("POST", path, headers=SAME_SITE if headers is None else headers)


def listed(
    browser: Browser, *, per_page: object = 8, page: object = 1, order: str = "asc", kind: str = "failed"
) -> Any:
    return browser.get(f"/rq/0/data/jobs/encoding/{kind}/{per_page}/{order}/{page}.json")


@pytest.mark.parametrize("path", ["/rq/", "/rq/0/view/jobs", "/rq/0/data/queues.json", "/rq/favicon.ico"])
def test_only_administrators_come_in(browser: Browser, path: str) -> None:
    assert browser.get(path).location.startswith("/sign-in")
    for name, status in (("léa", 403), ("tina", 403), ("ada", 200)):
        browser.client.delete_cookie("pod_jobs_8000")
        browser.sign_in(name)
        assert browser.get(path).status_code == status


def test_every_page_of_it_works_on_our_jobs(admin: Browser, redis: Redis) -> None:
    add_failed(redis, "encode-1-g1")
    for page in ("", "0/view/jobs", "0/view/workers", "0/view/job/encode-1-g1", "0/view/jobs/encoding/failed/8/asc/1"):
        assert admin.get(f"/rq/{page}").status_code == 200
    queues = admin.get("/rq/0/data/queues.json").get_json()["queues"]
    assert [(q["name"], q["failed_job_registry_count"]) for q in queues] == [("encoding", 1)]
    job = admin.get("/rq/0/data/job/encode-1-g1.json").get_json()
    assert (job["status"], json.loads(job["metadata"])) == ("failed", {"note": "boom"})


@pytest.mark.parametrize(
    ("number", "fields"),
    [
        ("99999999999999999-0", {"type": "2", "exc_string": "x"}),
        ("1700000000000-0", {"type": "many"}),
        ("1700000000000-0", {"exc_string": "x"}),
        ("1700000000000-0", {"type": "2", "exc_string": "no base64"}),
        ("1700000000000-0", {"type": "1", "return_value": "AAAA"}),
        ("1700000000000-0", {"type": "2", "execution_ended_at": "inf"}),
    ],
)
def test_a_result_that_others_wrote_breaks_no_page(
    admin: Browser, redis: Redis, number: str, fields: dict[Any, Any]
) -> None:
    add_failed(redis, "encode-1-g1")
    redis.delete("rq:results:encode-1-g1")
    redis.xadd("rq:results:encode-1-g1", fields, id=number)
    assert [job["id"] for job in listed(admin).get_json()["jobs"]] == ["encode-1-g1"]
    assert admin.get("/rq/0/data/job/encode-1-g1.json").status_code == 200


def test_a_busy_worker_is_shown_with_its_job(admin: Browser, redis: Redis, app: Any) -> None:
    job = add_failed(redis, "encode-1-g1")
    with_own_timeouts = Redis.from_url(f"unix://{redis.connection_pool.connection_kwargs['path']}")
    worker = Worker([open_queue(redis, "encoding")], connection=with_own_timeouts, serializer=JSONSerializer)
    worker.register_birth()
    worker.prepare_execution(job)
    worker.prepare_job_execution(job)
    shown = admin.get("/rq/0/data/workers.json").get_json()["workers"]
    assert [w["current_job"]["job_id"] for w in shown] == ["encode-1-g1"]
    assert "'task': 1" in shown[0]["current_job"]["call_string"]
    assert app.redis_conn.connection_pool.connection_kwargs["socket_timeout"] == WEB_TIMEOUT_S  # RQ would raise it
    with_own_timeouts.close()


def test_no_get_changes_anything(admin: Browser, redis: Redis, app: Flask) -> None:
    add_failed(redis, "encode-1-g1")
    assert admin.get("/rq/requeue/encoding", headers=SAME_SITE).status_code == 403
    before = sorted((key, redis.dump(key)) for key in redis.scan_iter("rq:*"))
    values = {"instance_number": "0", "queue_name": "encoding", "registry_name": "failed", "job_id": "encode-1-g1"}
    values |= {"per_page": "8", "order": "asc", "page": "1"}
    rules = [rule for rule in app.url_map.iter_rules() if rule.endpoint.startswith("rq_dashboard.")]
    for rule in rules:
        if "GET" in rule.methods and rule.endpoint != "rq_dashboard.static":
            admin.get(re.sub(r"<(?:int:)?(\w+)>", lambda name: values[name[1]], rule.rule), headers=SAME_SITE)
    assert sorted((key, redis.dump(key)) for key in redis.scan_iter("rq:*")) == before


@pytest.mark.parametrize("site", ["cross-site", "same-site", "none", None])
def test_no_other_site_changes_anything(admin: Browser, redis: Redis, site: str | None) -> None:
    add_failed(redis, "encode-1-g1")
    headers = {} if site is None else {"Sec-Fetch-Site": site}
    for path in (
        "requeue/encoding",
        "job/encode-1-g1/requeue",
        "job/encode-1-g1/delete",
        "queue/encoding/failed/empty",
    ):
        assert post(admin, f"/rq/{path}", headers).status_code == 403
        assert admin.client.post(f"/rq/{path}", headers=SAME_SITE).status_code == 403  # nor without the CSRF token
    assert FailedJobRegistry(queue=open_queue(redis, "encoding")).get_job_ids(cleanup=False) == ["encode-1-g1"]


def test_its_own_buttons_work_and_keep_jobs_json(admin: Browser, redis: Redis) -> None:
    for number in (1, 2, 3):
        add_failed(redis, f"encode-{number}-g1")
    assert post(admin, "/rq/job/encode-1-g1/delete").status_code == 200
    assert post(admin, "/rq/job/encode-2-g1/requeue").status_code == 200
    assert post(admin, "/rq/requeue/encoding").get_json()["count"] == 1
    queue = open_queue(redis, "encoding")
    assert queue.get_job_ids() == ["encode-2-g1", "encode-3-g1"]
    job = PodJob.fetch("encode-2-g1", connection=redis)
    assert (job.args, job.meta) == (["encode", {"task": 1, "generation": 1}], {"note": "boom"})


def test_a_running_job_is_not_deleted_under_its_worker(admin: Browser, redis: Redis) -> None:
    job = add_failed(redis, "encode-1-g1")
    job.set_status(JobStatus.STARTED)
    assert post(admin, "/rq/job/encode-1-g1/delete").status_code == 409
    assert post(admin, "/rq/queue/encoding/started/empty").status_code == 409
    assert PodJob.exists("encode-1-g1", connection=redis)


@pytest.mark.parametrize(
    "path",
    [
        "/rq/0/view/job/none",
        "/rq/0/data/job/none.json",
        "/rq/0/view/job/%3Cscript%3E",
        "/rq/1/view/queues",
        "/rq/7/data/queues.json",
        "/rq/0/view/jobs/none/failed/8/asc/1",
        "/rq/0/view/jobs/encoding/none/8/asc/1",
        "/rq/0/view/jobs/encoding/failed/8/none/1",
        "/rq/0/view/jobs/');alert(1);('/failed/8/asc/1",
        "/rq/0/data/jobs/encoding/failed/x/asc/1.json",
        "/rq/0/data/jobs/encoding/failed/8/asc/-1.json",
    ],
)
def test_what_is_not_there_is_404(admin: Browser, path: str) -> None:
    assert admin.get(path).status_code == 404


def test_posts_about_unknown_or_healthy_jobs(admin: Browser, redis: Redis) -> None:
    assert post(admin, "/rq/job/none/requeue").status_code == 404
    assert post(admin, "/rq/job/none/delete").status_code == 404
    open_queue(redis, "encoding").enqueue_call(
        PERFORM, args=("encode", {"task": 9, "generation": 1}), job_id="encode-9-g1"
    )
    assert post(admin, "/rq/job/encode-9-g1/requeue").status_code == 409


def test_pages_hold_what_they_say_and_no_more(admin: Browser, redis: Redis) -> None:
    for number in range(25):
        add_failed(redis, f"encode-{number:02d}-g1")
    everything = [f"encode-{number:02d}-g1" for number in range(25)]
    for order, expected in (("asc", everything), ("dsc", everything[::-1])):
        pages = [[job["id"] for job in listed(admin, page=n, order=order).get_json()["jobs"]] for n in (1, 2, 3, 4, 5)]
        assert pages == [expected[:8], expected[8:16], expected[16:24], expected[24:], []]
    assert len(listed(admin, per_page=100_000).get_json()["jobs"]) == 25
    pagination = listed(admin, page=2).get_json()["pagination"]
    assert (pagination["num_pages"], pagination["next_page"]["number"]) == (4, 3)
    page = admin.get("/rq/0/view/jobs/encoding/failed/100000/asc/1").text
    assert re.search(r'id="select-per-page"[^>]+value="100"', page)


@pytest.mark.parametrize("kind", ["queued", "scheduled", "deferred", "started", "finished", "failed", "canceled"])
def test_looking_cleans_no_registry(admin: Browser, redis: Redis, kind: str) -> None:
    """An abandoned job must be found by the janitor, not be put away by whoever looks."""
    job = add_failed(redis, "encode-1-g1")
    queue = open_queue(redis, "encoding")
    job.set_status(JobStatus.STARTED)
    execution = Execution("e1", job.id, connection=redis)
    redis.zadd(StartedJobRegistry(queue=queue).key, {execution.composite_key: 1})
    assert listed(admin, kind=kind).status_code == 200
    admin.get("/rq/0/data/queues.json")
    assert redis.zcard(StartedJobRegistry(queue=queue).key) == 1
    assert PodJob.fetch(job.id, connection=redis).get_status() == JobStatus.STARTED


def test_without_redis_it_says_so(admin: Browser, app: Flask) -> None:
    app.redis_conn = connect_promptly("unix:///nowhere")  # type: ignore[attr-defined]
    assert admin.get("/rq/0/data/queues.json").status_code == 503
    assert admin.get("/rq/0/view/job/encode-1-g1").status_code == 503


def test_the_list_of_jobs_begins_with_a_queue_of_ours(admin: Browser) -> None:
    page = admin.get("/rq/0/view/jobs").text
    assert re.search(rf'id="select-queue"[^>]+value="{QUEUES[0]}"', page)
    assert re.search(r'<option\s+selected\s+value="dsc"', page), "the newest first"


def test_scripts_run_by_nonce_only(admin: Browser) -> None:
    page = admin.get("/rq/")
    policy = page.headers["Content-Security-Policy"]
    nonce = re.search(r"script-src 'nonce-([\w-]+)' 'unsafe-eval';", policy)
    assert nonce and "frame-ancestors 'none'" in policy
    scripts = re.findall(r"<script ([^>]*)>", page.text)
    assert all(f'nonce="{nonce[1]}"' in script or 'type="text/template"' in script for script in scripts)
    assert nonce[1] not in admin.get("/rq/").text


@pytest.fixture
def address(app: Flask) -> Iterator[str]:
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.port}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_hostile_text_stays_text_in_a_real_browser(
    admin: Browser, redis: Redis, address: str, chromium: Chromium
) -> None:
    """Description, meta, traceback, and the names of queues and workers are shown as they are, on every page."""
    add_failed(redis, "encode-1-g1", XSS)
    redis.sadd("rq:queues", f"rq:queue:{XSS}")
    redis.sadd("rq:workers", f"rq:worker:{XSS}")
    redis.hset(f"rq:worker:{XSS}", mapping={"queues": "encoding", "state": "idle"})
    cookie = admin.client.get_cookie("pod_jobs_8000")
    assert cookie is not None
    with closing(chromium.new_context()) as context:
        page = context.new_page()
        page.context.add_cookies([{"name": cookie.key, "value": cookie.value, "url": address}])
        faults: list[str] = []
        page.on("pageerror", lambda error: faults.append(str(error)))
        for path, shown in (
            ("queues", XSS),
            ("workers", XSS),
            ("jobs/encoding/failed/8/asc/1", f"Traceback {XSS}"),
            ("job/encode-1-g1", f"Traceback {XSS}"),
        ):
            page.goto(f"{address}/rq/0/view/{path}")
            page.get_by_text(shown).first.wait_for(timeout=10_000)
            assert page.title() == "RQ · pod_jobs" and page.locator("main img").count() == 0
        with page.expect_response("**/requeue") as answered:
            page.click("#requeue-job-btn")
        assert answered.value.status == 200
        assert faults == []
    assert open_queue(redis, "encoding").get_job_ids() == ["encode-1-g1"]


@pytest.mark.parametrize("width", [360, 1280])
def test_pages_can_be_read(admin: Browser, redis: Redis, address: str, chromium: Chromium, width: int) -> None:
    """On a phone and on a desk: enough contrast, a heading, no text over other text, no page wider than the screen."""
    add_failed(redis, "encode-1-g1", "boom " * 40)
    add_worker(redis)
    cookie = admin.client.get_cookie("pod_jobs_8000")
    assert cookie is not None
    with closing(chromium.new_context(viewport={"width": width, "height": 800})) as context:
        page = context.new_page()
        page.context.add_cookies([{"name": cookie.key, "value": cookie.value, "url": address}])
        for path, shown in (
            ("queues", "encoding"),
            ("workers", "encoding 4711 @ video-host"),
            ("jobs/encoding/failed/8/dsc/1", "boom"),
            ("job/encode-1-g1", "boom"),
        ):
            page.goto(f"{address}/rq/0/view/{path}")
            page.get_by_text(shown).first.wait_for(timeout=10_000)
            assert page.locator("h1").count() == 1
            assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), path
            intro, table = page.locator("p.intro").first, page.locator("main table").first
            if intro.count() and table.count():
                words = intro.evaluate(
                    "p => { const r = document.createRange(); r.selectNodeContents(p);"
                    "return r.getBoundingClientRect().bottom }"
                )
                assert words <= table.evaluate("t => t.getBoundingClientRect().top"), f"{path}: text over the table"
            assert violations(page) == [], path
            keep_picture(page, f"rq-{path.partition('/')[0]}-{width}")


def add_worker(redis: Redis) -> None:
    name = "encoding.video-host.4711.1.1700000000"
    for key in ("rq:workers", "rq:workers:encoding"):
        redis.sadd(key, f"rq:worker:{name}")
    redis.hset(f"rq:worker:{name}", mapping={"queues": "encoding", "state": "idle", "hostname": "video-host"})


def test_workers_have_names_to_read_and_queues_lead_to_the_newest(admin: Browser, redis: Redis) -> None:
    add_failed(redis, "encode-1-g1")
    add_worker(redis)
    [worker] = admin.get("/rq/0/data/workers.json").get_json()["workers"]
    assert worker["name"] == "encoding 4711 @ video-host"
    [queue] = admin.get("/rq/0/data/queues.json").get_json()["queues"]
    assert queue["failed_url"] == "/rq/0/view/jobs/encoding/failed/8/dsc/1"
    assert not [url for url in queue.values() if "/asc/" in str(url)]


def test_a_problem_of_the_dashboard_is_a_page(admin: Browser) -> None:
    assert admin.get("/rq/0/view/job/none").mimetype == "text/html"
    problem(admin.get("/api/v1/none"), 404, "not-found")


def test_compacting_keeps_the_jobs_and_takes_an_empty_queue(admin: Browser, redis: Redis) -> None:
    assert post(admin, "/rq/queue/encoding/compact").status_code == 200
    queue = open_queue(redis, "encoding")
    for number in (1, 2):
        payload = {"task": number, "generation": 1}
        queue.enqueue_call(PERFORM, args=("encode", payload), job_id=f"encode-{number}-g1")
        redis.rpush(queue.key, f"gone-{number}")
    assert post(admin, "/rq/queue/encoding/compact").status_code == 200
    assert queue.get_job_ids() == ["encode-1-g1", "encode-2-g1"]


def test_it_says_how_many_wait_in_the_catalog(admin: Browser, lea: Caller) -> None:
    assert "wait for their turn" not in admin.get("/rq/").text
    for number in range(4):
        lea.upload(name=f"{number}.mp4")
    page = admin.get("/rq/0/view/jobs").text
    assert "In the catalog 3 more wait for their turn" in page and "/team/tasks?state=waiting" in page
