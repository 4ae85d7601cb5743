"""Argument lists for ffmpeg. Pure: source facts and a plan in, lists of strings out. Opens nothing.

One pass decodes the source once, encodes each rendition once and the sound once (and once more as MP3), and writes fMP4
HLS that can be watched while it grows. MP4 downloads are the same frames in another container.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from pod_jobs.media import guard
from pod_jobs.media.cut import Range
from pod_jobs.media.guard import Limits, Source
from pod_jobs.media.ladder import PlannedRendition
from pod_jobs.media.media_info import AudioTrack, VideoTrack
from pod_jobs.media.tools import Tools

AUDIO = "audio"  # the name of the sound's files: audio.m3u8, audio.m4s, audio.mp3, audio.m4a
HDR_TRANSFERS = {"pq": "smpte2084", "hlg": "arib-std-b67"}  # the names of zscale
AAC_DELAY = 1024  # samples that the encoder puts before the first one
PEAK = 0.89  # of full scale, about -1 dBFS: the encoder overshoots a little
AAC_RATES = (44_100, 48_000)  # Hz that stay; all others become 48,000
ALWAYS = ("-nostdin", "-hide_banner", "-loglevel", "warning", "-progress", "pipe:1", "-nostats", "-stats_period", "0.5")
NO_TAGS = ("-map_metadata", "-1", "-map_chapters", "-1")  # titles and comments of a source are untrusted text


@dataclass(frozen=True)
class Picture:
    """The picture part of a pass. `rate` None keeps the time stamps of the source. Renditions lowest first."""

    track: VideoTrack
    renditions: tuple[PlannedRendition, ...]
    rate: Fraction | None
    keyframe_s: int
    copies_top: bool = False  # the last rendition is the source's picture as it is

    @property
    def encoded(self) -> tuple[PlannedRendition, ...]:
        return self.renditions[:-1] if self.copies_top else self.renditions


@dataclass(frozen=True)
class Sound:
    """One sound of a pass: an AAC for all renditions; of the first sound also an MP3. `name` becomes file names, `label` is
    for people, `language` a code of languages.py or "". `gain_db` None leaves the level."""

    track: AudioTrack
    aac_kbps: int
    mp3_kbps: int
    name: str = AUDIO
    label: str = "1"
    language: str = ""
    gain_db: float | None = None

    @property
    def channels(self) -> int:
        return min(self.track.channels, 2)

    @property
    def sample_rate_hz(self) -> int:
        return self.track.sample_rate_hz if self.track.sample_rate_hz in AAC_RATES else 48_000


def build_encode(
    tools: Tools, limits: Limits, source: Source, picture: Picture | None, sounds: Sequence[Sound], segment_s: int
) -> list[str]:
    """The one pass, run in the output folder. At least one of `picture` and `sounds`."""
    joins = len(source.ranges) > 1
    graphs = [join_graph(source.ranges, picture, sounds)] if joins else []
    graphs += [video_graph(picture, joined=joins)] if picture and picture.encoded else []
    graphs += [audio_graph(sound, n, joined=joins) for n, sound in enumerate(sounds)]
    upright = picture is None or picture.track.rotation_deg % 90 == 0
    opening = [
        *guard.input_options(tools.demuxers, tools.decoders, limits),
        *(() if upright else ("-noautorotate",)),  # ffmpeg would turn by 3 degrees and leave black corners
    ]
    windows = [["-ss", f"{one.start_s:.3f}", "-t", f"{one.duration_s:.3f}"] for one in source.ranges] or [[]]
    return [
        tools.ffmpeg,
        *ALWAYS,
        *(word for window in windows for word in (*opening, *window, *source.opening)),
        *(("-filter_complex", ";".join(graphs)) if graphs else ()),
        *NO_TAGS,
        *(_video_options(picture) if picture else ()),
        *_aac_options(sounds),
        *_hls_options(picture, sounds, segment_s),
        *(_mp3_options(sounds[0]) if sounds else ()),
    ]


def join_graph(ranges: Sequence[Range], picture: Picture | None, sounds: Sequence[Sound]) -> str:
    """[0:n] [1:n] … -> [jv] [j0] [j1] …: the kept ranges one after the other, sound and picture cut at the same places."""
    pieces, labels = [], []
    for number in range(len(ranges)):
        if picture:
            labels.append(f"[{number}:{picture.track.index}]")
        for n, sound in enumerate(sounds):
            pieces.append(f"[{number}:{sound.track.index}]aresample=async=1:first_pts=0[p{number}_{n}]")
            labels.append(f"[p{number}_{n}]")
    outs = ("[jv]" if picture else "") + "".join(f"[j{n}]" for n in range(len(sounds)))
    concat = f"concat=n={len(ranges)}:v={int(picture is not None)}:a={len(sounds)}"
    return ";".join([*pieces, f"{''.join(labels)}{concat}{outs}"])


def video_graph(picture: Picture, *, joined: bool = False) -> str:
    """[0:n] (or [jv]) -> [v0] [v1] …: prepared once, split, scaled to square pixels of each rendition's size."""
    track, last = picture.track, picture.encoded[-1]
    prepare = [
        *(["bwdif=mode=send_frame:deint=interlaced"] if track.interlaced else []),
        *(_thinned(picture.rate) if picture.rate and track.base_fps > 1.5 * picture.rate else []),
        *(tone_map(track, last.width_px, last.height_px) if track.hdr else []),
        f"split={len(picture.encoded)}",
    ]
    full = ":out_range=tv" if track.full_range and not track.hdr else ""
    outs = "".join(f"[s{n}]" for n in range(len(picture.encoded)))
    scales = [
        f"[s{n}]scale={one.width_px}:{one.height_px}{full},format=yuv420p,setsar=1[v{n}]"
        for n, one in enumerate(picture.encoded)
    ]
    begin = "[jv]" if joined else f"[0:{track.index}]"
    return ";".join([f"{begin}{','.join(prepare)}{outs}", *scales])


