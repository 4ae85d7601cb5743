"""The filter graph of the pass, as text: source tracks in, one labelled stream per rendition and sound out. Pure."""

from collections.abc import Sequence
from fractions import Fraction

from pod_jobs.media.command import placing
from pod_jobs.media.command.colours import converted, need_conversion, resized
from pod_jobs.media.facts.media_info import AudioTrack, VideoTrack
from pod_jobs.media.planning.chunk_grid import Chunk
from pod_jobs.media.planning.frame_rate import ENDS_EARLY_S, busiest_fps
from pod_jobs.media.planning.places import WHOLE, Clip, Voice
from pod_jobs.media.planning.stillness import without_repeats
from pod_jobs.media.planning.streams import Picture, Sound

PROGRESSIVE_CODECS = ("vp8", "vp9", "av1", "theora", "flv1", "png", "gif", "apng", "qtrle", "vp6", "vp6f", "vp6a")
DEINTERLACED_PX = 4  # a side that bwdif takes
CROWDED = 1.1  # a source that is faster than the result by this factor is thinned by a filter
FAR_S = 10  # seconds before a chunk, to which earlier frames are moved; the encoder drops them there
MOST_PLACES = 8  # channels; 7.1 has that many
MOST_CHANNELS = 64  # that ffmpeg's pan can name
PEAK = 0.89  # of full scale, about -1 dBFS: the encoder overshoots a little
# Channels that a layout lacks count as silent. We give the weights, because ffmpeg 9 takes others from the file, 5.1 not
SIDES = {"L": "FL+FLC+DL+0.707BL+0.707SL+0.707TFL+0.707TBL", "R": "FR+FRC+DR+0.707BR+0.707SR+0.707TFR+0.707TBR"}
FOLD = "pan=stereo" + "".join(f"|F{side}={channels}+0.707FC+0.5BC" for side, channels in SIDES.items())
LIMITER = f"alimiter=limit={PEAK}:level=disabled:latency=1"  # which puts nothing in front


def video_graph(picture: Picture, clips: Sequence[Clip] = WHOLE) -> str:
    """[0:n] (of a scene [jv]) -> [v0] [v1] …: prepared once, split, scaled to square pixels of each rendition's size."""
    before, begin = ([], "[jv]") if picture.scene else _placed(picture, clips)
    prepare = [] if picture.scene else _prepared(picture)
    prepare += _ending(picture)
    prepare.append(f"split={len(picture.encoded)}")
    outs = "".join(f"[s{n}]" for n in range(len(picture.encoded)))
    scales = [
        f"[s{n}]{resized(rendition.width_px, rendition.height_px)},{picture.encoder.ending}[v{n}]"
        for n, rendition in enumerate(picture.encoded)
    ]
    comma = "" if begin.endswith("]") else ","
    return ";".join([*before, f"{begin}{comma}{','.join(prepare)}{outs}", *scales])


def _placed(picture: Picture, clips: Sequence[Clip]) -> tuple[list[str], str]:
    """The chains that cut, and how the next chain begins: all kept frames, of one size and format, at their times."""
    chains: list[str] = []
    labels = []
    for number, clip in enumerate(clips):
        prepared = f"[{clip.input}:{picture.track.index}]{','.join(whole_frames(picture.track))}"
        if clip.reading is None:
            return [], prepared
        labels.append(f"k{number}")
        chains += placing.kept(prepared, clip.reading, labels[-1], picture.track.start_s)
    return chains, placing.joined(labels)


def whole_frames(track: VideoTrack) -> list[str]:
    """What has to be done while frames come one after the other."""
    return [*placing.steadied(track), *deinterlaced(track)]


def deinterlaced(track: VideoTrack) -> list[str]:
    """Interlaced frames made progressive, wherever they come; the others pass as they are, and cost nothing."""
    may_come = track.codec not in PROGRESSIVE_CODECS and not (track.is_rgb or track.has_alpha)
    is_tiny = min(track.width_px, track.height_px) < DEINTERLACED_PX
    return ["bwdif=mode=send_frame:deint=interlaced"] if may_come and not is_tiny else []


def _prepared(picture: Picture) -> list[str]:
    """What is done once, before the split; a scene has done it for each of its inputs."""
    track, last = picture.track, picture.encoded[-1]
    return [
        *placing.upright(track),
        *_lasting(picture),
        *(_part(picture.chunk, picture.rate) if picture.chunk else []),
        *(thinned(track, picture.rate) if picture.rate else []),
        *without_repeats(picture),
        *(converted(track, last.width_px, last.height_px) if need_conversion(track) else []),
    ]


def _lasting(picture: Picture) -> list[str]:
    """Of a picture that stands still and ends before its sound: its last frame goes on, to be thinned out as all others."""
    ends_early_s = picture.track.ends_early_s or 0.0
    if picture.still_until_s is None or ends_early_s < ENDS_EARLY_S:
        return []
    return [f"tpad=stop_mode=clone:stop_duration={ends_early_s:.6f}"]


