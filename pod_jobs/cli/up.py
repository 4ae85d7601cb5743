"""pod-jobs up and reload: start all processes of the instance in the foreground; let them take over changed settings."""

import errno
import os
import signal
import socket
import sys

import click

from pod_jobs.cli.base import Fault, InstanceCommand, chosen_home, demand_instance, load_settings
from pod_jobs.instance.home import (
    claim,
    launcher,
    make_folders,
    new_home_stays_only_if_it_starts,
    noted_launcher,
    remove_socket_folder,
)
from pod_jobs.settings import Settings, load


@click.command(cls=InstanceCommand)
@click.option("--port", type=int, help="TCP port of the web app; default: [web] port of settings.toml.")
def up(port: int | None) -> None:
    """Start everything; Ctrl-C stops it."""
    from pod_jobs.instance.prepare import first_sign_in_link, prepare
    from pod_jobs.processes.launcher import launch

    signal.signal(signal.SIGUSR1, signal.SIG_IGN)  # until the launcher listens
    for signum in (signal.SIGINT, signal.SIGTERM):  # until honcho listens
        signal.signal(signum, lambda *_: sys.exit(0))
    settings = load(chosen_home(), web={"port": port}) if port is not None else load(chosen_home())
    with new_home_stays_only_if_it_starts(settings):
        make_folders(settings)
        claimed = claim(settings)
        _demand_free_port(settings)
        prepare(settings)
        _demand_soundness(settings)
        link = first_sign_in_link(settings)
    click.echo(f"pod_jobs at {settings.public_url}  (instance folder: {settings.home})")
    if link:
        click.echo(f"First administrator, sign in once within 24 h: {link}")
    click.echo("Ctrl-C stops everything.")
    with noted_launcher(settings):
        launch(settings)
    remove_socket_folder(settings)
    if claimed:
        claimed.close()


@click.command(cls=InstanceCommand)
def reload() -> None:
    """Let `up` take over changed settings. Workers finish their present job first; the web app is never away."""
    settings = load_settings()
    demand_instance(settings)
    pid = launcher(settings)
    if pid is None:
        raise Fault(
            "No `run up` runs this instance on this host.",
            "Processes that another program started take over new settings at SIGUSR1: each line of the Procfile.",
        )
    os.kill(pid, signal.SIGUSR1)
    click.echo("The processes take over the settings; busy workers do so when their job is done.")


def _demand_free_port(settings: Settings) -> None:
    web = settings.web
    family = socket.AF_INET6 if ":" in web.host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((web.host, web.port))
        except OSError as error:
            hint = "another program listens there; --port N takes another" if error.errno == errno.EADDRINUSE else ""
            raise Fault(f"Cannot listen on {web.host}, port {web.port}.", hint or str(error)) from error


def _demand_soundness(settings: Settings) -> None:
    from pod_jobs.instance import doctor

    names = [*doctor.BEFORE_START, *(["key-value server"] if settings.redis.url else [])]
    faults = doctor.faults(doctor.examine(settings, names))
    if faults:
        raise Fault("Not started.", "\n".join(map(str, faults)))
    for warning in doctor.faults(doctor.examine(settings, ["free space"])):
        click.secho(f"Warning: {warning}", fg="yellow", err=True)
