"""The filter graph of the pass, as text: source tracks in, one labelled stream per rendition and sound out. Pure."""

from collections.abc import Sequence
from fractions import Fraction

from pod_jobs.media.command.colours import converted, need_conversion, resized
from pod_jobs.media.facts.media_info import AudioTrack, VideoTrack
from pod_jobs.media.planning.chunk_grid import Chunk
from pod_jobs.media.planning.cut import Range
from pod_jobs.media.planning.stillness import without_repeats
from pod_jobs.media.planning.streams import Picture, Sound

PROGRESSIVE_CODECS = ("vp8", "vp9", "av1", "theora", "flv1", "png", "gif", "apng", "qtrle", "vp6", "vp6f", "vp6a")
DEINTERLACED_PX = 4  # a side that bwdif takes
FAR_S = 10  # before its start a frame is of no chunk
MOST_PLACES = 8  # channels; 7.1 has that many
MOST_CHANNELS = 64  # that ffmpeg's pan can name
PEAK = 0.89  # of full scale, about -1 dBFS: the encoder overshoots a little
# Channels that a layout lacks count nothing. Said here, because ffmpeg 9 takes other weights from the file and 5.1 does not
SIDES = {"L": "FL+FLC+DL+0.707BL+0.707SL+0.707TFL+0.707TBL", "R": "FR+FRC+DR+0.707BR+0.707SR+0.707TFR+0.707TBR"}
FOLD = "pan=stereo" + "".join(f"|F{side}={channels}+0.707FC+0.5BC" for side, channels in SIDES.items())
LIMITER = f"alimiter=limit={PEAK}:level=disabled:latency=1"  # which puts nothing in front


def join_graph(ranges: Sequence[Range], picture: Picture | None, sounds: Sequence[Sound]) -> str:
    """[0:n] [1:n] … -> [jv] [j0] [j1] …: the kept ranges one after the other, sound and picture cut at the same places."""
    pieces, labels = [], []
    for number in range(len(ranges)):
        if picture:
            labels.append(f"[{number}:{picture.track.index}]")
        for n, sound in enumerate(sounds):
            pieces.append(f"{heard(number, sound.track)}[p{number}_{n}]")
            labels.append(f"[p{number}_{n}]")
    outs = ("[jv]" if picture else "") + "".join(f"[j{n}]" for n in range(len(sounds)))
    concat = f"concat=n={len(ranges)}:v={int(picture is not None)}:a={len(sounds)}"
    return ";".join([*pieces, f"{''.join(labels)}{concat}{outs}"])


def video_graph(picture: Picture, *, joined: bool = False) -> str:
    """[0:n] (or [jv]) -> [v0] [v1] …: prepared once, split, scaled to square pixels of each rendition's size."""
    prepare = [] if picture.scene else _prepared(picture)
    prepare.append(f"split={len(picture.encoded)}")
    outs = "".join(f"[s{n}]" for n in range(len(picture.encoded)))
    scales = [
        f"[s{n}]{resized(one.width_px, one.height_px)},{picture.encoder.ending}[v{n}]"
        for n, one in enumerate(picture.encoded)
    ]
    begin = "[jv]" if joined else f"[0:{picture.track.index}]"
    return ";".join([f"{begin}{','.join(prepare)}{outs}", *scales])


def _prepared(picture: Picture) -> list[str]:
    """What is done once, before the split; a scene has done it for each of its inputs."""
    track, last = picture.track, picture.encoded[-1]
    return [
        *([] if need_conversion(track) else [f"format={track.pix_fmt}"]),  # whatever may follow in mid-stream
        *(_part(picture.chunk, picture.rate) if picture.chunk else []),
        *deinterlaced(track),
        *(thinned(picture.rate) if picture.rate and track.base_fps > 1.5 * picture.rate else []),
        *without_repeats(picture),
        *(converted(track, last.width_px, last.height_px) if need_conversion(track) else []),
    ]


def deinterlaced(track: VideoTrack) -> list[str]:
    """Interlaced frames made progressive, wherever they come; the others pass as they are, and cost nothing."""
    may_come = track.codec not in PROGRESSIVE_CODECS and not (track.is_rgb or track.has_alpha)
    is_tiny = min(track.width_px, track.height_px) < DEINTERLACED_PX
    return ["bwdif=mode=send_frame:deint=interlaced"] if may_come and not is_tiny else []


def _part(chunk: Chunk, rate: Fraction | None) -> list[str]:
    """Leaves out what is not of the chunk. Time 0 is its start; reading began at the key frame before that.

    With a `rate`, the earlier frames stay, far away: the encoder drops them, but has the last one to repeat, should the
    picture have stood still over the start; -frames:v is the end.
    """
    half_s, filters = chunk.half_frame_s, []
    if rate is not None:
        return [f"setpts='PTS-if(lt(T,{-half_s:.6f}),{FAR_S}/TB,0)'"] if chunk.number else []
    if chunk.number:
        filters.append(f"start={-half_s:.6f}")
    if chunk.duration_s is not None:
        filters.append(f"end={chunk.duration_s - half_s:.6f}")
    return [f"trim={':'.join(filters)}"] if filters else []


def thinned(rate: Fraction) -> list[str]:
    """Drops frames that the rate has no room for, before they cost anything. It never makes one: the filter fps would fill a
    gap of the time stamps with thousands of pictures at once, all of them in memory; -r repeats them at the encoder."""
    return [f"select='isnan(prev_selected_t)+gte(t-prev_selected_t,{float(0.9 / rate):.6f})'"]


def audio_graph(sound: Sound, number: int = 0, *, joined: bool = False) -> str:
    """[0:n] (or [j0]) -> [a0], of the first sound also [mp3] if one is wanted: from time 0, without holes, mono or stereo,
    0.2 s at least. It loses as many samples as its encoder puts in front: sound and picture then agree without an edit list,
    which players of segments ignore.
    """
    begin = f"[j{number}]aresample=async=1:first_pts=0" if joined else heard(0, sound.track)
    prepared = (
        f"{begin},"
        f"aformat=sample_rates={sound.sample_rate_hz}:channel_layouts={sound.layout}{level(sound.gain_db)},apad=whole_dur=0.2"
    )
    mp3 = ",asplit=2[a][mp3];[a]" if number == 0 and sound.mp3_kbps else ","
    return f"{prepared}{mp3}atrim=start_sample={sound.encoder.delay}[a{number}]"


def heard(number: int, track: AudioTrack) -> str:
    """[n:m]: a sound track of input `number`, from time 0, without holes.

    What stands for places in a room becomes stereo by the weights of ITU-R BS.775, which keep dialogue as loud as it is;
    the sum may be too much, and a limiter holds it. The channels of a mixing desk, which stand for no places, are added up.
    """
    mixed, folded = "", ""
    if 2 < track.channels <= MOST_PLACES:
        folded = f",aformat=sample_fmts=fltp,{FOLD},{LIMITER}"
    if track.channels > MOST_PLACES:
        whole = "+".join(f"c{n}" for n in range(min(track.channels, MOST_CHANNELS)))
        mixed = f"aformat=sample_fmts=fltp,pan=stereo|c0={whole}|c1={whole},{LIMITER},"
    return f"[{number}:{track.index}]{mixed}aresample=async=1:first_pts=0{folded}"


def level(gain_db: float | None) -> str:
    """The filters of a gain, behind others."""
    return "" if gain_db is None else f",volume={gain_db:.1f}dB,{LIMITER}"
