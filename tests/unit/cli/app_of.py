"""A web app for commands: it answers as the test says, and keeps what it was asked."""

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from click.testing import CliRunner, Result

from pod_jobs.cli import captions, tasks, traces, videos, workers
from pod_jobs.cli.root import root


class AppOf:
    """Stands for `Api`. `answers`: method and path -> the answer; an exception is raised, and of a tuple each call gets the next
    one. `asked` has method and path of each call, with what was sent."""

    def __init__(self, **answers: Any) -> None:
        self.answers = {name: iter(answer) if isinstance(answer, tuple) else answer for name, answer in answers.items()}
        self.asked: list[tuple[str, Any]] = []

    def get(self, path: str, **query: Any) -> Any:
        return self._answer(f"GET {path}", query)

    def post(self, path: str, body: Any = None) -> Any:
        return self._answer(f"POST {path}", body)

    def pages(self, path: str, name: str, **query: Any) -> Iterator[Any]:
        yield from self.get(path, **query)[name]

    def call(self, method: str, path: str, **options: Any) -> Any:
        answer = self._answer(f"{method} {path}", options)
        return SimpleNamespace(json=lambda: answer, content=answer)

    def _answer(self, call: str, sent: Any) -> Any:
        self.asked.append((call, sent))
        answer = self.answers[call]
        answer = next(answer) if isinstance(answer, Iterator) else answer
        if isinstance(answer, Exception):
            raise answer
        return answer


def run(monkeypatch: pytest.MonkeyPatch, app: AppOf, *words: str, stdin: str = "") -> Result:
    """Run `pod-jobs` with these words, with the settings as they are without an instance; all commands ask `app`."""
    monkeypatch.setenv("POD_JOBS_HOME", "/nowhere/pod_jobs")
    for module in (captions, tasks, traces, videos, workers):
        monkeypatch.setattr(module, "Api", lambda settings: app)
    return CliRunner().invoke(root, [*words], input=stdin)