def _thinned(rate: Fraction) -> list[str]:
    """Drops frames that the rate has no room for, before they cost anything. It never makes one: the filter fps would fill a
    gap of the time stamps with thousands of pictures at once, all of them in memory; -r repeats them at the encoder."""
    return [f"select='isnan(prev_selected_t)+gte(t-prev_selected_t,{float(0.9 / rate):.6f})'"]


def tone_map(track: VideoTrack, width_px: int, height_px: int) -> list[str]:
    """HDR to SDR, after scaling down (it works on 32-bit floats) and before the split."""
    return [
        f"scale={width_px}:{height_px}",
        f"zscale=tin={HDR_TRANSFERS[track.hdr]}:pin=bt2020:min=bt2020nc:rin=tv:t=linear:npl=100",
        "format=gbrpf32le",
        "zscale=p=bt709",
        "tonemap=hable:desat=0",
        "zscale=t=bt709:m=bt709:r=tv",
        "format=yuv420p",
    ]


def audio_graph(sound: Sound, number: int = 0, *, joined: bool = False) -> str:
    """[0:n] (or [j0]) -> [a0] for AAC, of the first sound also [mp3]: from time 0, without holes, mono or stereo, 0.2 s at least.

    The AAC loses as many samples as its encoder puts in front: sound and picture then agree without an edit list, which
    players of segments ignore.
    """
    layout = "mono" if sound.channels == 1 else "stereo"
    gain = "" if sound.gain_db is None else f"volume={sound.gain_db:.1f}dB,alimiter=limit={PEAK}:level=disabled,"
    begin = f"[j{number}]" if joined else f"[0:{sound.track.index}]"
    prepared = (
        f"{begin}aresample=async=1:first_pts=0,"
        f"aformat=sample_rates={sound.sample_rate_hz}:channel_layouts={layout},{gain}apad=whole_dur=0.2"
    )
    mp3 = ",asplit=2[a][mp3];[a]" if number == 0 else ","
    return f"{prepared}{mp3}atrim=start_sample={AAC_DELAY}[a{number}]"


