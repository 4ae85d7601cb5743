"""Hands the end of a task over to an Esup-Pod 4.1: its files into the media folder that Pod shares, and then the callback.

Only an answer 200 settles it. A try may be repeated at any time: each file takes its name when it is complete, and
info_video.json comes last. Pod refuses with 400 to import an encoding that it imported already: after a try without an answer,
or with a fault (a mail that it could not send), that means that it knows. Of a studio session and of captions, it knows when it
has taken the file away. A failure goes the same way, because a video that Pod hears nothing of stays "in progress" for ever.
"""

import json
import os
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pod_jobs.catalog.site_words import error_words
from pod_jobs.catalog.store.site_callbacks import Debt, Outcome, Result
from pod_jobs.celery import results
from pod_jobs.celery.orders import ENCODING, STUDIO
from pod_jobs.celery.results import End, ResultFile
from pod_jobs.celery.shared_folder import (
    check_mounted,
    is_there,
    make_folder,
    open_folder,
    path_within,
    put,
    put_copy,
    text_of,
)
from pod_jobs.errors import Malformed, ServiceUnavailable, SettingsError
from pod_jobs.janitor.posting import Callback, post
from pod_jobs.media_folder import LOG_NAME
from pod_jobs.outside.addresses import Resolve
from pod_jobs.outside.exchange import Times
from pod_jobs.settings import Settings
from pod_jobs.settings.site import SiteSettings
from pod_jobs.system.sealing import Seal

TEMPORARY = "temp"  # the folder in Pod's media folder for captions that it has not imported yet
GIVEN = ".pod-jobs-given"  # ends the name of a mark beside a file that Pod was told of
OK, BAD_REQUEST = 200, 400


@dataclass(frozen=True)
class CelerySender:
    """Hands over one end. Uses no database. `is_void(debt)`: need Pod not be told any more? While files are copied, a newer order
    may replace the task, and Pod would import the old result for it."""

    settings: Settings
    times: Times
    resolve: Resolve | None = None
    is_void: Callable[[Debt], bool] = lambda debt: False

    def __call__(self, site: SiteSettings, debt: Debt, result: Result) -> Outcome:
        end, root = end_of(debt, result), Path(site.shared_folder)
        try:
            check_mounted(root, result.folder_mark)
            if end.task_type == ENCODING:
                end = self._place_encoding(root, end, result)
                return self._tell(site, debt, results.callback_body(end))
            if end.task_type == STUDIO:
                return self._give_studio(site, debt, end, result)
            return self._give_captions(site, debt, end, result)
        except (ServiceUnavailable, SettingsError, Malformed) as error:
            return Outcome(False, error.reason)
        except OSError as error:
            return Outcome(False, f"the media folder {site.shared_folder}: {error}")

    def _give_studio(self, site: SiteSettings, debt: Debt, end: End, result: Result) -> Outcome:
        def tell() -> Outcome:
            return self._tell(site, debt, results.callback_body(end))

        if end.error:
            return tell()
        root = Path(site.shared_folder)
        target = path_within(root, end.arguments["video_output"])

        def write() -> None:
            self._copy(result, LOG_NAME, folder, f"{target.stem}.log")
            for file in end.files:
                if file.kind == "mp4":
                    self._copy(result, file.name, folder, target.name)

        with open_folder(root, str(target.parent)) as folder:
            return _give(folder, target.name, debt, write, tell)

    def _give_captions(self, site: SiteSettings, debt: Debt, end: End, result: Result) -> Outcome:
        root, name = Path(site.shared_folder), f"pod_jobs-{debt.public_id}.vtt"

        def write() -> None:
            if end.error:
                put(folder, name, results.captions_of_failure(end).encode())
            for file in end.files:
                if file.kind == "captions":
                    self._copy(result, file.name, folder, name)

        def tell() -> Outcome:
            return self._tell(site, debt, results.callback_body(end, str(root / TEMPORARY / name)))

        with make_folder(root, str(root / TEMPORARY)) as folder:
            return _give(folder, name, debt, write, tell)

    def _place_encoding(self, root: Path, end: End, result: Result) -> End:
        """Put the files beside the source. A failure whose source is not in Pod's media folder is described in that folder: Pod
        reads the description beside the path that the callback names."""
        try:
            self._fill(root, end, result)
        except (Malformed, OSError):
            if not end.error:
                raise
            with make_folder(root, str(root / TEMPORARY)):
                elsewhere = str(root / TEMPORARY / (Path(end.arguments["video_path"]).name or "video"))
            end = replace(end, arguments={**end.arguments, "video_path": elsewhere})
            self._fill(root, end, result)
        return end

    def _fill(self, root: Path, end: End, result: Result) -> None:
        with make_folder(root, results.output_folder(end)) as folder:
            for file in results.wanted_files(end):
                self._copy(result, file.name, folder, file.name)
            put(folder, results.INFO, results.describe(end).encode())

    def _copy(self, result: Result, name: str, folder: int, new_name: str) -> None:
        media = self.settings.media
        output = media.open_output(result.video, result.folder.rpartition("/")[2], name)
        if output is None:
            raise ServiceUnavailable(f"the output {result.folder}/{name} is not there")
        with output.file as file:
            put_copy(folder, new_name, file)

    def _tell(self, site: SiteSettings, debt: Debt, body: dict[str, Any]) -> Outcome:
        if self.is_void(debt):
            return Outcome(False, "nobody has to be told any more")
        url = _opened(Seal(self.settings.secret("site_key")), debt.notify_url)
        token = self.settings.site_token(site)

        def is_known(status: int) -> bool:
            return status == OK or (status == BAD_REQUEST and debt.is_unclear)

        callback = Callback(url, f"Token {token}", json.dumps(body).encode(), is_known, faults_are_unclear=True)
        return post(site, callback, self.times, self.resolve)


def _give(folder: int, name: str, debt: Debt, write: Callable[[], None], tell: Callable[[], Outcome]) -> Outcome:
    """Tell Pod of the file `name`, which it takes away. Given again, it would become a second video or second captions: so if it
    is gone after an earlier try to tell this end, Pod knows. A mark beside the file says that there was such a try."""
    mark, told = f".{name}{GIVEN}", f"{debt.public_id} {debt.ends}"
    if is_there(folder, name) or text_of(folder, mark) != told:
        write()
        put(folder, mark, told.encode())
        outcome = tell()
        if not outcome.delivered:
            return outcome
    with suppress(OSError):
        os.unlink(mark, dir_fd=folder)
    return Outcome(True)


def end_of(debt: Debt, result: Result) -> End:
    """How the task ended, in Pod's terms."""
    files = (
        ResultFile(output.name, output.kind, output.rendition or "", output.language or "") for output in result.outputs
    )
    return End(
        task_type=result.asked["task_type"],
        arguments=result.asked["arguments"],
        started_at=result.started_at,
        ended_at=result.ended_at,
        error=error_words(debt.state, debt.error_code, debt.error_facts, debt.error_reason) or "",
        files=tuple(files),
        duration_s=result.duration_s,
        is_video=result.is_video,
        facts=result.facts,
    )


def _opened(seal: Seal, text: str) -> str:
    try:
        return seal.open(text)
    except ValueError as error:
        raise SettingsError(f"secrets/site_key: {error}") from error
