"""pod-jobs submit, list and show: send recordings, and see what became of them."""

import json
import shlex
import sys
import time
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import click

from pod_jobs.cli.api import OPEN, Api
from pod_jobs.cli.base import Fault, InstanceCommand, echo_json, echo_table, load_settings, show_progress
from pod_jobs.cli.order_options import FILE, OF_SPEECH, OF_VIDEOS, as_order, as_wish, with_options
from pod_jobs.cli.words import clock, describe_task, harmless, local_time, size
from pod_jobs.media_folder import WEB
from pod_jobs.settings import Settings

POLL_S = 0.5
PIECE_BYTES = 256 * 1024
UPLOAD_TIMEOUT_S = 600  # from the last byte to the answer: the server syncs the file to the disk
LIST_LIMIT = 50


@click.command(cls=InstanceCommand)
@click.argument("files", nargs=-1, required=True, type=FILE, metavar="FILE…")
@click.option("--title", help="Title of the video; default: from the file name. Only with one file.")
@click.option("--template", "templates", multiple=True, help="Also encode by this template of the settings.")
@with_options(OF_VIDEOS)
@with_options(OF_SPEECH)
@click.option("--wait", is_flag=True, help="Follow the encoding to its end; exit code 1 when one failed.")
@click.option("--json", "as_json", is_flag=True, help="One line per file, each a JSON object.")
def submit(
    files: tuple[Path, ...], title: str | None, templates: tuple[str, ...], wait: bool, as_json: bool, **values: Any
) -> None:
    """Send recordings to be encoded."""
    if title and len(files) > 1:
        raise click.UsageError("--title goes with one file")
    settings = load_settings()
    if unknown := set(templates) - set(settings.templates):
        raise click.UsageError(f"--template {sorted(unknown)[0]} is none of {', '.join(settings.templates)}")
    api, options = Api(settings), as_order(values)
    query = {"title": title, "options": json.dumps({**options, **as_wish(values)})}
    sent: list[tuple[Path, dict[str, Any]]] = []
    refused = []
    failed = False
    for file in files:
        try:
            video = _upload(api, file, query)
        except Fault as fault:
            refused.append(file)
            _tell_refusal(file, fault, as_json=as_json)
        else:
            _tell_warnings(video, err=True)
            failed |= not _order(api, video, templates, options)
            sent.append((file, video))
            if not wait:
                _tell(settings, file, api.get(f"/videos/{video['id']}"), as_json=as_json)
    if wait:
        failed |= not _follow_all(api, settings, sent, templates, as_json=as_json)
    if refused and len(files) > 1:
        click.echo(
            f"{len(sent)} of {len(files)} were sent. To try the others again when their faults are mended:", err=True
        )
        click.echo(f"  submit {shlex.join(map(str, refused))}", err=True)
    if failed or refused:
        raise SystemExit(1)


