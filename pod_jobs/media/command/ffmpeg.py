"""Argument lists for ffmpeg. Pure: source facts and a plan in, lists of strings out. Opens nothing.

One pass decodes the source once, encodes each rendition once and the sound once (and once more as MP3), and writes fMP4
HLS that can be watched while it grows. MP4 downloads are the same frames in another container.
"""

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction

from pod_jobs.media.command.colours import copied_colours
from pod_jobs.media.command.graph import audio_graph, join_graph, video_graph
from pod_jobs.media.command.scene_graph import scene_graph
from pod_jobs.media.facts.media_info import VideoTrack
from pod_jobs.media.planning.chunk_grid import Chunk
from pod_jobs.media.planning.limits import Limits, Source
from pod_jobs.media.planning.streams import AUDIO, Picture, Sound
from pod_jobs.media.process import guard
from pod_jobs.media.process.tools import Tools

ALWAYS = ("-nostdin", "-hide_banner", "-loglevel", "warning", "-progress", "pipe:1", "-nostats", "-stats_period", "0.5")
CROWD = 8  # with more inputs than that, a decoder's thread on each core is more stacks than the limit of memory has room for
NO_TAGS = ("-map_metadata", "-1", "-map_chapters", "-1")  # titles and comments of a source are untrusted text


def build_encode(
    tools: Tools, limits: Limits, source: Source, picture: Picture | None, sounds: Sequence[Sound], segment_s: int
) -> list[str]:
    """The one pass, run in the output folder. At least one of `picture` and `sounds`."""
    scene = picture.scene if picture else None
    joins = scene is not None or len(source.ranges) > 1
    graphs = []
    if scene:
        graphs.append(scene_graph(scene, sounds))
        sounds = [replace(sound, gain_db=None) for sound in sounds]  # the scene has levelled each of its voices
    elif joins:
        graphs.append(join_graph(source.ranges, picture, sounds))
    graphs += [video_graph(picture, joined=joins)] if picture and picture.encoded else []
    graphs += [audio_graph(sound, n, joined=joins) for n, sound in enumerate(sounds)]
    upright = picture is None or picture.track.rotation_deg % 90 == 0
    chunk = picture.chunk if picture else None
    seek_s = chunk.start_s if chunk else 0.0
    inputs = scene.inputs if scene else (replace(source, autorotate=upright, seek_s=seek_s),)
    is_crowd = sum(len(one.ranges) or 1 for one in inputs) > CROWD
    return [
        tools.ffmpeg,
        *ALWAYS,
        *(picture.encoder.opening if picture else ()),
        *(word for one in inputs for word in _input(tools, limits, one, in_scene=scene is not None, is_crowd=is_crowd)),
        *(("-filter_complex", ";".join(graphs)) if graphs else ()),
        *NO_TAGS,
        *(_video_options(picture) if picture else ()),
        *_sound_options(sounds),
        *(_chunk_options(chunk, picture.rate) if chunk and picture else ()),
        *_hls_options(picture, sounds, segment_s),
        *(_mp3_options(sounds[0]) if sounds and sounds[0].mp3_kbps else ()),
        *(_decode_only(picture) if picture else ()),
    ]


def _input(tools: Tools, limits: Limits, source: Source, *, in_scene: bool, is_crowd: bool) -> list[str]:
    """A foreign file with all that stands before its -i; once for each range that is read."""
    still = guard.PICTURES.get(source.demuxer)
    demuxers, decoders = ((source.demuxer,), (still,)) if still else (tools.demuxers, tools.decoders)
    before = guard.input_options(demuxers, decoders, limits)
    before += [] if source.autorotate else ["-noautorotate"]  # ffmpeg would turn by 3 degrees and leave black corners
    before += ["-reinit_filter:v", "0"] if in_scene else []  # a new size in mid-stream must not begin the scene again
    before += ["-threads", "2"] if is_crowd else []
    windows = [["-ss", f"{one.start_s:.3f}", "-t", f"{one.duration_s:.3f}"] for one in source.ranges] or [[]]
    windows = [["-noaccurate_seek", "-ss", f"{source.seek_s:.6f}"]] if source.seek_s else windows
    return [word for window in windows for word in (*before, *window, *source.opening)]


