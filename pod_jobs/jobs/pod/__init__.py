"""Encode a recording that an Esup-Pod keeps, and hand back the files that Pod imports.

1. Take the lock of the task's folder. If an earlier run finished and could not report, its marker holds the result.
2. Fetch the recording, or the recordings of a studio session, and what dresses them, from the site, within the limits that
   its settings set (outside/).
3. Encode once, as every recording is encoded (media/encode.py); then copy the frames into the form that Pod wants.
4. Write the marker and rename the folder: this publishes it. The report tells the catalog, which owes Pod a callback.
Whatever goes wrong ends the task with a sentence, and the callback carries it.
"""

from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from pod_jobs.catalog.client import Order
from pod_jobs.errors import BadSource, Superseded
from pod_jobs.jobs.context import Context, work_on
from pod_jobs.jobs.encode import QUEUE, WORDS, build_plan, ffmpeg_version, prepare_encode, run_of, tools_of
from pod_jobs.jobs.job_type import JobType, Text
from pod_jobs.jobs.pod.fetched import FetchedFiles, fetched_files
from pod_jobs.jobs.pod.mediapackage import MOST_BYTES, read_cuts, read_layout, read_mediapackage
from pod_jobs.jobs.pod.parameters import MOST_PX, PodEncoding, base_of, read_parameters
from pod_jobs.media.encode import EncodePlan, encode
from pod_jobs.media.planning.dressing import Dressing, Studio, Watermark
from pod_jobs.media.planning.pod_files import CeleryFiles, PodFiles
from pod_jobs.media.process.progress import Progress
from pod_jobs.media_folder import MASTER_NAME, WEB
from pod_jobs.settings import Settings
from pod_jobs.storage import WorkFolder
from pod_jobs.system import plain_files

KIND = "pod_encode"
STUDIO, STUDIO_BASE = "studio", "studio_base"  # a type of task, and the name that Pod looks for in its result
WHOLE, STUDIO_KBPS = "whole", 20_000  # the rendition of a studio session for a Pod 4.1, and its ceiling
WATERMARK_WIDTH = 0.1  # share of the picture's width


def run_pod_encode(context: Context, order: Order) -> dict[str, Any]:
    """The result for store.reports. Errors: BadSource, AddressForbidden, FfmpegFailed; OutOfResources, DiskFull,
    ServiceUnavailable; Stopped."""
    if not order.site:
        raise Superseded(f"task {order.task} belongs to no site of the settings any more")

    with work_on(context, order, run_of(order)) as work:
        done = work.find_finished()
        if done is not None:
            return done
        with fetched_files(context, order) as files:
            result = _encode(work, context, order, files)
            work.publish(result)
    return result


def _encode(work: WorkFolder, context: Context, order: Order, files: FetchedFiles) -> dict[str, Any]:
    run, settings = run_of(order), context.settings
    demand_order(order)
    asked = read_parameters(order.options["parameters"], settings.rendition)
    source, plan = _shared(settings, order, asked, files) if files.is_shared else _sent(settings, order, asked, files)
    plan = replace(plan, dressing=_dressing(asked, files))

    def tick(progress: Progress) -> None:
        work.show()
        first_playable = progress.first_playable and work.is_shown(MASTER_NAME)
        context.tick(order, {**asdict(progress), "first_playable": first_playable, "folder": run.folder})

    encoded = encode(source, work.begin(), plan, tools_of(context.settings), tick)
    infos = {
        "source": asdict(files.fetched["source"]),
        "sums": sums_of(work.path, [output.name for output in encoded.outputs]),
    }
    return {**asdict(encoded), "folder": run.folder, "infos": infos}


def demand_order(order: Order) -> None:
    """Errors: BadSource for a task that stands for an order which was refused when it came."""
    if not order.options.get("source_url"):
        raise BadSource("this order was refused when it came: its site has to send it again", code="source-order")


def _sent(settings: Settings, order: Order, asked: PodEncoding, files: FetchedFiles) -> tuple[Path, EncodePlan]:
    """The recording of an order that came by the Runner Manager API, and what to make of it."""
    url, is_studio = order.options["source_url"], order.options.get("task_type") == STUDIO
    base = STUDIO_BASE if is_studio else base_of(url)
    plan, source = plan_for(settings, asked, PodFiles(base, asked.resolutions, is_studio)), files.get("source", url)
    if not is_studio:
        return source, plan
    return _session(source, plan, files, read_layout(order.options["parameters"].get("presenter")))


