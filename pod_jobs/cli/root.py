"""All commands in one group."""

import click

from pod_jobs.cli.base import InstanceGroup
from pod_jobs.cli.up import up


@click.group(cls=InstanceGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 120})
def root() -> None:
    """Jobs for university video: send recordings, follow and steer their encodes, look after the instance."""


for command in (up,):
    root.add_command(command)
