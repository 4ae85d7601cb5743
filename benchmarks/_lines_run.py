"""Which test runs which line of pod_jobs: a pytest plugin that writes it down, and what reads it.

Only lines that run in the process of the tests are seen: neither those of programs that a test starts, nor those that run once
at import.
"""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import coverage
import pytest

FOLDER = "POD_JOBS_TEST_LINES_RUN"  # environment: each process of the tests writes in this folder
SOURCE = "pod_jobs"


class _Plugin:
    def __init__(self, folder: Path) -> None:
        self._times = folder / f"{os.getpid()}.json"
        self._durations: dict[str, float] = {}
        self._coverage = coverage.Coverage(
            data_file=str(folder / f"lines-{os.getpid()}"), config_file=False, source=[SOURCE], messages=False
        )

    def pytest_sessionstart(self) -> None:
        self._coverage.start()

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[None]:
        self._coverage.switch_context(item.nodeid)
        return (yield)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self._durations[report.nodeid] = self._durations.get(report.nodeid, 0.0) + report.duration

    def pytest_sessionfinish(self) -> None:
        self._coverage.stop()
        self._coverage.save()
        self._times.write_text(json.dumps(self._durations), "utf-8")


def pytest_configure(config: pytest.Config) -> None:
    """Each worker of xdist measures; their controller runs no test."""
    if config.getoption("numprocesses", None) is None or hasattr(config, "workerinput"):
        config.pluginmanager.register(_Plugin(Path(os.environ[FOLDER])))


class LinesRun:
    """What the plugin wrote into a folder."""

    def __init__(self, folder: Path) -> None:
        self._data = [_read(path) for path in sorted(folder.glob("lines-*"))]
        self._durations: dict[str, float] = {}
        for path in sorted(folder.glob("*.json")):
            self._durations |= json.loads(path.read_text("utf-8"))

    def tests_of(self, path: Path, line: int) -> list[str]:
        """Ids of the tests that run the line, the quickest first. `path` is relative to the repository."""
        found: set[str] = set()
        for data in self._data:
            for name in data.measured_files():
                if name.endswith(f"/{path}"):
                    found.update(data.contexts_by_lineno(name).get(line, ()))
        return sorted(found & self._durations.keys(), key=self.seconds)

    def seconds(self, test: str) -> float:
        return self._durations[test]


def _read(path: Path) -> Any:
    data = coverage.CoverageData(str(path))
    data.read()
    return data
