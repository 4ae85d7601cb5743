"""What workers say: a worker on another host may be of another version, or mad. Nothing that it says is a 500, or kept."""

import math
from typing import Any

import pytest
from redis import Redis

from pod_jobs.catalog.new_task import NewTask, Purpose
from pod_jobs.catalog.store import tasks
from pod_jobs.jobs import queue
from pod_jobs.storage.web_host_folder import WebHostFolder
from pod_jobs.web.services import now
from tests.integration.web.conftest import OUTPUT_FILES, OUTPUTS, RESULT, Caller, Worker, problem

HUGE = 2**70
WRONG_FACTS: tuple[dict[str, Any], ...] = (  # a page, a search or a callback that reads them would be a 500
    {"duration_s": "long"},
    {"timeline": "x"},
    {"timeline": {"ranges": [[1]], "offset_s": 0}},
    {"timeline": {"ranges": []}},
    {"video": "x"},
    {"video": {"fps": "many"}},
    {"video": {"display_size": 7}},
    {"audio": 7},
    {"audio": [7]},
    {"subtitles": 7},
)


@pytest.fixture
def order(lea: Caller, worker: Worker) -> dict[str, Any]:
    return worker.start(lea.upload()["task"])


@pytest.mark.usefixtures("catalog")
def test_a_task_without_a_recording_begins(worker: Worker) -> None:
    task = tasks.order(None, NewTask("verify", "", {}, Purpose.NONE), None, now())
    order = worker.start({"id": task.id, "generation": 1})
    assert (order["video"], order["source"], order["site"], order["speech"]) == (None, "", {}, {})


@pytest.mark.parametrize(
    "wrong",
    [
        {"generation": True},
        {"generation": HUGE},
        {"attempt": "1"},
        {"attempt": -1},
        {"attempt": HUGE},
        {"worker": ["w"]},
        {"result": []},
        {"error_code": ["x"]},
        {"error_facts": {"limit": 1}},
        {"reason": 5},
        {"reason": "\ud800"},
        {"retry_in_s": "5"},
        {"retry_in_s": 1e300},
        {"retry_in_s": math.nan},
        {"retry_in_s": math.inf},
        {"exit_code": True},
        {"signal": 9.5},
        {"cpu_s": [1]},
        {"peak_mb": math.nan},
    ],
)
def test_a_report_of_wrong_types_is_refused(
    lea: Caller, worker: Worker, order: dict[str, Any], wrong: dict[str, Any]
) -> None:
    generation = wrong.get("generation", order["generation"])
    assert worker.report({**order, "generation": generation}, "retry", 400, **wrong)["code"] == "malformed"
    task = lea("GET", f"/api/v1/tasks/{order['task']}").get_json()
    assert (task["state"], task["attempts"][0]["outcome"]) == ("running", None)
    worker.report(order, "retry", error_code="disk-full", retry_in_s=5, more="a newer worker says more")
    assert lea("GET", f"/api/v1/tasks/{order['task']}").get_json()["state"] == "waiting"


@pytest.mark.parametrize(
    "wrong",
    [
        {"outputs": [{**OUTPUTS[0], "kind": ["mp4"]}]},
        {"outputs": [{**OUTPUTS[0], "bytes": "8"}]},
        {"outputs": [{**OUTPUTS[0], "height_px": HUGE}]},
        {"outputs": [{"name": "a.mp4"}]},
        {"duration_s": "long"},
        {"duration_s": math.nan},
        {"is_video": "yes"},
        {"facts": []},
        *({"facts": facts} for facts in WRONG_FACTS),
        {"warnings": [{"reason": "without a code"}]},
        {"warnings": [{"code": ["x"]}]},
        {"warnings": [{"code": "warning-faults", "facts": {"at": 1}}]},
        {"infos": []},
        {"infos": {"subtitles": 5}},
        {"infos": {"sums": ["x"]}},
        {"wall_s": {}},
    ],
)
def test_a_result_of_wrong_types_is_rejected(
    lea: Caller, worker: Worker, order: dict[str, Any], wrong: dict[str, Any]
) -> None:
    result = {"folder": worker.folder(order), "outputs": OUTPUTS, **wrong}
    assert worker.report(order, "done", 422, result=result)["code"] == "result-rejected"
    worker.finish(order)
    assert lea("GET", f"/api/v1/videos/{order['video']}").get_json()["state"] == "ready"