def _video_options(picture: Picture) -> list[str]:
    options: list[str] = []
    for n in range(len(picture.encoded)):
        options += ["-map", f"[v{n}]"]
    if picture.copies_top:
        options += ["-map", f"0:{picture.track.index}"]
    if not picture.encoded:
        return [*options, "-c:v", "copy", *_stamp(picture.track, 0)]
    if picture.copies_top:
        options += [f"-c:v:{len(picture.encoded)}", "copy", *_stamp(picture.track, len(picture.encoded))]
    options += (
        ["-r", f"{picture.rate.numerator}/{picture.rate.denominator}", "-fps_mode", "cfr"] if picture.rate else []
    )
    options += [] if picture.rate else ["-fps_mode", "vfr"]
    options += picture.encoder.grid(picture.keyframe_s, picture.fps)
    for n, one in enumerate(picture.encoded):
        options += picture.encoder.stream_options(n, one.rung)
    return options


def _stamp(track: VideoTrack, number: int) -> list[str]:
    """A copied picture says its colours too: players guess by size, and would show it unlike its smaller renditions."""
    words = copied_colours(track)
    return [f"-bsf:v:{number}", f"h264_metadata={words}"] if words else []


def _decode_only(picture: Picture) -> list[str]:
    """A picture that is only copied is decoded too, to nothing: ffmpeg's words then tell of damage."""
    if picture.encoded or picture.decoded_elsewhere:
        return []
    return ["-map", f"0:{picture.track.index}", "-fps_mode", "passthrough", "-f", "null", "-"]


def _chunk_options(chunk: Chunk, rate: Fraction | None) -> list[str]:
    """Its end and its place, so that the bytes of its segments can follow those of the chunk before."""
    end = ["-frames:v", str(chunk.frames)] if rate is not None and chunk.frames is not None else []
    return [*end, *(["-output_ts_offset", f"{chunk.start_s:.6f}"] if chunk.number else [])]


def _sound_options(sounds: Sequence[Sound]) -> list[str]:
    options = [word for n in range(len(sounds)) for word in ("-map", f"[a{n}]")]
    options += ["-c:a", sounds[0].encoder.name] if sounds else []
    return options + [word for n, sound in enumerate(sounds) for word in (f"-b:a:{n}", f"{sound.kbps}k")]


def _mp3_options(sound: Sound) -> list[str]:
    return ["-map", "[mp3]", *NO_TAGS, "-c:a", "libmp3lame", "-b:a", f"{sound.mp3_kbps}k", f"{AUDIO}.mp3"]


def _hls_options(picture: Picture | None, sounds: Sequence[Sound], segment_s: int) -> list[str]:
    streams = [f"v:{n},name:{one.name}" for n, one in enumerate(picture.renditions)] if picture else []
    streams += [f"a:{n},name:{sound.name}" for n, sound in enumerate(sounds)]
    chunk, flags = picture.chunk if picture else None, "use_editlist=0:movflags=+negative_cts_offsets"
    if chunk and chunk.number:
        flags = f"fragment_index={chunk.first_segment + 1}:{flags}+frag_discont"  # its first time stamp is not 0
    return [
        *("-max_muxing_queue_size", "9999"),  # a track that starts minutes late
        *("-f", "hls", "-hls_time", str(segment_s), "-hls_segment_type", "fmp4", "-hls_playlist_type", "event"),
        *("-hls_flags", "single_file+independent_segments"),  # with temp_file the playlists name x.m4s.tmp
        *("-hls_segment_options", flags),  # every track begins at 0, for MSE
        *("-hls_segment_filename", "%v.m4s", "-var_stream_map", " ".join(streams), "%v.m3u8"),
    ]


def build_package(tools: Tools, names: Sequence[str], with_sound: bool, ending: str) -> list[str]:
    """Downloads from what the pass wrote, without encoding: one file for each of `names`; without names one of the sound."""
    argv = [tools.ffmpeg, *ALWAYS, "-protocol_whitelist", "file"]
    for name in [*names, *([AUDIO] if with_sound else [])]:
        argv += ["-i", f"file:{name}.m4s"]
    index_first = ["-cues_to_front", "1"] if ending == "webm" else ["-movflags", "+faststart"]
    copy = [*NO_TAGS, "-c", "copy", *index_first]
    sound = ["-map", f"{len(names)}:a:0"] if with_sound else []
    for n, name in enumerate(names):
        argv += ["-map", f"{n}:v:0", *sound, *copy, f"{name}.{ending}"]
    return argv if names else [*argv, *sound, *copy, f"{AUDIO}.{ending}"]
