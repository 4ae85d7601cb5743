"""The command `pod-jobs` with all its commands."""

import click

from pod_jobs.cli.accounts import token, user
from pod_jobs.cli.backups import backup, db, restore, verify
from pod_jobs.cli.base import InstanceGroup
from pod_jobs.cli.broker import broker
from pod_jobs.cli.captions import captions, transcribe
from pod_jobs.cli.care import acl, doctor, import_settings, rq
from pod_jobs.cli.media import encode, probe
from pod_jobs.cli.tasks import active, cancel, delete_tasks, priority, reports, requeue, undo, waiting
from pod_jobs.cli.traces import xapi
from pod_jobs.cli.up import reload, up
from pod_jobs.cli.videos import list_videos, show, submit
from pod_jobs.cli.worker import worker
from pod_jobs.cli.workers import drain, resume, workers


@click.group(cls=InstanceGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 120})
def root() -> None:
    """Jobs for university video: send recordings, follow and steer their encodings, look after the instance."""


COMMANDS = (
    *(up, reload, doctor, import_settings, acl, rq),
    *(backup, verify, restore, db),
    *(submit, list_videos, show),
    *(active, waiting, requeue, priority, cancel, delete_tasks, undo, reports),
    *(worker, workers, drain, resume),
    *(encode, probe, transcribe, captions),
    *(user, token),
    *(xapi, broker),
)
for command in COMMANDS:
    root.add_command(command)
