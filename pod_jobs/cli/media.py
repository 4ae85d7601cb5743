"""pod-jobs encode and pod-jobs probe: the media library without a running instance, for scripts and benchmarks."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from pod_jobs.cli.base import Fault, InstanceCommand, echo_json, echo_table, load_settings, show_progress
from pod_jobs.cli.order_options import FILE, OF_FILES, as_plan, with_options
from pod_jobs.cli.words import clock, size
from pod_jobs.media_folder import WEB


@click.command(cls=InstanceCommand)
@click.argument("file", type=FILE)
@click.argument("outdir", type=click.Path(file_okay=False, path_type=Path))
@with_options(OF_FILES)
@click.option("--template", default=WEB, show_default=True, help="By which template of the settings.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object: outputs, wall_s, cpu_s, first_playable_s …")
def encode(file: Path, outdir: Path, template: str, as_json: bool, **values: Any) -> None:
    """Encode FILE into the empty folder OUTDIR, as the encoding worker would."""
    from pod_jobs.jobs.encode import build_plan, tools_of
    from pod_jobs.media.encode import encode as run
    from pod_jobs.media.process.progress import Progress

    settings = load_settings()
    if template not in settings.templates:
        raise click.UsageError(f"--template {template} is none of {', '.join(settings.templates)}")
    outdir.mkdir(parents=True, exist_ok=True)
    if any(outdir.iterdir()):
        raise Fault(f"{outdir} is not empty.")

    def tick(progress: Progress) -> None:
        show_progress(f"{progress.step} {progress.fraction:.0%}")

    tools = tools_of(settings)
    plan = as_plan(build_plan(settings, None, template), settings, template, values)
    encoded = run(file, outdir, plan, tools, tick)
    show_progress("")
    outputs = [{**asdict(output), "path": str((outdir / output.name).absolute())} for output in encoded.outputs]
    if as_json:
        echo_json({**asdict(encoded), "outputs": outputs})
        return
    echo_table(
        [(output["kind"], size(output["bytes"]), output["path"]) for output in outputs], ("OUTPUT", "SIZE", "PATH")
    )
    click.echo(f"\n{clock(encoded.duration_s)} encoded in {encoded.wall_s:.1f} s, {encoded.cpu_s:.1f} s of CPU")


@click.command(cls=InstanceCommand)
@click.argument("file", type=FILE)
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
def probe(file: Path, as_json: bool) -> None:
    """Show what is in FILE, as the encoding worker reads it, or the sentence with which it would refuse the file."""
    from pod_jobs.jobs.encode import build_plan
    from pod_jobs.media.probing.probe import facts_of
    from pod_jobs.media.probing.probe import probe as run
    from pod_jobs.media.process.tools import find_tools

    settings = load_settings()
    tools = find_tools(settings.ffmpeg.path, settings.ffmpeg.sandbox)
    facts = facts_of(run(file.absolute(), tools, build_plan(settings).limits))
    if as_json:
        echo_json(facts)
        return
    video = facts["video"]
    click.echo(f"{facts['container']}, {size(facts['bytes'])}, {clock(facts['duration_s'])}")
    if video:
        click.echo(f"picture: {video['codec']} {video['width_px']}x{video['height_px']}, {video['fps']:.5g} fps")
    for track in facts["audio"]:
        language = f", {track['language']}" if track["language"] else ""
        channels = "mono" if track["channels"] == 1 else f"{track['channels']} channels"
        click.echo(f"sound: {track['codec']}, {channels}, {track['sample_rate_hz']} Hz{language}")