def _tell(settings: Settings, file: Path, video: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        echo_json({"file": str(file), **summary(settings, video)})
    else:
        click.echo(f"{video['id']}  {describe_task(video['task'])}  {video['page_url']}  {harmless(str(file))}")


def _tell_warnings(video: dict[str, Any], *, err: bool = False) -> None:
    for warning in video["warnings"]:
        click.echo(harmless(f"warning: {warning.get('sentence') or warning['code']}"), err=err)


def _tell_refusal(file: Path, fault: Fault, *, as_json: bool) -> None:
    if as_json:
        echo_json({"file": str(file), "id": None, "error": {"sentence": fault.sentence, "reason": fault.reason}})
    click.echo(f"{harmless(str(file))}: {fault.message}", err=True)


@click.command("list", cls=InstanceCommand)
@click.option("--all", "whole", is_flag=True, help=f"Every video, not only the newest {LIST_LIMIT}.")
@click.option("--json", "as_json", is_flag=True, help="One JSON array, as the REST API gives it.")
def list_videos(whole: bool, as_json: bool) -> None:
    """List videos, the newest first."""
    api = Api(load_settings())
    videos = list(api.pages("/videos", "videos")) if whole else api.get("/videos", limit=LIST_LIMIT)["videos"]
    if as_json:
        echo_json(videos)
        return
    rows = [
        (
            video["id"],
            video["state"],
            clock(video["duration_s"]),
            video["owner"],
            local_time(video["created_at"]),
            video["title"],
        )
        for video in videos
    ]
    echo_table(rows, ("ID", "STATE", "LENGTH", "OWNER", "CREATED", "TITLE"))


@click.command(cls=InstanceCommand)
@click.argument("video_id", type=int, metavar="ID")
@click.option("--json", "as_json", is_flag=True, help="The JSON object of the REST API, with each output's local path.")
def show(video_id: int, as_json: bool) -> None:
    """Show one video: its tasks, errors and outputs."""
    settings = load_settings()
    video = Api(settings).get(f"/videos/{video_id}")
    if as_json:
        echo_json({**video, "outputs": outputs_with_paths(settings, video)})
        return
    click.echo(f"{harmless(video['title'])}\n{video['page_url']}")
    click.echo(
        f"{video['state']}, {clock(video['duration_s'])}, of {harmless(video['owner'])}, {size(video['source']['bytes'])}\n"
    )
    for task in video["tasks"]:
        words = " ".join(filter(None, (task["words"]["name"], task["template"])))
        click.echo(f"t{task['id']}  {words}: {describe_task(task)}")
    _tell_warnings(video)
    rows = [
        (output["template"], output["kind"], size(output["bytes"]), settings.media.path_of(output["path"]))
        for output in video["outputs"]
    ]
    if rows:
        click.echo()
        echo_table(rows, ("TEMPLATE", "OUTPUT", "SIZE", "PATH"))


def summary(settings: Settings, video: dict[str, Any]) -> dict[str, Any]:
    """What `submit --json` prints. Seconds are null until they are known: `queued_s` is the time in the queue; from the start
    of the run, `first_playable_s` is the time to the first segments, and `encoded_s` the time to the end.
    """
    task = video["task"]
    return {
        "id": video["id"],
        "title": video["title"],
        "state": video["state"],
        "error": task["error"],
        "page_url": video["page_url"],
        "task": task["id"],
        "outputs": outputs_with_paths(settings, video),
        "queued_s": task["queued_s"],
        "first_playable_s": task["infos"].get("first_playable_s"),
        "encoded_s": _seconds(task["started_at"], task["ended_at"]) if task["state"] == "done" else None,
    }


def outputs_with_paths(settings: Settings, video: dict[str, Any]) -> list[dict[str, Any]]:
    """The outputs with absolute paths on this host."""
    return [{**output, "path": str(settings.media.path_of(output["path"]))} for output in video.get("outputs", [])]


def _upload(api: Api, file: Path, query: dict[str, str | None]) -> dict[str, Any]:
    length, terminal = file.stat().st_size, sys.stderr  # standard output is for results
    with (
        file.open("rb") as stream,
        click.progressbar(length=length, label=file.name, hidden=not terminal.isatty(), file=terminal) as bar,
    ):
        body = _Watched(stream, length, bar.update)
        answer = api.call("POST", "/videos", params={"name": file.name, **query}, data=body, read_s=UPLOAD_TIMEOUT_S)
    video: dict[str, Any] = answer.json()
    return video


def _order(api: Api, video: dict[str, Any], templates: Sequence[str], options: dict[str, Any]) -> bool:
    """Order encodings by those `templates` that the upload has not ordered by itself. False when one was refused: the
    recording is there all the same."""
    ordered = {task["template"] for task in video["tasks"]}
    try:
        for template in templates:
            if template not in ordered:
                api.post(f"/videos/{video['id']}/encode", {"template": template, **options})
    except Fault as fault:
        click.echo(f"video {video['id']} was sent, but not all encodings were ordered: {fault.message}", err=True)
        return False
    return True


def _follow_all(
    api: Api,
    settings: Settings,
    sent: Sequence[tuple[Path, dict[str, Any]]],
    templates: Sequence[str],
    *,
    as_json: bool,
) -> bool:
    """Tell of each recording when its encodings have ended. False when one of them failed."""
    is_well = True
    for file, video in sent:
        video = _follow(api, video["id"], templates)
        is_well &= all(task["state"] == "done" for task in _encodes(video, templates))
        _tell(settings, file, video, as_json=as_json)
    return is_well


def _encodes(video: dict[str, Any], templates: Sequence[str]) -> list[dict[str, Any]]:
    """The latest encoding by the template "web" and by each of `templates`."""
    latest = {task["template"]: task for task in reversed(video["tasks"]) if task["purpose"] in ("play", "offer")}
    return [latest[name] for name in dict.fromkeys((WEB, *templates)) if name in latest]


class _Watched:
    """A file that requests streams; `on_bytes` is called with the length of each piece."""

    def __init__(self, stream: Any, length: int, on_bytes: Callable[[int], None]) -> None:
        self._stream, self._length, self._on_bytes = stream, length, on_bytes

    def __len__(self) -> int:
        return self._length

    def read(self, _size: int = -1) -> bytes:
        piece: bytes = self._stream.read(PIECE_BYTES)
        self._on_bytes(len(piece))
        return piece


def _follow(api: Api, video_id: int, templates: Sequence[str]) -> dict[str, Any]:
    """Show the progress until the encodings by "web" and by `templates` have ended."""
    while True:
        video: dict[str, Any] = api.get(f"/videos/{video_id}")
        still_open = [task for task in _encodes(video, templates) if task["state"] in OPEN]
        show_progress(f"{harmless(video['title'])}: {describe_task(still_open[0])}"[:110] if still_open else "")
        if not still_open:
            return video
        time.sleep(POLL_S)


def _seconds(start: str | None, end: str | None) -> float | None:
    if not start or not end:
        return None
    return round((datetime.fromisoformat(end) - datetime.fromisoformat(start)).total_seconds(), 3)