@pytest.mark.parametrize("figure", [math.nan, math.inf])
@pytest.mark.parametrize("name", ["infos", "facts"])
def test_a_figure_that_no_browser_reads_is_rejected(
    lea: Caller, worker: Worker, order: dict[str, Any], name: str, figure: float
) -> None:
    worker.write(order, OUTPUT_FILES)
    result = {"folder": worker.folder(order), "outputs": OUTPUTS, name: {"x": [figure]}}
    assert worker.report(order, "done", 400, result=result)["code"] == "malformed"
    assert lea("GET", f"/api/v1/tasks/{order['task']}").get_json()["state"] == "running"


@pytest.mark.parametrize("wrong", [{"pid": HUGE}, {"pid": -1}, {"generation": HUGE}, {"worker": 1}, {"host": None}])
def test_a_start_of_wrong_types_is_refused(callers: dict[str, Caller], wrong: dict[str, Any]) -> None:
    task = callers["léa"].upload()["task"]
    said = {"generation": 1, "worker": "w", "host": "h", "pid": 1, **wrong}
    problem(callers["workers"]("POST", f"/api/v1/tasks/{task['id']}/start", json=said), 400, "malformed")


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null", b"\xff", b"[" * 100_000])
def test_what_is_no_json_object_is_refused(worker: Worker, order: dict[str, Any], body: bytes) -> None:
    path = f"/api/v1/tasks/{order['task']}/report"
    problem(worker.caller("POST", path, data=body, content_type="application/json"), 400, "malformed")


def test_results_that_point_elsewhere_are_rejected(lea: Caller, worker: Worker) -> None:
    order = worker.start(lea.upload()["task"])
    own = worker.folder(order)
    output = {"kind": "mp4", "mime": "video/mp4", "bytes": 1}
    results: tuple[dict[str, Any], ...] = (
        {"folder": "videos/000001/../../../etc", "outputs": []},
        {"folder": "videos/000002/encode-1-g1", "outputs": []},
        {"folder": own, "outputs": [{**output, "name": "../x"}]},
        {"folder": own, "outputs": [{**output, "name": ".hidden"}]},
        {"folder": own, "outputs": "all"},
        {"outputs": []},
        {},
    )
    for result in results:
        assert worker.report(order, "done", 422, result=result)["code"] == "result-rejected"
    assert worker.report(order, "made-up", 422)["code"] == "result-rejected"
    assert worker.report({**order, "generation": "1"}, "done", 400)["code"] == "malformed"
    assert worker.report({**order, "generation": 7}, "done", 409, result={"folder": own, "outputs": []})
    worker.finish(order)


def test_sizes_that_a_network_share_remembers_are_not_believed(
    lea: Caller, worker: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    order = worker.start(lea.upload()["task"])
    stale = dict.fromkeys(list(OUTPUT_FILES)[1:], 1)
    monkeypatch.setattr(WebHostFolder, "sizes", lambda *_: stale)
    worker.finish(order)
    assert lea("GET", f"/api/v1/tasks/{order['task']}").get_json()["state"] == "done"


@pytest.mark.parametrize("fault", ["missing", "longer", "link", "no folder", "not published"])
def test_outputs_that_are_not_there_are_rejected(lea: Caller, worker: Worker, fault: str) -> None:
    order = worker.start(lea.upload()["task"])
    if fault != "no folder":
        worker.write(order, OUTPUT_FILES)
    folder = worker.media / worker.folder(order)
    if fault == "missing":
        (folder / "audio.mp3").unlink()
    elif fault == "longer":
        (folder / "audio.mp3").write_bytes(b"ID3 and more")
    elif fault == "link":
        (folder / "audio.mp3").rename(folder / "x")
        (folder / "audio.mp3").symlink_to("x")
    elif fault == "not published":
        folder.rename(folder.with_name(f"{folder.name}.part"))
    result = {"folder": worker.folder(order), "outputs": OUTPUTS, **RESULT}
    told = worker.report(order, "done", 422, result=result)
    assert told["code"] == "result-rejected" and "outputs: " in told["detail"]
    assert lea("GET", f"/api/v1/tasks/{order['task']}").get_json()["state"] == "running"
    if fault == "link":
        (folder / "audio.mp3").unlink()
    worker.finish(order)
    assert lea("GET", f"/api/v1/tasks/{order['task']}").get_json()["state"] == "done"


def test_after_a_death_the_next_generation_is_enqueued_at_once(lea: Caller, worker: Worker, redis: Redis) -> None:
    order = worker.start(lea.upload()["task"])
    assert worker.report(order, "killed", reason="signal 9") == {"task": 1, "state": "waiting", "generation": 2}
    assert queue.fetch(redis, "encode-1-g2") is not None
