"""Argument lists for ffmpeg. Pure: source facts and a plan in, lists of strings out. Opens nothing.

One pass decodes the source once, encodes each rendition once and the sound once (and once more as MP3), and writes fMP4
HLS that can be watched while it grows. MP4 downloads are the same frames in another container.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

from pod_jobs.media.command.colours import copied_colours
from pod_jobs.media.command.graph import audio_graph, video_graph
from pod_jobs.media.command.scene_graph import scene_graph
from pod_jobs.media.facts.media_info import VideoTrack
from pod_jobs.media.planning.chunk_grid import Chunk, grid_rate
from pod_jobs.media.planning.codecs import none_at_the_end
from pod_jobs.media.planning.frame_rate import LATE_S
from pod_jobs.media.planning.limits import Limits, Source
from pod_jobs.media.planning.places import MOST_READINGS, WHOLE, Clip, Voice, can_seek, plan_readings
from pod_jobs.media.planning.streams import AUDIO, Picture, Sound
from pod_jobs.media.process import guard
from pod_jobs.media.process.tools import Tools

ALWAYS = ("-nostdin", "-hide_banner", "-loglevel", "warning", "-progress", "pipe:1", "-nostats", "-stats_period", "0.5")
CROWD = 8  # with more inputs, the stacks of one decoder thread per core would not fit into the limit of memory
DROP_EARLY_FRAMES = ("-frame_drop_threshold", "0.1")  # when they are almost a whole frame early; they are not queued
LEAST_SOUND_S = 0.2  # of a sound of which nothing is kept: silence
NO_TAGS = ("-map_metadata", "-1", "-map_chapters", "-1")  # titles and comments of a source are untrusted text


def build_encode(
    tools: Tools, limits: Limits, source: Source, picture: Picture | None, sounds: Sequence[Sound], segment_s: int
) -> list[str]:
    """The one pass, run in the output folder. At least one of `picture` and `sounds`. Each sound has a graph of its own, so
    that a change in its mid-stream rebuilds no other graph."""
    cast = _scene(picture, sounds) or _alone(source, picture, sounds)
    chunk = picture.chunk if picture else None
    is_crowd, is_clocked = len(cast.inputs) > CROWD, any(file.keeps_clock for file in cast.inputs)
    inputs = [_input(tools, limits, file, is_crowd=is_crowd, is_clocked=is_clocked) for file in cast.inputs]
    return [
        tools.ffmpeg,
        *ALWAYS,
        *(picture.encoder.opening if picture else ()),
        *(word for options in inputs for word in options),
        *cast.silence,
        *(word for graph in cast.graphs for word in ("-filter_complex", graph)),
        *NO_TAGS,
        *(_video_options(picture) if picture else ()),
        *_sound_options(sounds),
        *(_chunk_options(chunk, picture.rate) if chunk and picture else ()),
        *_hls_options(picture, sounds, segment_s),
        *(_mp3_options(sounds[0]) if sounds and sounds[0].mp3_kbps else ()),
        *(_decode_only(picture) if picture else ()),
    ]


@dataclass(frozen=True)
class _Wiring:
    """What is read, and the graphs; `silence`: one more input, for sounds that begin late."""

    inputs: Sequence[Source]
    graphs: Sequence[str]
    silence: Sequence[str]


def _alone(source: Source, picture: Picture | None, sounds: Sequence[Sound]) -> _Wiring:
    """A recording by itself: an input for each part that is read, and one more for sounds that go through all of them."""
    whole = replace(source, seek_s=picture.chunk.start_s if picture and picture.chunk else 0.0)
    if not source.ranges:
        voices = [[Voice(0, sound.track, sound.track.start_s)] for sound in sounds]
        return _wired([whole], _pictured(picture, WHOLE), sounds, voices)
    first_s = picture.track.start_s if picture else 0.0
    is_seekable = can_seek(source.demuxer, picture.track if picture else None)
    readings = plan_readings(source.ranges, is_seekable, most=MOST_READINGS if picture else 1, first_s=first_s)
    clips = [Clip(n, reading) for n, reading in enumerate(readings)]
    if sounds and len(readings) > 1:
        (whole_reading,) = plan_readings(source.ranges, is_seekable, most=1, first_s=first_s)
        readings = (*readings, whole_reading)
    last = readings[-1]
    voices = [
        [Voice(len(readings) - 1, sound.track, sound.track.start_s - last.seek_s, last.spans)] for sound in sounds
    ]
    inputs = [replace(source, seek_s=reading.seek_s) for reading in readings]
    return _wired(inputs, _pictured(picture, clips), sounds, voices)


def _scene(picture: Picture | None, sounds: Sequence[Sound]) -> _Wiring | None:
    if picture is None or picture.scene is None:
        return None
    levelled = [replace(sound, gain_db=None) for sound in sounds]  # each voice has a gain of its own
    graphs = [";".join([*scene_graph(picture.scene), *_pictured(picture, WHOLE)])]
    return _wired(picture.scene.inputs, graphs, levelled, picture.scene.voices)


def _pictured(picture: Picture | None, clips: Sequence[Clip]) -> list[str]:
    return [video_graph(picture, clips)] if picture and picture.encoded else []


def _wired(
    inputs: Sequence[Source], graphs: Sequence[str], sounds: Sequence[Sound], voices: Sequence[Sequence[Voice]]
) -> _Wiring:
    leads = [_lead_s(sound_voices) for sound_voices in voices]
    late_s = max([lead for lead in leads if lead > LATE_S], default=0.0)
    sound_graphs = [
        audio_graph(sound, sound_voices, n, (len(inputs), lead) if lead > LATE_S else None)
        for n, (sound, sound_voices, lead) in enumerate(zip(sounds, voices, leads, strict=True))
    ]
    silence = ("-f", "lavfi", "-i", f"anullsrc=r=48000:cl=stereo:d={late_s:.6f}") if late_s else ()
    return _Wiring(inputs, [*graphs, *sound_graphs], silence)


def _lead_s(voices: Sequence[Voice]) -> float:
    """When the first of a sound's voices is heard in the result, in seconds; LEAST_SOUND_S if none ever is."""
    return min((lead_s for voice in voices if (lead_s := voice.lead_s) is not None), default=LEAST_SOUND_S)