def _shared(settings: Settings, order: Order, asked: PodEncoding, files: FetchedFiles) -> tuple[Path, EncodePlan]:
    """The same of an order that came by Celery: paths take the place of addresses."""
    parameters, source = order.options["parameters"], files.get("source", order.options["source_url"])
    if order.options.get("task_type") != STUDIO:
        return source, plan_for(settings, asked, CeleryFiles("", asked.resolutions))
    plan = studio_plan(settings, asked)
    if second := parameters.get("second"):
        if not isinstance(second, str):
            raise BadSource("second: a path is needed", code="source-order")
        plan = replace(plan, studio=Studio(files.get("second", second), read_layout(parameters.get("presenter"))))
    return source, plan


def _session(package: Path, plan: EncodePlan, files: FetchedFiles, layout: str) -> tuple[Path, EncodePlan]:
    """The main recording of a studio session, and `plan` with the second one and with what the session cuts away."""
    recordings = read_mediapackage(_small(package))
    if recordings.smil:
        cuts = read_cuts(_small(files.get("cuts", recordings.smil)))
        plan = replace(plan, keep=cuts or plan.keep)
    main = files.get("main", recordings.main)
    if recordings.second:
        plan = replace(plan, studio=Studio(files.get("second", recordings.second), layout))
    return main, plan


def _small(path: Path) -> bytes:
    """The content of a document. Errors: BadSource (source-order) for a large one."""
    if (size := plain_files.size_of(path) or 0) > MOST_BYTES:
        raise BadSource(f"a document of {size} bytes is no mediapackage", code="source-order")
    return plain_files.read_bytes(path)


def plan_for(settings: Settings, asked: PodEncoding, pod: PodFiles) -> EncodePlan:
    """The usual encoding of a recording, with Pod's renditions, names and cut."""
    usual = build_plan(settings, {}, WEB)
    return replace(usual, renditions=asked.renditions, keep=asked.keep, share_from_s=0.0, for_pod=pod)


def studio_plan(settings: Settings, asked: PodEncoding) -> EncodePlan:
    """One MP4 of a studio session at its own size, and the same as a stream for our own pages. A Pod 4.1 makes a video of the
    MP4, and orders the encoding of that."""
    usual, best = build_plan(settings, {}, WEB), asked.renditions[-1]
    whole = replace(best, name=WHOLE, height_px=MOST_PX, maxrate_kbps=STUDIO_KBPS, mp4=True)
    return replace(
        usual,
        renditions=(whole,),
        keep=asked.keep,
        mp3_kbps=0,
        with_extras=False,
        copy_top=False,
        share_from_s=0.0,
    )


def _dressing(asked: PodEncoding, files: FetchedFiles) -> Dressing:
    if asked.dressing is None:
        return Dressing()
    dressing, watermark = asked.dressing, None
    if dressing.watermark:
        path = files.get("watermark", dressing.watermark)
        watermark = Watermark(path, dressing.corner, dressing.opacity, WATERMARK_WIDTH)
    opening = files.get("opening", dressing.opening) if dressing.opening else None
    ending = files.get("ending", dressing.ending) if dressing.ending else None
    return Dressing(watermark, opening, ending)


def sums_of(folder: Path, names: Sequence[str]) -> dict[str, str]:
    """File name -> SHA-256, which Pod compares with what it downloads."""
    sums = {}
    for name in names:
        with plain_files.open_plain(folder / name) as file:
            sums[name] = plain_files.sha256_of(file)
    return sums


POD_ENCODE = JobType(
    KIND,
    queue=QUEUE,
    run=run_pod_encode,
    words=WORDS.for_site(
        Text("Encoding for a site", "Encodage pour un site"),
        Text("Fetching the recording", "Récupération de l’enregistrement"),
    ),
    prepare=prepare_encode,
    timeout_code="encode-too-slow",
    uses_ffmpeg=True,
    encodes=True,
    ffmpeg_version=ffmpeg_version,
)
