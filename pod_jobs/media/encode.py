"""Encodes one source file into everything that a video page plays, in one folder.

1. Probe the source in a child process; refuse it with a sentence, or plan its ladder.
2. Run one ffmpeg pass, which makes all renditions as HLS that can be watched while it grows, each sound once, and the MP3.
   The master playlist appears with the first segments. (sharing.py does this step for a long source, in chunks.)
3. Check what the pass wrote, and write its playlists and the master anew, as measured.
4. Make downloads by copying frames into MP4 or WebM, and compare them with the HLS. Beside that, make captions, chapters,
   thumbnails and storyboard; if one of these fails, that is a remark. Then remove the HLS if only downloads are wanted.
Each command is in encoding.log. The caller owns the folder, and publishes it by renaming it, or throws it away.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from pod_jobs.errors import BadSource, FfmpegFailed, PermanentError, translated_os_errors
from pod_jobs.media.command.ffmpeg import build_encode
from pod_jobs.media.facts.languages import find_language
from pod_jobs.media.facts.media_info import AudioTrack, MediaInfo
from pod_jobs.media.facts.times import clock
from pod_jobs.media.hls import checks, master
from pod_jobs.media.outputs import extras, pod_files
from pod_jobs.media.outputs.downloads import drop_stream, make_downloads
from pod_jobs.media.outputs.outputs import list_outputs
from pod_jobs.media.planning import ladder
from pod_jobs.media.planning.codecs import CONTAINERS, find_encoder
from pod_jobs.media.planning.copying import may_copy
from pod_jobs.media.planning.cut import Timeline, plan_ranges
from pod_jobs.media.planning.pace import paced
from pod_jobs.media.planning.plan import Encoded, EncodePlan, Remark
from pod_jobs.media.planning.scene import Cast, Feed, plan_scene
from pod_jobs.media.planning.streams import AUDIO, Picture, Sound
from pod_jobs.media.probing import damage, loudness
from pod_jobs.media.probing.other_files import gather, heard_alone
from pod_jobs.media.probing.probe import LEAST_SHARE, MOST_TEXTS, check_duration, facts_of, probe
from pod_jobs.media.probing.steady_clock import with_steady_clock
from pod_jobs.media.process.progress import Position, Progress
from pod_jobs.media.process.tools import Tools
from pod_jobs.media.sharing import sharing
from pod_jobs.media.work import Work, pass_bounds

__all__ = ["EncodePlan", "Encoded", "Progress", "Remark", "encode"]

MONO_SHARE = 2 / 3  # bit rate of mono sound, as a share of the stereo one
REST_S = 0.5  # a result that is longer than its source by this holds more than the probe could read
MOST_SOUNDS = 8  # sound tracks that are offered; more are left out


def encode(
    source: Path,
    folder: Path,
    plan: EncodePlan,
    tools: Tools,
    tick: Callable[[Progress], None],
    team: sharing.Team | None = None,
) -> Encoded:
    """Encode `source` into the empty `folder`. `tick` is called at least twice a second; what it raises ends the work.
    `team`: who may help with a long picture.

    BadSource, FfmpegFailed: a retry cannot help. OutOfResources, DiskFull: it can, in an empty folder.
    """
    if any(folder.iterdir()):
        raise ValueError(f"{folder} is not empty")
    with translated_os_errors(folder.name):
        return _run(Work(source.absolute(), folder.absolute(), plan, tools, tick), team)


def _run(work: Work, team: sharing.Team | None) -> Encoded:
    source = _probe(work)
    with_picture = bool(CONTAINERS[work.plan.container].with_picture)
    source = source if with_picture else heard_alone(work, source)
    cast = gather(work, source) if with_picture else None
    recorded_s = cast.recorded_s if cast else source.duration_s
    ranges = plan_ranges(work.plan.keep, recorded_s)
    work.timeline = Timeline(ranges, cast.opening_s if cast else 0.0)
    kept_s = sum(part.duration_s for part in ranges) or recorded_s
    media = replace(source, duration_s=kept_s + (cast.credits_s if cast else 0.0))
    check_duration(media.duration_s, work.plan.limits)
    segment_s = ladder.segment_s(media.video, work.plan.segment_s, work.plan.keyframe_s)
    work.plan = replace(work.plan, segment_s=segment_s)
    picture, sounds = _arrange(work, media, cast)
    work.duration_s, work.is_video = round(media.duration_s, 3), picture is not None
    rendered = _render_shared(work, media, picture, sounds, team)
    while not rendered:
        try:
            rendered = _render(work, media, picture, sounds)
        except PermanentError as error:
            picture = _plainer(work, picture, error)
    duration_s = max(stream.playlist.duration_s for stream in rendered.values())
    if source.leaves_rest and duration_s < source.duration_s + REST_S:  # ffmpeg 5.1 reads on in Ogg, 9 does not
        work.remark("warning-rest", "another recording follows in the file")

    def add_extras(side_work: Work) -> None:
        if work.plan.with_extras:
            extras.write_texts(side_work, media, picture, duration_s)
            extras.make_pictures(side_work, media, picture, rendered)

    with work.beside("captions", add_extras):
        make_downloads(work, picture, rendered)
    drop_stream(work)  # only now, because the pictures were made of it
    if work.plan.for_pod:
        pod_files.put_into_form(work, work.plan.for_pod, picture, sounds, rendered)
    work.forget_copies()
    work.journal.note(f"ready after {work.elapsed_s:.2f} s")
    return Encoded(
        outputs=list_outputs(work.folder, picture, work.plan.for_pod),
        duration_s=round(duration_s, 3),
        is_video=picture is not None,
        facts={**facts_of(source), "timeline": work.timeline.document()},
        warnings=tuple(work.remarks),
        first_playable_s=round(work.first_playable_s or work.elapsed_s, 2),
        wall_s=round(work.elapsed_s, 2),
        cpu_s=round(work.journal.cpu_s, 2),
        peak_mb=round(work.journal.peak_mb, 1),
        commands=tuple(work.journal.commands),
        opening_s=round(work.timeline.offset_s, 3),
    )


def _plainer(work: Work, picture: Picture | None, error: PermanentError) -> Picture:
    """The same picture by safer means: encoded instead of copied, or by the processor. Raises `error` when none are left."""
    if picture and picture.copies_top:
        work.start_again(f"the picture cannot be copied after all: {error.reason}")
        return replace(picture, copies_top=False)
    if picture and picture.encoder == work.tools.hardware.encoder:
        work.start_again(f"the graphics card failed: {error.reason}")
        work.remark("warning-hardware", error.reason)
        return replace(picture, encoder=find_encoder(work.plan.codec, work.tools.encoders))
    raise error


def _render_shared(
    work: Work, media: MediaInfo, picture: Picture | None, sounds: Sequence[Sound], team: sharing.Team | None
) -> dict[str, checks.Rendered] | None:
    """Do the pass with idle workers. None when nobody is idle, or when the source must be encoded whole after all."""
    if team is None or picture is None or not sharing.can_share(work, media, picture):
        return None
    try:
        if sharing.encode_shared(work, media, picture, sounds, team):
            return _check(work, media, picture, sounds, None)
    except PermanentError as error:
        work.start_again(f"the source has to be encoded whole after all: {error.reason}")
    return None


def _render(
    work: Work, media: MediaInfo, picture: Picture | None, sounds: Sequence[Sound]
) -> dict[str, checks.Rendered]:
    damaged_s = _pass(work, media, picture, sounds)
    return _check(work, media, picture, sounds, damaged_s)


def _probe(work: Work) -> MediaInfo:
    size = work.source.stat().st_size if work.source.exists() else 0
    work.journal.note(f"source of {size} bytes, ffmpeg {work.tools.version}")
    media = probe(work.source, work.tools, work.plan.limits, lambda: work.report("probe", 0.0))
    work.source, media = with_steady_clock(work, work.source, media)
    work.sources = (work.source,)
    if media.is_cut_short:
        work.remark("warning-incomplete", "", present=clock(media.duration_s), claimed=clock(media.claimed_s or 0))
    if media.programs > 1:
        work.remark("warning-programs", f"{media.programs} programs", count=str(media.programs))
    if len(media.audio) > MOST_SOUNDS:
        work.remark("warning-sounds", "", count=str(len(media.audio)), kept=str(MOST_SOUNDS))
    if media.pictures > 1:
        work.remark("warning-more-pictures", "", count=str(media.pictures))
    if media.has_more_subtitles:
        work.remark("warning-subtitles", "", most=str(MOST_TEXTS))
    for kind, word, decodable in (("video", "picture", media.video), ("audio", "sound", media.audio)):
        if kind in media.lost:
            codecs = [codec for undecodable, codec in media.undecodable if undecodable == kind]
            code = "warning-other-track" if decodable else f"warning-no-{word}"
            work.remark(code, f"does not decode: {', '.join(codecs)}")
    return media


def _arrange(work: Work, media: MediaInfo, cast: Cast | None) -> tuple[Picture | None, tuple[Sound, ...]]:
    """Decide which tracks become which renditions and sounds."""
    plan, picture = work.plan, None
    container, rungs = CONTAINERS[plan.container], plan.renditions
    if media.video and container.with_picture:
        renditions = ladder.build_ladder(cast.size if cast else media.video.display_size, plan.renditions)
        rungs = tuple(rendition.rung for rendition in renditions)
        encoder = find_encoder(plan.codec, work.tools.encoders, work.tools.hardware)
        picture = Picture(media.video, renditions, None, plan.keyframe_s, encoder=encoder)
        if cast:
            picture = replace(picture, rate=cast.rate(plan.max_fps), lasts_s=media.duration_s)
        else:
            picture = paced(picture, media, plan.max_fps, is_cut=bool(work.timeline.ranges))
        copies = plan.codec == "h264" and plan.copy_top and cast is None and not work.timeline.ranges
        copies = copies and may_copy(media, renditions[-1], picture.rate, plan.segment_s)
        picture = replace(picture, copies_top=copies)
    elif not media.audio:
        raise BadSource(f"{plan.container} holds sound alone", code="source-no-sound")
    kbps = max((rung.audio_kbps for rung in rungs), default=plan.audio_kbps)
    sounds = _sounds(work, cast.speaker if cast else Feed(work.source, media), kbps)
    if picture and cast and picture.rate:
        top, tracks = picture.renditions[-1], [(sound.track, sound.gain_db) for sound in sounds]
        size = (top.width_px, top.height_px)
        picture = replace(picture, scene=plan_scene(cast, work.timeline.ranges, size, picture.rate, tracks))
    return picture, sounds


def _sounds(work: Work, speaker: Feed, kbps: int) -> tuple[Sound, ...]:
    """The sounds to encode. `kbps` is for stereo."""
    plan = work.plan
    tracks = sorted(speaker.media.audio, key=lambda track: not track.default)[:MOST_SOUNDS]
    labels = _labels(tracks)
    sounds = []
    for number, track in enumerate(tracks):
        language = find_language(track.language)
        sound = Sound(
            track,
            kbps=kbps if track.channels > 1 else int(kbps * MONO_SHARE),
            mp3_kbps=plan.mp3_kbps,
            name=f"{AUDIO}_{number + 1}" if number else AUDIO,
            label=labels[number],
            language=language.code if language else "",
            gain_db=None if plan.level_lufs is None else loudness.find_gain_db(work, speaker, track, plan.level_lufs),
            encoder=CONTAINERS[plan.container].sound,
        )
        sounds.append(sound)
    return tuple(sounds)


def _labels(tracks: Sequence[AudioTrack]) -> list[str]:
    """The names by which a person chooses a sound: its language, with a number where that is not unique."""
    labels: list[str] = []
    for number, track in enumerate(tracks, 1):
        language = find_language(track.language)
        name = language.name if language else f"{number}"
        labels.append(f"{name} ({number})" if name in labels else name)
    return labels


def _pass(work: Work, media: MediaInfo, picture: Picture | None, sounds: Sequence[Sound]) -> float | None:
    """Run the pass. Returns where the source is damaged, if it is."""
    limits = work.plan.limits
    early = master.EarlyMaster(work.folder, picture, sounds)
    position = Position(limits.stall_s)
    is_watchable = CONTAINERS[work.plan.container].keeps_stream

    def watch() -> None:
        position.check()
        work.see(playable=is_watchable and early.write_when_ready())
        work.report("encode", _share(position, media, picture), position.seconds)

    source = replace(work.as_source(media), ranges=work.timeline.ranges)
    argv = build_encode(work.tools, limits, source, picture, sounds, work.plan.segment_s)
    names = [rendition.name for rendition in picture.renditions] if picture else [AUDIO]
    bounds = pass_bounds(limits, media.duration_s, picture)
    decoded = media if picture else replace(media, video=None)
    try:
        work.journal.run(f"encode {' '.join(names)}", argv, bounds, position, watch, work.sources)
    except BadSource as error:
        raise damage.error_of_damaged_file(work, decoded, error) from error
    if picture and picture.copies_top and position.heard_of_damage:
        raise FfmpegFailed("the source is damaged, and browsers stop where a decoder goes on")
    return damage.place_damage(work, decoded) if position.heard_of_damage else None


def _check(
    work: Work, media: MediaInfo, picture: Picture | None, sounds: Sequence[Sound], damaged_s: float | None
) -> dict[str, checks.Rendered]:
    """Compare the files of the pass with each other and with the source; then write the final playlists."""
    with work.explained():
        rendered = checks.check_hls(work.folder, picture, sounds)
        if sounds and sounds[0].mp3_kbps:
            checks.check_mp3(work.folder / f"{AUDIO}.mp3", work.plan.mp3_kbps, rendered[AUDIO].track.duration_s)
    present_s = max(stream.playlist.duration_s for stream in rendered.values())
    whole_s = media.duration_s
    if present_s < whole_s * LEAST_SHARE:
        raise BadSource(f"{present_s:.1f} s of {whole_s:.1f} s could be decoded", code="source-damaged")
    if present_s < whole_s - checks.tolerance_s(whole_s):
        at_s = present_s if damaged_s is None else min(damaged_s, present_s)
        work.remark("warning-damaged", "", at=clock(at_s), present=clock(present_s), whole=clock(whole_s))
    elif damaged_s is not None:
        work.remark("warning-faults", "", at=clock(damaged_s), present=clock(present_s))
    master.write_measured(work.folder, picture, sounds, rendered, work.plan.segment_s)
    return rendered


def _share(position: Position, media: MediaInfo, picture: Picture | None) -> float:
    """How much of the pass is done, 0..1: by frames if a picture has all of them (sound runs ahead), else by time."""
    duration_s = max(media.duration_s, 0.1)
    by_time = (position.seconds or 0.0) / duration_s
    if picture is None or picture.still_until_s:
        return by_time
    return min(position.frames / max(duration_s * picture.fps, 1.0), by_time) if position.seconds is not None else 0.0
