"""An order for many goes on until no task is left, and says how many were done and why some were refused."""

from typing import Any, cast

import pytest
from click.testing import CliRunner

from pod_jobs.cli import tasks
from pod_jobs.cli.api import Api
from pod_jobs.cli.base import Fault


class Part:
    """The answers of POST /tasks/requeue, one after the other, and what was asked."""

    def __init__(self, *answers: dict[str, Any]) -> None:
        self.answers, self.asked = list(answers), []  # type: ignore[var-annotated]

    def post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        self.asked.append((path, body))
        return self.answers.pop(0)


def refusal(task: int, title: str) -> dict[str, Any]:
    return {"task": task, "title": title, "detail": f"task {task} …"}


def test_all_parts_are_asked_for_and_their_refusals_are_told_together(capsys: pytest.CaptureFixture[str]) -> None:
    wanted = {"filter": {"state": "error"}}
    part = Part(
        {"matching": 5, "done": [8, 9], "refused": [refusal(7, "Too many.")], "next": 7},
        {"matching": 2, "done": [3], "refused": [refusal(2, "Too many.")], "next": None},
    )
    with pytest.raises(Fault) as told:
        tasks._order_many(cast(Api, part), "requeue", wanted)
    assert part.asked == [("/tasks/requeue", wanted), ("/tasks/requeue", {**wanted, "before": 7})]
    assert capsys.readouterr().out == "3 tasks run again.\n"
    assert told.value.sentence == "2 of 5 were refused."
    assert "2: Too many.\n  t7: task 7 …\n  t2: task 2 …" in str(told.value.reason)


def test_parts_are_one_order_that_the_person_is_told_how_to_undo(capsys: pytest.CaptureFixture[str]) -> None:
    parts = [
        {"matching": 2, "done": [n], "refused": [], "next": next_, "order": 12} for n, next_ in ((8, 8), (3, None))
    ]
    part = Part(*parts)
    tasks._order_many(cast(Api, part), "delete", {"filter": {"state": "done"}})
    assert part.asked[1] == ("/tasks/delete", {"filter": {"state": "done"}, "before": 8, "order": 12})
    told = capsys.readouterr()
    assert told.out == "2 tasks are deleted.\n" and "pod-jobs undo 12" in told.err


def test_each_list_of_ids_is_an_order_of_its_own(capsys: pytest.CaptureFixture[str]) -> None:
    done = [{"matching": 1, "done": [number], "refused": [], "next": None} for number in (1, 2)]
    part = Part(*done)
    tasks._order_many(cast(Api, part), "requeue", {"tasks": [1]}, {"tasks": [2]})
    assert [body for _, body in part.asked] == [{"tasks": [1]}, {"tasks": [2]}]
    assert capsys.readouterr().out == "2 tasks run again.\n"


def test_one_refusal_hides_nothing_of_what_was_done(capsys: pytest.CaptureFixture[str]) -> None:
    def refuse() -> None:
        raise Fault("It has ended.")

    with pytest.raises(Fault) as told:
        tasks._try_each("cancel", {"t1": lambda: None, "t2": refuse, "t3": lambda: None})
    assert capsys.readouterr().out == "2 tasks are cancelled.\n"
    assert (told.value.sentence, told.value.reason) == ("1 of 3 were refused.", "t2: It has ended.")
    tasks._try_each("encode", {"video 1": lambda: None})
    assert capsys.readouterr().out == "1 encoding is queued.\n"


@pytest.mark.parametrize(("done", "said"), [([7], "1 task is as before.\n"), ([7, 8], "2 tasks are as before.\n")])
def test_what_was_taken_back_is_counted(done: list[int], said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    part = Part({"done": done, "refused": []})
    monkeypatch.setattr(tasks, "Api", lambda settings: part)
    assert CliRunner().invoke(tasks.undo, ["12"]).output == said
    assert part.asked == [("/tasks/undo", {"order": 12})]