def _input(tools: Tools, limits: Limits, source: Source, *, is_crowd: bool, is_clocked: bool) -> list[str]:
    """A foreign file with all that stands before its -i. Its pictures are turned and sized by filters of ours (placing.py).
    `is_clocked`: some input has limits.OWN_CLOCK, so that reading moves no input's time 0 to where it begins."""
    still = guard.PICTURES.get(source.demuxer)
    before = guard.input_options([source.demuxer], [still], limits) if still else tools.input_options(limits)
    before += ["-noautorotate", "-reinit_filter:v", "0"]
    before += ["-threads", "2"] if is_crowd else []
    return [*before, *_from(source, is_clocked=is_clocked), *source.opening]


def _from(source: Source, *, is_clocked: bool) -> list[str]:
    """Where reading begins, and which moment of the file is time 0. Where the source does not say when it starts, ffmpeg counts
    from where it sees the beginning of the file."""
    begin_s = (source.start_s or 0.0) + source.seek_s
    seek = ["-noaccurate_seek"] if source.seek_s else []
    seek += ["-seek_timestamp", "1"] if source.start_s is not None else []
    seek += ["-ss", f"{begin_s:.6f}"] if source.seek_s else []
    has_offset = is_clocked if source.seek_s else source.start_s is not None
    return [*seek, *(["-itsoffset", f"{-begin_s:.6f}"] if has_offset else [])]


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
        ["-r", f"{picture.rate.numerator}/{picture.rate.denominator}", "-fps_mode", "cfr", *DROP_EARLY_FRAMES]
        if picture.rate
        else []
    )
    options += [] if picture.rate else ["-fps_mode", "vfr", "-enc_time_base:v", _grid(picture)]
    grid = picture.encoder.grid(picture.keyframe_s, picture.fps)
    options += none_at_the_end(grid, picture.lasts_s) if picture.rate is None and picture.lasts_s else grid
    for n, rendition in enumerate(picture.encoded):
        options += picture.encoder.stream_options(n, rendition.rung)
    return options


def _stamp(track: VideoTrack, number: int) -> list[str]:
    """A copied picture says its colours too: players guess by size, and would show it unlike its smaller renditions."""
    tags = copied_colours(track)
    return [f"-bsf:v:{number}", f"h264_metadata={tags}"] if tags else []


def _decode_only(picture: Picture) -> list[str]:
    """A picture that is only copied is decoded too, to nothing: ffmpeg's words then tell of damage."""
    if picture.encoded or picture.decoded_elsewhere:
        return []
    return ["-map", f"0:{picture.track.index}", "-fps_mode", "passthrough", "-f", "null", "-"]


def _grid(picture: Picture) -> str:
    """What the encoder rounds time stamps to, in seconds."""
    rate = grid_rate(picture.track.base_fps)
    return f"{rate.denominator}/{rate.numerator}"


def _chunk_options(chunk: Chunk, rate: Fraction | None) -> list[str]:
    """The options for the end of a chunk and its place in time, so that its segments can be appended to those before it."""
    end = ["-frames:v", str(chunk.frames)] if rate is not None and chunk.frames is not None else []
    return [*end, *(["-output_ts_offset", f"{chunk.start_s:.6f}"] if chunk.number else [])]


def _sound_options(sounds: Sequence[Sound]) -> list[str]:
    options = [word for n in range(len(sounds)) for word in ("-map", f"[a{n}]")]
    options += ["-c:a", sounds[0].encoder.name] if sounds else []
    return options + [word for n, sound in enumerate(sounds) for word in (f"-b:a:{n}", f"{sound.kbps}k")]


def _mp3_options(sound: Sound) -> list[str]:
    return ["-map", "[mp3]", *NO_TAGS, "-c:a", "libmp3lame", "-b:a", f"{sound.mp3_kbps}k", f"{AUDIO}.mp3"]


def _hls_options(picture: Picture | None, sounds: Sequence[Sound], segment_s: int) -> list[str]:
    streams = [f"v:{n},name:{rendition.name}" for n, rendition in enumerate(picture.renditions)] if picture else []
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