def _ending(picture: Picture) -> list[str]:
    """At a constant rate: what the picture has to last, and not longer."""
    if picture.rate is None or picture.lasts_s is None:
        return []
    begin_s = picture.chunk.start_s if picture.chunk else 0.0
    end_s = (picture.chunk.duration_s if picture.chunk else None) or picture.lasts_s - begin_s
    return placing.held(end_s, picture.rate, picture.most_held_s)


def _part(chunk: Chunk, rate: Fraction | None) -> list[str]:
    """Leaves out what is not of the chunk. Time 0 is its start; reading began at the key frame before that.

    With a `rate`, earlier frames are kept and moved far before the start: the encoder drops them, but can repeat the last
    one if the picture stood still at the start. -frames:v sets the end.
    """
    half_s, filters = chunk.half_frame_s, []
    if rate is not None:
        return [f"setpts='PTS-if(lt(T,{-half_s:.6f}),{FAR_S}/TB,0)'"] if chunk.number else []
    if chunk.number:
        filters.append(f"start={-half_s:.6f}")
    if chunk.duration_s is not None:
        filters.append(f"end={chunk.duration_s - half_s:.6f}")
    return [f"trim={':'.join(filters)}"] if filters else []


def thinned(track: VideoTrack, rate: Fraction) -> list[str]:
    """Of a source that is faster than the result: one frame for each place, so that the others cost nothing.

    Of all other sources the encoder's -r drops frames that come too early: unlike a filter, it still repeats the last one that
    came, should the picture stand still after it. Nor does a filter fill gaps: the filter fps would make thousands of pictures
    at once, all of them in memory.
    """
    if busiest_fps(track) <= CROWDED * rate:
        return []
    place = f"{float(rate):.6f}+0.5)"
    return [f"select='isnan(prev_selected_t)+gt(floor(t*{place},floor(prev_selected_t*{place})'"]


def audio_graph(
    sound: Sound, voices: Sequence[Voice], number: int = 0, silence: tuple[int, float] | None = None
) -> str:
    """The tracks of its `voices` -> [a0], of the first sound also [mp3] if one is wanted: from time 0, without holes, mono or
    stereo, 0.2 s at least. `silence`: an input of silence, and how long it lasts, before the first voice.

    It loses as many samples as its encoder puts in front: sound and picture then agree without an edit list, which players
    of segments ignore. Nothing here counts from the first sample: the graph is built anew where a source changes its layout.
    """
    form = f"aformat=sample_rates={sound.sample_rate_hz}:channel_layouts={sound.layout}"
    chains, labels = [], []
    if silence:
        labels.append(f"[y{number}]")
        chains.append(f"[{silence[0]}:0]atrim=end={silence[1]:.6f},{form}{labels[-1]}")
    for n, voice in enumerate(voices):
        labels.append(f"[y{number}_{n}]")
        cut = placing.kept_sound(voice.spans, sound.sample_rate_hz) if voice.spans else []
        filters = [f"{heard(voice.input, voice.track)},{form}{level(voice.gain_db)}", *cut]
        chains.append(f"{','.join(filters)}{labels[-1]}")
    heads, closed = "".join(labels), "aresample=async=1:min_hard_comp=0.01,"
    if len(labels) > 1:  # ainterleave gives microseconds, and says so only if its inputs do
        chains = [
            chain.removesuffix(label) + f",asettb=AVTB{label}" for chain, label in zip(chains, labels, strict=True)
        ]
        heads = f"{heads}ainterleave=nb_inputs={len(labels)},{closed}"
    elif len(voices[0].spans) > 1:
        heads += closed
    else:  # one chain
        heads, chains = chains[0].removesuffix(heads) + ",", []
    prepared = f"{heads}atrim=start=0{level(sound.gain_db)},apad=whole_dur=0.2"
    mp3 = ",asplit=2[a][mp3];[a]" if number == 0 and sound.mp3_kbps else ","
    return ";".join([*chains, f"{prepared}{mp3}atrim=start_pts={sound.encoder.delay}[a{number}]"])


def heard(number: int, track: AudioTrack) -> str:
    """[n:m]: a sound track of input `number`, without holes.

    What stands for places in a room becomes stereo by the weights of ITU-R BS.775, which keep dialogue as loud as it is;
    the sum may be too much, and a limiter holds it.
    """
    added = added_up(track)
    folded = f",aformat=sample_fmts=fltp,{FOLD},{LIMITER}" if track.channels > 2 and not added else ""
    return f"[{number}:{track.index}]{added}aresample=async=1{folded}"


def added_up(track: AudioTrack) -> str:
    """The filters, before others, for the channels of a mixing desk or a field recorder, which stand for no places: their sum on
    both sides. By itself ffmpeg would take the fourth of six for low-frequency effects, and leave it out."""
    if track.has_places and track.channels <= MOST_PLACES:
        return ""
    whole = "+".join(f"c{n}" for n in range(min(track.channels, MOST_CHANNELS)))
    return f"aformat=sample_fmts=fltp,pan=stereo|c0={whole}|c1={whole},{LIMITER},"


def level(gain_db: float | None) -> str:
    """The filters of a gain, behind others."""
    return "" if gain_db is None else f",volume={gain_db:.1f}dB,{LIMITER}"
