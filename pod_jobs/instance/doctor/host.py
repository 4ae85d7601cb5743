"""Checks of this host and of the instance folder."""

import json
import tempfile
from collections.abc import Iterator

from pod_jobs.errors import PodJobsError
from pod_jobs.instance.doctor.finding import Finding, State
from pod_jobs.instance.home import FOLDERS, PRIVATE_FOLDERS, open_to_others
from pod_jobs.media.process.guard import Sandbox
from pod_jobs.settings import ROOT, Settings

GB = 10**9


def check_folders(settings: Settings) -> Iterator[Finding]:
    """Check that a file can be written to each folder."""
    for name in ("", *FOLDERS, *PRIVATE_FOLDERS):
        folder = settings.home / name
        try:
            tempfile.TemporaryFile(dir=folder).close()
        except OSError as error:
            yield Finding("folders", "fault", f"{folder} cannot be written: {error.strerror}")
            return
    if open_ones := open_to_others(settings):
        names = " ".join(f"'{path}'" for path in open_ones)
        # The share may dictate the modes
        on_share = all(settings.media.holds(path) for path in open_ones)
        state: State = "warning" if on_share else "fault"
        yield Finding("folders", state, f"other users of this host may change {names}", f"chmod o-rwx {names}")
        return
    yield Finding("folders", "ok", f"{settings.home} can be written, and not by every user")


def check_secrets(settings: Settings) -> Iterator[Finding]:
    """Check that the secrets exist, and that nobody else can read them."""
    # Here, because it imports the database, which workers never need
    from pod_jobs.instance.prepare import SECRETS

    for name in SECRETS:
        try:
            settings.secret(name)
        except PodJobsError as error:
            yield Finding("secrets", "fault", error.reason)
            return
        path = settings.home / "secrets" / name
        if path.stat().st_mode & 0o077:
            yield Finding("secrets", "fault", f"others may read {path}", f"chmod 600 '{path}'")
            return
    yield Finding("secrets", "ok", "there, and readable by this user only")


def check_space(settings: Settings) -> Iterator[Finding]:
    """Check that more than upload.free_gb is free for media, or for the files of jobs where there is no media folder."""
    try:
        free_gb = settings.storage.free_bytes() / GB
    except OSError as error:
        yield Finding("free space", "fault", f"{error.filename}: {error.strerror}")
        return
    except PodJobsError as error:  # without a token nothing works, and the check of the catalog says so
        yield Finding("free space", "warning", f"not known: {error.reason}")
        return
    least_gb = settings.upload.free_gb
    disk = "the media disk" if settings.worker.storage == "shared" else "the disk for the files of jobs"
    text = f"{free_gb:.1f} GB on {disk}; upload.free_gb is {least_gb:g}"
    yield Finding("free space", "ok" if free_gb > least_gb else "fault", text)


def check_ffmpeg(settings: Settings) -> Iterator[Finding]:
    """Check ffmpeg, its filters, the encoders of every template, and the sandbox."""
    from pod_jobs.jobs.encode import check_templates, tools_of  # here, because most workers never need it

    try:
        tools = tools_of(settings)
        check_templates(settings, tools)
    except PodJobsError as error:
        yield Finding("ffmpeg", "fault", error.reason, "[ffmpeg] and [[template]] in settings.toml")
        return
    yield Finding("ffmpeg", "ok", f"{tools.ffmpeg} {tools.version}, nothing is missing")
    if tools.hardware.lacking:
        text = f"the processor encodes, no graphics card does: {tools.hardware.lacking}"
        yield Finding("hardware", "warning", text, 'mend it, or write hardware = "none" under [encode]')
    elif tools.hardware.encoder:
        yield Finding("hardware", "ok", f"{tools.hardware.encoder.name} encodes H.264")
    if tools.sandbox.lacking:
        text = f"{_holds(tools.sandbox)} ({tools.sandbox.lacking})"
        yield Finding("sandbox", "warning", text, "apt install bubblewrap, or let it make user namespaces")
    else:
        yield Finding("sandbox", "ok", _holds(tools.sandbox))


def _holds(sandbox: Sandbox) -> str:
    """What protects this host from a hostile file."""
    if sandbox.kind == "none":
        wish = "none" if sandbox.lacking else "none, as set"
        return (
            f"{wish}: an ffmpeg that a hostile file takes over may read and write what this user may, start programs and use the "
            "network; only the lists of allowed formats and the limits of memory and time still protect"
        )
    if sandbox.kind == "landlock":
        return (
            "Landlock: no network, no file but the recording, its outputs and the system's programs, no other process"
        )
    more = "no other process" if sandbox.filters else "processes can be started: no system-call filter works here"
    return f"bubblewrap: no network, no file but the recording and its outputs, {more}"


def check_speech(settings: Settings) -> Iterator[Finding]:
    """Check the speech models of the settings, and say what each is good for. The extra `speech` may be missing."""
    from pod_jobs.speech import models  # here, because most workers never need it

    if not models.is_installed():
        state: State = "warning" if settings.speech.automatic else "ok"
        yield Finding("speech", state, "not installed: nothing is transcribed", "./run up --with-speech")
        return
    for model in settings.speech.model:
        choice, whom = (
            models.ModelChoice(model.path, model.sha256),
            model.name or model.language.replace("*", "other languages"),
        )
        try:
            name = models.name_of(choice)
        except PodJobsError as error:
            yield Finding("speech", "fault", f"{whom}: {error.reason}", "[[speech.model]] in settings.toml")
            continue
        good_for = models.good_for(name) or "unknown quality: its folder's name tells nothing"
        yield Finding("speech", "ok", f"{whom}: {name}: {good_for}")


def check_browser_files(_settings: Settings) -> Iterator[Finding]:
    """Check that the packages of package.json are installed."""
    packages = json.loads((ROOT / "package.json").read_text(encoding="utf-8"))["dependencies"]
    missing = [name for name in packages if not (ROOT / "node_modules" / name).is_dir()]
    if missing:
        yield Finding("browser files", "fault", f"not installed: {', '.join(missing)}", "./run install")
    else:
        yield Finding("browser files", "ok", f"{len(packages)} packages")
