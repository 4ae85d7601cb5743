"""Measures the loudness of a sound track, and finds the gain that corrects it (EBU R 128)."""

import re

from pod_jobs.errors import PermanentError
from pod_jobs.media.facts.media_info import AudioTrack
from pod_jobs.media.planning.limits import Source
from pod_jobs.media.planning.scene import Feed
from pod_jobs.media.work import Work

MEASURED_S = 900  # at most the first quarter of an hour, because measuring delays the first picture
SILENCE_LUFS = -60.0  # quieter sound is left as it is
MOST_GAIN_DB = 20.0
INTEGRATED = re.compile(r"\bI:\s+(-?[0-9.]+) LUFS")


def find_gain_db(work: Work, feed: Feed, track: AudioTrack, target_lufs: float) -> float | None:
    """The gain that brings `track` to `target_lufs`; None if it cannot be measured, is silent, or is right already."""
    argv = [
        *(work.tools.ffmpeg, "-nostdin", "-hide_banner", "-loglevel", "info", "-nostats", "-progress", "pipe:1"),
        *work.tools.input_options(work.plan.limits),
        *("-t", str(MEASURED_S), "-vn", "-sn", *Source(str(feed.path), feed.media.demuxer).opening),
        *("-filter_complex", f"[0:{track.index}]ebur128=framelog=verbose[a]", "-map", "[a]", "-f", "null", "-"),
    ]
    try:
        messages = work.side("probe", argv, MEASURED_S, feed.path).stderr
    except PermanentError as error:  # the encoding itself will say what is wrong with the file
        work.journal.note(f"the loudness could not be measured: {error.reason}")
        return None
    loudness = [float(lufs) for lufs in INTEGRATED.findall(messages)]
    if not loudness or loudness[-1] < SILENCE_LUFS:
        return None
    gain = max(-MOST_GAIN_DB, min(MOST_GAIN_DB, target_lufs - loudness[-1]))
    return gain if abs(gain) >= 0.5 else None
