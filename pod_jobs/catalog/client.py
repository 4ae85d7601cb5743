"""A worker's client of the catalog's REST API. Workers have no other access to the catalog and may run on other hosts."""

from dataclasses import dataclass, field
from typing import Any

import requests

from pod_jobs.answers import error_of, is_success
from pod_jobs.catalog import seals
from pod_jobs.catalog.lanes_client import LanesClient
from pod_jobs.errors import ServiceUnavailable
from pod_jobs.http_session import new_session

TIMES_S = (3, 20)  # to connect, and to get an answer
HURRIED_S = (1, 2)  # when the worker is stopping


@dataclass(frozen=True)
class Order:
    """The answer of `start`: the run of a task that this worker may do.

    source, folder  relative to the media folder; "" without a video
    settings        sections of the web host's settings.toml
    files           name of a file in these settings -> its name in the media folder
    others          option -> source of the video that it names
    media           identity of the catalog's media folder; "" = any
    key             opens the files of this attempt to a worker that has no part in the media folder
    failures        earlier attempts whose ffmpeg was killed
    speech          what people want of the transcription (jobs/speech/wish.py), and `corrections`, [[heard, right, language], …]
    site            {} unless a site ordered the task; else {"name", "age_s"}, seconds since the order, and either "hosts" and
                    "networks" that files may be fetched from, or "folder", in which its files are on this host too ("" = none),
                    with "folder_mark", the id in that folder ("" = any)
    """

    task: int
    generation: int
    attempt: int
    failures: int
    kind: str
    template: str
    video: int | None
    title: str
    source: str
    folder: str
    options: dict[str, Any] = field(default_factory=dict)
    others: dict[str, str] = field(default_factory=dict)
    media: str = ""
    key: str = field(default="", repr=False)
    speech: dict[str, Any] = field(default_factory=dict)
    site: dict[str, Any] = field(default_factory=dict)
    settings: dict[str, Any] = field(default_factory=dict, repr=False)
    files: dict[str, str] = field(default_factory=dict)

    @property
    def words(self) -> str:
        """The order in words, for the log: "encode of video 3", "verify"."""
        return self.kind if self.video is None else f"{self.kind} of video {self.video}"


class CatalogClient:
    """One session to the catalog at `url` (no slash at the end), with the workers' token."""

    def __init__(self, url: str, token: str) -> None:
        self._url = f"{url}/api/v1"
        self._session = new_session()
        self._session.headers["Authorization"] = f"Token {token}"
        self.lanes = LanesClient(self._post)

    def start(self, task_id: int, generation: int, worker: str, host: str, pid: int, **versions: str) -> Order:
        """Begin a run. `versions`: "version" of pod_jobs and "ffmpeg", as far as they are known.

        Errors: Superseded, Cancelled, NotFound: there is nothing to do; WorkerRefused: another worker may do it;
        ServiceUnavailable: try again later."""
        who = {"worker": worker, "host": host, "pid": pid, **versions}
        answer = self._post(f"/tasks/{task_id}/start", {"generation": generation, **who})
        return Order(**{name: answer[name] for name in Order.__dataclass_fields__ if name in answer})

    def begin_inspection(self, video_id: int) -> dict[str, Any]:
        """{"needed", "source", "media"}: does anybody wait for a look at this video, and where is its source?

        Errors: NotFound; WorkerRefused; ServiceUnavailable: try again later."""
        return self._post(f"/videos/{video_id}/inspection/start", {})

    def inspected(self, video_id: int, findings: dict[str, Any]) -> None:
        """Tell what a look at the source found. Errors: NotFound, Refused: nobody waits for it; ResultRejected;
        ServiceUnavailable: try again later."""
        self._post(f"/videos/{video_id}/inspection", findings)

    def report(self, task_id: int, report: dict[str, Any], seal: str, *, in_a_hurry: bool = False) -> None:
        """Report how an attempt ended. `seal`: that of seals.py. Errors: Superseded, NotFound: it changes nothing;
        ResultRejected: the catalog has ended the attempt with an error instead; ServiceUnavailable: try later."""
        times_s = HURRIED_S if in_a_hurry else TIMES_S
        self._post(f"/tasks/{task_id}/report?final=1", report, {seals.HEADER: seal}, times_s)

    def _post(
        self,
        path: str,
        body: dict[str, Any],
        headers: dict[str, str] | None = None,
        times_s: tuple[float, float] = TIMES_S,
    ) -> dict[str, Any]:
        try:
            response = self._session.post(
                self._url + path,
                json=body,
                headers=headers,
                timeout=times_s,
                allow_redirects=False,
            )
            if is_success(response):
                answer: dict[str, Any] = response.json()
                return answer
        except requests.RequestException as error:
            raise ServiceUnavailable(f"catalog {self._url}{path}: {type(error).__name__}: {error}") from error
        raise error_of(response, f"catalog {path}")
