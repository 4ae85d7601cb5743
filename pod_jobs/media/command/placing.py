"""Filters that bring frames and samples to their places. Pure. They

- give all frames one size, also when the source changes it in mid-stream, and turn them upright,
- put the kept parts at their times in the result,
- hold the last picture to the end.

ffmpeg builds a filter graph anew when a frame of another size arrives, and all that its filters remember is lost. So the
graph of the picture is never built anew (`-reinit_filter:v 0`): `steadied` comes first and gives every frame one size and one
format. Sound has to be built anew when its layout or rate changes: what stands here for it remembers nothing.

No filter here fills a gap with pictures: thousands would be in memory at once. The encoder's `-r` repeats frames one by one.
"""

from collections.abc import Sequence
from fractions import Fraction

from pod_jobs.media.command.colours import readable
from pod_jobs.media.facts.media_info import VideoTrack
from pod_jobs.media.planning.places import Reading, Span

BEYOND_S = 10.0  # after the last moment that matters
SHIFT = Fraction(55, 100)  # of the time between two frames
LONG_AGO_S = 3600  # a frame of that time is dropped by the encoder, as are all that come too late for their place
SOON_S = 0.005  # no frame comes so soon after another; by less, times of the probe and of ffmpeg differ
SOUND_GRAIN = 200  # kept and dropped parts of a sound are multiples of a 200th of a second


def steadied(track: VideoTrack) -> list[str]:
    """Every frame of the track at the size of the first, in a format that can be worked with: another size is scaled, another
    shape gets bars. Frames that have both already pass untouched. Of an interlaced frame, each field is scaled by itself, because
    it is made progressive only afterwards."""
    width, height, shape = track.width_px, track.height_px, _shape(track)
    aspect = width / height * track.sar[0] / track.sar[1]
    wide, high = f"{width}*{shape}/{aspect:.9f}", f"{height}/{shape}*{aspect:.9f}"
    same = f"lt(abs({shape}/{aspect:.9f}-1),0.02)"
    pixel_format, options = readable(track)
    return [
        f"scale=w='if({same},{width},clip(round({wide}),1,{width}))'"
        f":h='if({same},{height},clip(round({high}),1,{height}))':eval=frame:interl=-1{options}",
        f"format={pixel_format}",
        f"pad={width}:{height}:-1:-1:eval=frame",
    ]


def _shape(track: VideoTrack) -> str:
    """An expression of the filter scale: width over height of a frame as it is seen. What ffmpeg says of it (`dar`) is wrong
    where the pixels change their shape."""
    if not track.shapes:
        return "dar"
    befores = [1.0, *(times for _, times in track.shapes)]
    steps = [
        f"gte(t,{at_s - SOON_S:.6f})*{times - before:.6f}"
        for (at_s, times), before in zip(track.shapes, befores, strict=False)
    ]
    return f"(a*{track.sar[0]}/{track.sar[1]}*(1+{'+'.join(steps)}))"


def upright(track: VideoTrack) -> list[str]:
    """What a phone's turned or mirrored camera needs; other angles than quarter turns stay as they are."""
    turns = {
        (90, False): ["transpose=cclock"],
        (90, True): ["transpose=clock_flip"],
        (180, False): ["hflip", "vflip"],
        (180, True): ["hflip"],
        (270, False): ["transpose=clock"],
        (270, True): ["transpose=cclock_flip"],
        (0, True): ["vflip"],
    }
    turn = turns.get((track.rotation_deg % 360, track.mirrored), [])
    return [*turn, "sidedata=mode=delete:type=DISPLAYMATRIX"]


