"""pod-jobs transcribe and pod-jobs captions: make and check captions without a running instance."""

import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from pod_jobs.captions.cues import Cue
from pod_jobs.captions.parsing import read_captions
from pod_jobs.captions.rules import check as breaches_of
from pod_jobs.captions.writing import write_srt, write_text, write_vtt
from pod_jobs.cli.api import Api
from pod_jobs.cli.base import InstanceCommand, echo_json, echo_table, load_settings, show_progress
from pod_jobs.cli.order_options import FILE
from pod_jobs.cli.words import harmless
from pod_jobs.jobs.speech.plan import cue_rules, demand_extra, engine_for, speech_order
from pod_jobs.jobs.speech.wish import read_language, read_terms

ENDINGS = {"vtt": "vtt", "srt": "srt", "text": "txt", "json": "json"}  # format -> ending of the API's address
WRITERS: dict[str, Callable[[Sequence[Cue]], str]] = {"vtt": write_vtt, "srt": write_srt, "text": write_text}


@click.command(cls=InstanceCommand)
@click.argument("file", type=FILE)
@click.option("--language", default="", metavar="CODE", help="The spoken language, for instance fr. Default: a guess.")
@click.option("--model", default="", metavar="NAME", help="A [[speech.model]] with this name. Default: the usual one.")
@click.option("--translate", is_flag=True, help="Write captions in English, whatever is spoken.")
@click.option("--term", multiple=True, help="A name or term that may come up, in its right spelling. May be repeated.")
@click.option(
    "--format", "form", type=click.Choice(tuple(WRITERS)), default="vtt", show_default=True, help="What is printed."
)
@click.option(
    "--json", "as_json", is_flag=True, help="Print one JSON object: language, cues with words, model, seconds."
)
def transcribe(file: Path, form: str, as_json: bool, **wish: Any) -> None:
    """Turn the speech in FILE into captions."""
    from pod_jobs.jobs.encode import build_plan, tools_of
    from pod_jobs.media.probing.probe import probe
    from pod_jobs.media.probing.sound import SoundTrack

    demand_extra()
    from pod_jobs.speech.transcribe import transcribe as run

    settings = load_settings()
    tools, limits = tools_of(settings), build_plan(settings).limits
    started, cpu = time.monotonic(), time.process_time()

    def tick(fraction: float) -> None:
        show_progress(f"{fraction:.0%}")

    language, terms = read_language(wish["language"]), read_terms(list(wish["term"]))
    with tempfile.TemporaryDirectory(prefix="pod_jobs-") as folder:
        sound = SoundTrack(file.absolute(), probe(file.absolute(), tools, limits), tools, limits, Path(folder))
        order = speech_order(settings, language, terms, translate=wish["translate"])
        transcript = run(sound, engine_for(settings, language, wish["model"]), order, tick)
    show_progress("")
    if as_json:
        spent = {"wall_s": round(time.monotonic() - started, 2), "cpu_s": round(time.process_time() - cpu, 2)}
        echo_json({**asdict(transcript), "peaks": len(transcript.peaks), **spent})
        return
    click.echo(WRITERS[form](transcript.cues), nl=False)


@click.group()
def captions() -> None:
    """Check caption files, give them to a video, and get its own."""


@captions.command("import", cls=InstanceCommand)
@click.argument("video_id", type=int, metavar="ID")
@click.argument("file", type=FILE)
@click.option("--language", required=True, metavar="CODE", help="The language of the captions, for instance fr.")
@click.option("--label", default="", help="Tells them from other captions in the same language.")
@click.option("--json", "as_json", is_flag=True, help="The JSON object of the REST API.")
def import_captions(video_id: int, file: Path, language: str, label: str, as_json: bool) -> None:
    """Give FILE (WebVTT or SubRip) to the video ID as its captions; the same language and label get a new version."""
    query = {"language": language, "label": label}
    answer = Api(load_settings()).call("POST", f"/videos/{video_id}/captions", params=query, data=file.read_bytes())
    track: dict[str, Any] = answer.json()
    if as_json:
        echo_json(track)
        return
    click.echo(f"track {track['id']}, {track['language']}, version {track['version']}")
    for remark in track["remarks"]:
        where = f"line {remark['line']}: " if remark["line"] else ""
        click.echo(harmless(where + remark["sentence"]))


@captions.command("export", cls=InstanceCommand)
@click.argument("video_id", type=int, metavar="ID")
@click.option("--language", metavar="CODE", help="Which captions, where the video has several.")
@click.option("--track", "number", type=int, help="Which captions, where a language has several.")
@click.option(
    "--format", "form", type=click.Choice(tuple(ENDINGS)), default="vtt", show_default=True, help="json: with words."
)
@click.option("--source-times", is_flag=True, help="Times of the uploaded recording, not of what is published of it.")
def export_captions(video_id: int, language: str | None, number: int | None, form: str, source_times: bool) -> None:
    """Print captions of the video ID."""
    api = Api(load_settings())
    tracks = api.get(f"/videos/{video_id}/captions")["captions"]
    chosen = [track for track in tracks if language in (None, track["language"]) and number in (None, track["id"])]
    if len(chosen) != 1:
        available = "; ".join(
            f"track {track['id']}: {track['language']} {track['label']} ({track['origin']})" for track in tracks
        )
        problem = "choose one with --language or --track" if chosen else "there are no such captions"
        raise click.UsageError(harmless(f"{problem}. There are: {available or 'none'}"))
    path = f"/videos/{video_id}/captions/{chosen[0]['id']}/file.{ENDINGS[form]}"
    click.echo(api.call("GET", path, params={"as": "source"} if source_times else {}).content.decode(), nl=False)


@captions.command(cls=InstanceCommand)
@click.argument("file", type=FILE)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def check(file: Path, as_json: bool) -> None:
    """Read FILE (WebVTT or SubRip) strictly, and compare it with the rules for captions of [speech]."""
    document = read_captions(file.read_bytes())
    breaches = breaches_of(document.cues, cue_rules(load_settings()))
    if as_json:
        about = {"format": document.format, "encoding": document.encoding, "cues": len(document.cues)}
        echo_json({**about, "remarks": [*map(asdict, document.remarks)], "breaches": [*map(asdict, breaches)]})
        return
    click.echo(f"{len(document.cues)} captions, {document.format}, {document.encoding}")
    for remark in document.remarks:
        click.echo(str(remark))
    rows = [(f"{breach.cue + 1}", breach.rule, f"{breach.found:.4g}", f"{breach.limit:.4g}") for breach in breaches]
    if rows:
        echo_table(rows, ("CAPTION", "RULE", "FOUND", "LIMIT"))
