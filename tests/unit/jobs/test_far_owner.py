"""The owner of a long recording and its helpers elsewhere, without a web app between them."""

import threading
from pathlib import Path
from typing import cast

import pytest

from pod_jobs.errors import Superseded
from pod_jobs.jobs.far_owner import Called, _FarOwner
from pod_jobs.media.sharing import chunks
from pod_jobs.storage import Run
from pod_jobs.storage.far_help import FarHelp
from pod_jobs.storage.helpers_folder import HelperState

RUN = Run(3, "encode", 7, 1, "web", attempt=1, key="key")
WANTS = HelperState(None, None, 0, "1-0", wants=True, files=None)


class Web:
    """What the web app says: these helpers have offered their help, and `gone` have left since."""

    def __init__(self, *helpers: str, gone: str = "") -> None:
        self.helpers, self.gone = helpers, gone
        self.given: dict[str, int | None] = {}
        self.is_over = False

    def call(self, run: Run, said: bytes) -> None: ...

    def close(self, run: Run) -> None: ...

    def states(self, run: Run) -> dict[str, HelperState]:
        if self.is_over:
            raise Superseded("it is over")
        return dict.fromkeys(self.helpers, WANTS)

    def give(self, run: Run, helper: str, piece: int | None) -> None:
        if helper == self.gone:
            raise Superseded("none from this worker any more")
        self.given[helper] = piece


def owner_of(web: Web, shared: Path) -> _FarOwner:
    called = Called(2, b"", lambda number, files: None, lambda folder, number: None)
    return _FarOwner(cast(FarHelp, web), RUN, shared, lambda folder: called, ".note")


def test_a_helper_that_leaves_in_the_very_moment_ends_no_help_of_others(tmp_path: Path) -> None:
    web = Web("00a", "01b", "02c", gone="00a")
    owner = owner_of(web, tmp_path)
    owner._look(threading.Event())
    assert web.given == {"01b": 0, "02c": 1}, "its piece went to the next one"


def test_a_run_that_is_over_ends_all_help(tmp_path: Path) -> None:
    web = Web("00a")
    owner = owner_of(web, tmp_path)
    owner._look(threading.Event())
    web.is_over = True
    with pytest.raises(Superseded):
        owner._look(threading.Event())
    owner._end()
    with chunks.claimed(tmp_path, [0]) as free:
        assert free == 0