def kept(prepared: str, reading: Reading, label: str, starts_s: float) -> list[str]:
    """`prepared` ("[0:1]scale=…") -> [label]: the frames of a reading's spans at their times in the result. At the start of
    each span stands the frame that stood at that moment of the source, even if it came long before. The picture `starts_s` after
    the file; if that is after the first span, it is black until then, because its first frame was cut out.

    A clock of a few empty frames gives streamselect the moments at which spans begin; it repeats there the frame that stands.
    """
    spans, clock = reading.spans, f"clock_{label}"
    moments = [*(span.begin_s for span in spans), spans[-1].end_s]
    begin, held = f"{moments[0]:.6f}/TB", ",".join(reaching(spans[-1].end_s + BEYOND_S))
    at = "+".join(f"eq(N,{n})*{moment:.6f}" for n, moment in enumerate(moments))
    first_end_s = spans[0].end_s
    if starts_s - reading.seek_s < first_end_s:  # within the first span: it is shown from its start on
        early = f"setpts='if(gt(N,0)+gte(T,{first_end_s:.6f}),PTS,min(PTS,{begin}))'"
        every = [f"{prepared},{early},{held}[{label}_all]"]
    else:
        every = [
            f"{prepared},settb=AVTB,split[{label}_own][{label}_first]",
            f"[{label}_first]trim=end_frame=1,drawbox=t=fill:c=black,setpts={begin}[{label}_black]",
            f"[{label}_black][{label}_own]interleave=nb_inputs=2,{held}[{label}_all]",
        ]
    return [
        f"nullsrc=s=16x16:r=1:d={len(moments)},settb=AVTB,setpts='({at})/TB'[{clock}]",
        *every,
        f"[{clock}][{label}_all]streamselect=inputs=2:map=1,select='{within(spans)}',setpts='{moved(spans)}'[{label}]",
    ]


def joined(labels: Sequence[str]) -> str:
    """[a] [b] … -> the frames of all in the order of their times, as the beginning of a chain."""
    heads = "".join(f"[{label}]" for label in labels)
    return f"{heads}interleave=nb_inputs={len(labels)}" if len(labels) > 1 else heads


def within(spans: Sequence[Span]) -> str:
    """An expression of `t`, seconds of the input: is that moment kept?"""
    return "+".join(f"gte(t,{span.begin_s - 1e-6:.6f})*lt(t,{span.end_s - 1e-6:.6f})" for span in spans)


def moved(spans: Sequence[Span]) -> str:
    """An expression of PTS: where a kept moment comes to lie. It remembers nothing."""
    first = spans[0]
    steps = [
        f"gte(T,{span.begin_s - 1e-6:.6f})*{(span.at_s - span.begin_s) - (before.at_s - before.begin_s):.6f}"
        for before, span in zip(spans, spans[1:], strict=False)
    ]
    return "PTS+(" + "+".join([f"{first.at_s - first.begin_s:.6f}", *steps]) + ")/TB"


def reaching(end_s: float) -> list[str]:
    """The last frame again at `end_s`, for filters that would otherwise end with it."""
    return _repeated(1, f"{end_s:.6f}/TB")


def _repeated(times: int, pts: str, usual: str = "PTS") -> list[str]:
    """The last frame again, so many times, at what the expression `pts` says; `usual` is for all others.

    Behind interleave, which gives no frame rate, tpad repeats a frame at its own time; of real frames no two have the same.
    """
    return [
        "select='isnan(prev_selected_pts)+gt(pts,prev_selected_pts)'",
        "interleave=nb_inputs=1",
        f"tpad=stop={times}:stop_mode=clone",
        f"setpts='if(eq(PTS,PREV_INPTS),{pts},{usual})'",
    ]


def held(end_s: float, rate: Fraction, most_s: float | None = None) -> list[str]:
    """At a constant rate: the last frame stays until `end_s`, unless that is more than `most_s` away.

    It is repeated as the very last one, and the encoder fills the gap. By itself ffmpeg would hold it as long as the gaps
    before it (the median of the last three); three more, which come an hour late, make that nothing. ffmpeg puts a frame
    that follows a gap one place too early (it rounds what is missing): hence the shift, by half a place.
    """
    last_s = float((max(1, round(end_s * rate)) - 1) / rate)
    shift = f"{float(SHIFT / rate):.6f}"
    earliest_s = 1 - LONG_AGO_S if most_s is None else last_s - most_s
    is_near = f"gt(PREV_OUTPTS,{earliest_s:.6f}/TB)*lt(PREV_OUTPTS,({last_s - 0.001:.6f}+{shift})/TB)"
    return _repeated(4, f"if({is_near},({last_s:.6f}+{shift})/TB,-{LONG_AGO_S}/TB)", f"PTS+{shift}/TB")


def kept_sound(spans: Sequence[Span], rate_hz: int) -> list[str]:
    """The samples of these spans at their times in the result."""
    if len(spans) == 1:
        (span,) = spans
        return [f"atrim=start={span.begin_s:.6f}:end={span.end_s:.6f}", f"asetpts='{moved(spans)}'"]
    grain = rate_hz // SOUND_GRAIN
    return [f"asetnsamples=n={grain}:p=0", f"aselect='{within(spans)}'", f"asetpts='{moved(spans)}'"]