def _video_options(picture: Picture) -> list[str]:
    options: list[str] = []
    for n in range(len(picture.encoded)):
        options += ["-map", f"[v{n}]"]
    if picture.copies_top:
        options += ["-map", f"0:{picture.track.index}"]
    if not picture.encoded:
        return [*options, "-c:v", "copy"]
    options += [f"-c:v:{len(picture.encoded)}", "copy"] if picture.copies_top else []
    options += (
        ["-r", f"{picture.rate.numerator}/{picture.rate.denominator}", "-fps_mode", "cfr"] if picture.rate else []
    )
    options += [] if picture.rate else ["-fps_mode", "vfr"]
    options += ["-sc_threshold", "0", "-forced-idr", "1"]
    options += ["-force_key_frames", f"expr:gte(t,n_forced*{picture.keyframe_s})"]  # one grid for all renditions
    for n, one in enumerate(picture.encoded):
        rung = one.rung
        options += [f"-c:v:{n}", "libx264", f"-profile:v:{n}", "high"]
        options += [f"-preset:v:{n}", rung.preset, f"-crf:v:{n}", f"{rung.crf:g}"]
        options += [f"-maxrate:v:{n}", f"{rung.maxrate_kbps}k", f"-bufsize:v:{n}", f"{2 * rung.maxrate_kbps}k"]
    return options


def _aac_options(sounds: Sequence[Sound]) -> list[str]:
    options = [word for n in range(len(sounds)) for word in ("-map", f"[a{n}]")]
    options += ["-c:a", "aac"] if sounds else []
    return options + [word for n, sound in enumerate(sounds) for word in (f"-b:a:{n}", f"{sound.aac_kbps}k")]


def _mp3_options(sound: Sound) -> list[str]:
    return ["-map", "[mp3]", *NO_TAGS, "-c:a", "libmp3lame", "-b:a", f"{sound.mp3_kbps}k", f"{AUDIO}.mp3"]


def _hls_options(picture: Picture | None, sounds: Sequence[Sound], segment_s: int) -> list[str]:
    streams = [f"v:{n},name:{one.name}" for n, one in enumerate(picture.renditions)] if picture else []
    streams += [f"a:{n},name:{sound.name}" for n, sound in enumerate(sounds)]
    return [
        *("-max_muxing_queue_size", "9999"),  # a track that starts minutes late
        *("-f", "hls", "-hls_time", str(segment_s), "-hls_segment_type", "fmp4", "-hls_playlist_type", "event"),
        *("-hls_flags", "single_file+independent_segments"),  # with temp_file the playlists name x.m4s.tmp
        *("-hls_segment_options", "use_editlist=0:movflags=+negative_cts_offsets"),  # every track begins at 0, for MSE
        *("-hls_segment_filename", "%v.m4s", "-var_stream_map", " ".join(streams), "%v.m3u8"),
    ]


def build_package(tools: Tools, names: Sequence[str], with_sound: bool) -> list[str]:
    """Downloads from what the pass wrote, without encoding: NAME.mp4 for each of `names`; without names audio.m4a."""
    argv = [tools.ffmpeg, *ALWAYS, "-protocol_whitelist", "file"]
    for name in [*names, *([AUDIO] if with_sound else [])]:
        argv += ["-i", f"file:{name}.m4s"]
    copy = [*NO_TAGS, "-c", "copy", "-movflags", "+faststart"]
    sound = ["-map", f"{len(names)}:a:0"] if with_sound else []
    for n, name in enumerate(names):
        argv += ["-map", f"{n}:v:0", *sound, *copy, f"{name}.mp4"]
    return argv if names else [*argv, *sound, *copy, f"{AUDIO}.m4a"]
