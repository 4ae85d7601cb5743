"""pod-jobs transcribe and pod-jobs captions: make and check captions without a running instance."""

import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path

import click

from pod_jobs.captions.cues import Cue
from pod_jobs.captions.parsing import read_captions
from pod_jobs.captions.rules import check as breaches_of
from pod_jobs.captions.writing import write_srt, write_text, write_vtt
from pod_jobs.cli.base import InstanceCommand, echo_json, echo_table, load_settings
from pod_jobs.cli.order_options import FILE
from pod_jobs.errors import SettingsError
from pod_jobs.jobs.speech_plan import cue_rules, engine_for, speech_order

WRITERS: dict[str, Callable[[Sequence[Cue]], str]] = {"vtt": write_vtt, "srt": write_srt, "text": write_text}


@click.command(cls=InstanceCommand)
@click.argument("file", type=FILE)
@click.option("--language", default="", metavar="CODE", help="The spoken language, for instance fr. Default: a guess.")
@click.option("--translate", is_flag=True, help="Write captions in English, whatever is spoken.")
@click.option("--term", multiple=True, help="A name or term that may come up, in its right spelling. May be repeated.")
@click.option(
    "--format", "form", type=click.Choice(tuple(WRITERS)), default="vtt", show_default=True, help="What is printed."
)
@click.option(
    "--json", "as_json", is_flag=True, help="Print one JSON object: language, cues with words, model, seconds."
)
def transcribe(file: Path, language: str, translate: bool, term: tuple[str, ...], form: str, as_json: bool) -> None:
    """Turn the speech in FILE into captions."""
    from pod_jobs.jobs.encode import build_plan, tools_of
    from pod_jobs.media.probing.probe import probe
    from pod_jobs.media.probing.sound import SoundTrack
    from pod_jobs.speech.models import is_installed

    if not is_installed():
        raise SettingsError("./run up --with-speech installs it", code="speech-not-installed")
    from pod_jobs.speech.transcribe import transcribe as run

    settings = load_settings()
    tools, limits = tools_of(settings), build_plan(settings).limits
    started, cpu = time.monotonic(), time.process_time()

    def tick(fraction: float) -> None:
        if sys.stderr.isatty():
            click.echo(f"\r\x1b[K{fraction:.0%}", nl=False, err=True)

    with tempfile.TemporaryDirectory(prefix="pod_jobs-") as folder:
        sound = SoundTrack(file.absolute(), probe(file.absolute(), tools, limits), tools, limits, Path(folder))
        order = speech_order(settings, language, term, translate=translate)
        transcript = run(sound, engine_for(settings, language), order, tick)
    if sys.stderr.isatty():
        click.echo("\r\x1b[K", nl=False, err=True)
    if as_json:
        spent = {"wall_s": round(time.monotonic() - started, 2), "cpu_s": round(time.process_time() - cpu, 2)}
        echo_json({**asdict(transcript), "peaks": len(transcript.peaks), **spent})
        return
    click.echo(WRITERS[form](transcript.cues), nl=False)


@click.group()
def captions() -> None:
    """Check caption files."""


@captions.command(cls=InstanceCommand)
@click.argument("file", type=FILE)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def check(file: Path, as_json: bool) -> None:
    """Read FILE (WebVTT or SubRip) strictly, and compare it with the rules for captions of [speech]."""
    read = read_captions(file.read_bytes())
    found = breaches_of(read.cues, cue_rules(load_settings()))
    if as_json:
        about = {"format": read.format, "encoding": read.encoding, "cues": len(read.cues)}
        echo_json({**about, "remarks": [*map(asdict, read.remarks)], "breaches": [*map(asdict, found)]})
        return
    click.echo(f"{len(read.cues)} captions, {read.format}, {read.encoding}")
    for remark in read.remarks:
        click.echo(str(remark))
    rows = [(f"{one.cue + 1}", one.rule, f"{one.found:.4g}", f"{one.limit:.4g}") for one in found]
    if rows:
        echo_table(rows, ("CAPTION", "RULE", "FOUND", "LIMIT"))
