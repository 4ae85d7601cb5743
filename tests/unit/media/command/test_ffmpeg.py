"""Arguments as lists: what a person would type for each sort of source."""

import re
from dataclasses import replace
from fractions import Fraction
from typing import Any

import pytest

from pod_jobs.media.command.colours import STAMPED
from pod_jobs.media.command.ffmpeg import build_encode, build_package
from pod_jobs.media.command.graph import audio_graph, video_graph
from pod_jobs.media.command.placing import steadied, upright
from pod_jobs.media.facts.media_info import AudioTrack
from pod_jobs.media.planning.chunk_grid import Chunk
from pod_jobs.media.planning.cut import Range
from pod_jobs.media.planning.limits import Source, decoder_options
from pod_jobs.media.planning.places import Voice
from pod_jobs.media.planning.streams import Picture, Sound
from pod_jobs.media.process.tools import NEEDED_FILTERS
from tests.unit.media.samples import LIMITS, SOUND_TRACK, TOOLS, planned, video

FIELDS = "bwdif=mode=send_frame:deint=interlaced"
TWO = (planned(0, 640, 360), planned(1, 1280, 720))
SOUND = Sound(SOUND_TRACK, kbps=128, mp3_kbps=192)
STEADY = ",".join(steadied(video(1280, 720)))
UPRIGHT = "sidedata=mode=delete:type=DISPLAYMATRIX"


def test_the_whole_pass() -> None:
    picture = Picture(video(1280, 720), TWO, rate=None, keyframe_s=2)
    assert build_encode(TOOLS, LIMITS, Source("/media/source", "mov"), picture, [SOUND], segment_s=4) == [
        "/usr/bin/ffmpeg",
        *("-nostdin", "-hide_banner", "-loglevel", "warning"),
        *("-progress", "pipe:1", "-nostats", "-stats_period", "0.5"),
        *("-protocol_whitelist", "file", "-format_whitelist", "mov,mp4", "-codec_whitelist", "aac,h264"),
        *("-max_streams", "64", "-max_pixels", "36000000", "-probesize", "20M", "-analyzeduration", "20M"),
        *("-noautorotate", "-reinit_filter:v", "0", "-f", "mov", "-i", "file:/media/source"),
        "-filter_complex",
        f"[0:0]{STEADY},{FIELDS},{UPRIGHT},split=2[s0][s1];"
        f"[s0]zscale=640:360:filter=spline36:range=limited,{STAMPED},format=yuv420p,setsar=1[v0];"
        f"[s1]zscale=1280:720:filter=spline36:range=limited,{STAMPED},format=yuv420p,setsar=1[v1]",
        "-filter_complex",
        "[0:1]aresample=async=1,aformat=sample_rates=48000:channel_layouts=stereo,atrim=start=0,apad=whole_dur=0.2,"
        "asplit=2[a][mp3];[a]atrim=start_pts=1024[a0]",
        *("-map_metadata", "-1", "-map_chapters", "-1", "-map", "[v0]", "-map", "[v1]"),
        *("-fps_mode", "vfr", "-enc_time_base:v", "1/25", "-sc_threshold", "0", "-forced-idr", "1"),
        *("-force_key_frames", "expr:gte(t,n_forced*2)"),
        *("-c:v:0", "libx264", "-profile:v:0", "high"),
        *("-preset:v:0", "medium", "-crf:v:0", "18", "-maxrate:v:0", "1000k", "-bufsize:v:0", "2000k"),
        *("-c:v:1", "libx264", "-profile:v:1", "high"),
        *(
            "-preset:v:1",
            "veryfast",
            "-crf:v:1",
            "19",
            "-trellis:v:1",
            "1",
            "-subq:v:1",
            "1",
            "-maxrate:v:1",
            "3000k",
            "-bufsize:v:1",
            "6000k",
        ),
        *("-map", "[a0]", "-c:a", "aac", "-b:a:0", "128k", "-max_muxing_queue_size", "9999"),
        *("-f", "hls", "-hls_time", "4", "-hls_segment_type", "fmp4", "-hls_playlist_type", "event"),
        *("-hls_flags", "single_file+independent_segments"),
        *("-hls_segment_options", "use_editlist=0:movflags=+negative_cts_offsets"),
        *("-hls_segment_filename", "%v.m4s"),
        *("-var_stream_map", "v:0,name:360p v:1,name:720p a:0,name:audio", "%v.m3u8"),
        *("-map", "[mp3]", "-map_metadata", "-1", "-map_chapters", "-1"),
        *("-c:a", "libmp3lame", "-b:a", "192k", "audio.mp3"),
    ]


def test_sound_alone_and_picture_alone() -> None:
    sound = build_encode(TOOLS, LIMITS, Source("/s", "mov"), None, [SOUND], 4)
    picture = build_encode(TOOLS, LIMITS, Source("/s", "mov"), Picture(video(), TWO, None, 2), [], 4)
    assert sound[sound.index("-var_stream_map") + 1] == "a:0,name:audio"
    assert "libx264" not in sound
    assert picture[picture.index("-var_stream_map") + 1] == "v:0,name:360p v:1,name:720p"
    assert not {"aac", "libmp3lame"} & set(picture)


@pytest.mark.parametrize(
    ("facts", "filters"),
    [
        ({}, []),
        ({"rotation_deg": 90}, ["transpose=cclock"]),
        ({"rotation_deg": -90}, ["transpose=clock"]),
        ({"rotation_deg": -90, "mirrored": True}, ["transpose=cclock_flip"]),
        ({"rotation_deg": 180}, ["hflip", "vflip"]),
        ({"rotation_deg": 180, "mirrored": True}, ["hflip"]),
        ({"mirrored": True}, ["vflip"]),
        ({"rotation_deg": 3}, []),
    ],
)
def test_only_quarter_turns_are_made(facts: dict[str, Any], filters: list[str]) -> None:
    assert upright(video(**facts)) == [*filters, UPRIGHT]


@pytest.mark.parametrize(
    ("facts", "rate", "prepared"),
    [
        ({"interlaced": True}, Fraction(25), f"[0:0]{STEADY},{FIELDS},{UPRIGHT},split=2"),
        ({}, Fraction(30000, 1001), f"[0:0]{STEADY},{FIELDS},{UPRIGHT},split=2"),
        ({"index": 3}, None, f"[0:3]{STEADY},{FIELDS},{UPRIGHT},split=2"),
        ({"codec": "vp8"}, None, f"[0:0]{STEADY},{UPRIGHT},split=2"),
        ({"codec": "av1"}, None, f"[0:0]{STEADY},{UPRIGHT},split=2"),
    ],
)
def test_preparation(facts, rate, prepared) -> None:
    assert video_graph(Picture(video(1280, 720, **facts), TWO, rate, 2)).startswith(prepared + "[s0][s1];")


def test_at_a_constant_rate_the_last_picture_is_held_to_the_end() -> None:
    graph = video_graph(Picture(video(), TWO, Fraction(25), 2, lasts_s=12.0, most_held_s=3.0))
    assert "tpad=stop=4:stop_mode=clone,setpts='if(eq(PTS,PREV_INPTS),if(gt(PREV_OUTPTS,8.960000/TB)*" in graph
    assert ",(11.960000+0.022000)/TB,-3600/TB),PTS+0.022000/TB)',split=2" in graph


def test_full_range_becomes_limited() -> None:
    graph = video_graph(Picture(video(full_range=True, pix_fmt="yuvj420p"), TWO, None, 2))
    assert f"[s0]zscale=640:360:filter=spline36:range=limited,{STAMPED},format=yuv420p,setsar=1[v0]" in graph


@pytest.mark.parametrize(
    ("facts", "readable"),
    [
        ({"pix_fmt": "bgr0", "is_rgb": True}, "format=gbrp,"),
        ({"pix_fmt": "rgb48le", "is_rgb": True, "bits": 16}, "format=gbrp16le,"),
        ({"pix_fmt": "yuv410p"}, "format=yuv444p,"),
        ({"pix_fmt": "uyvy422"}, "format=yuv444p,"),
        ({"pix_fmt": "yuv420p", "width_px": 1281}, "format=yuv444p,"),
        ({"pix_fmt": "yuv422p10le", "width_px": 1281, "bits": 10}, "format=yuv444p10le,"),
        ({"pix_fmt": "yuva420p", "has_alpha": True}, "premultiply=inplace=1,format=gbrp,"),
    ],
)
def test_what_zimg_cannot_read_is_converted_once(facts: dict[str, Any], readable: str) -> None:
    graph = video_graph(Picture(video(**facts), TWO, None, 2))
    before, _, after = graph.partition("split=2")
    assert readable in before
    assert before.count("zscale=1280:720:") == 1
    assert ":m=bt709:r=limited," in before
    assert after.count("format=yuv420p") == 2


def test_hdr_is_scaled_first_and_mapped_once() -> None:
    graph = video_graph(
        Picture(video(3840, 2160, hdr="hlg", pix_fmt="yuv420p10le", matrix=2, primaries=2), TWO, None, 2)
    )
    prepared = f"{UPRIGHT},zscale=1280:720:filter=spline36:min=bt2020nc:m=bt2020nc:rin=limited:r=limited,zscale="
    assert prepared in graph
    assert graph.count("tonemap") == 1
    assert graph.index("tonemap") < graph.index("split=2")


@pytest.mark.parametrize(
    ("channels", "rate", "expected"),
    [
        (1, 48_000, "48000:channel_layouts=mono"),
        (6, 44_100, "44100:channel_layouts=stereo"),
        (2, 7_350, "48000:channel"),
    ],
)
def test_sound_layouts(channels: int, rate: int, expected: str) -> None:
    sound = Sound(AudioTrack(1, "aac", channels, rate, "", True), 96, 128)
    assert f"aformat=sample_rates={expected}" in audio_graph(sound, [Voice(0, sound.track)])


def test_downloads() -> None:
    copy = ["-map_metadata", "-1", "-map_chapters", "-1", "-c", "copy", "-movflags", "+faststart"]
    assert build_package(TOOLS, ["360p", "720p"], True, "mp4")[12:] == [
        *("-i", "file:360p.m4s", "-i", "file:720p.m4s", "-i", "file:audio.m4s"),
        *("-map", "0:v:0", "-map", "2:a:0", *copy, "360p.mp4"),
        *("-map", "1:v:0", "-map", "2:a:0", *copy, "720p.mp4"),
    ]
    alone = build_package(TOOLS, [], True, "m4a")
    assert alone[12:] == ["-i", "file:audio.m4s", "-map", "0:a:0", *copy, "audio.m4a"]
    assert build_package(TOOLS, ["360p"], False, "mp4")[14:] == ["-map", "0:v:0", *copy, "360p.mp4"]


def test_two_sounds_and_a_gain() -> None:
    other = Sound(AudioTrack(2, "aac", 1, 48_000, "eng", False), 64, 128, name="audio_2", gain_db=-3.25)
    argv = build_encode(TOOLS, LIMITS, Source("/s", "mov"), None, [SOUND, other], 4)
    assert "a:0,name:audio a:1,name:audio_2" in argv
    assert argv[argv.index("-b:a:1") + 1] == "64k"
    assert argv.count("libmp3lame") == 1
    assert argv.count("-filter_complex") == 2  # what changes in one sound begins only its own graph anew
    assert (
        "[0:2]aresample=async=1,aformat=sample_rates=48000:channel_layouts=mono,atrim=start=0,"
        "volume=-3.2dB,alimiter=limit=0.89:level=disabled:latency=1,apad=whole_dur=0.2,atrim=start_pts=1024[a1]"
    ) in argv


def test_a_sound_that_begins_late_has_silence_before() -> None:
    late = replace(SOUND, track=replace(SOUND_TRACK, start_s=1.5))
    argv = build_encode(TOOLS, LIMITS, Source("/s", "mov"), None, [late], 4)
    assert argv[argv.index("lavfi") - 1 : argv.index("-filter_complex")] == [
        *("-f", "lavfi", "-i", "anullsrc=r=48000:cl=stereo:d=1.500000")
    ]
    graph = argv[argv.index("-filter_complex") + 1]
    assert graph.startswith(
        "[1:0]atrim=end=1.500000,aformat=sample_rates=48000:channel_layouts=stereo,asettb=AVTB[y0];[0:1]"
    )
    assert "[y0][y0_0]ainterleave=nb_inputs=2,aresample=async=1:min_hard_comp=0.01,atrim=start=0," in graph


def test_a_kept_range_is_read_from_the_key_frame_before_it() -> None:
    source = Source("/s", "mov", (Range(10, 20.5),))
    argv = build_encode(TOOLS, LIMITS, source, Picture(video(1280, 720), TWO, None, 2), [SOUND], 4)
    at = argv.index("-noaccurate_seek")
    assert argv[at : at + 7] == ["-noaccurate_seek", "-ss", "10.000000", "-f", "mov", "-i", "file:/s"]
    assert argv.count("-i") == 1
    picture, sound = (argv[n + 1] for n, word in enumerate(argv) if word == "-filter_complex")
    assert "settb=AVTB,setpts='(eq(N,0)*0.000000+eq(N,1)*10.500000)/TB'[clock_k0];" in picture
    assert "streamselect=inputs=2:map=1,select='gte(t,-0.000001)*lt(t,10.499999)'" in picture
    assert "atrim=start=0.000000:end=10.500000,asetpts='PTS+(0.000000)/TB'" in sound


def test_decoders_of_many_ranges_share_the_room_for_threads() -> None:
    """On 16 cores 50 decoders would start 800 threads, and fail under the limit of memory."""
    picture = Picture(video(1280, 720), TWO, rate=None, keyframe_s=2)
    for count, limited in ((8, 9), (50, 9)):
        ranges = tuple(Range(100.0 * n, 100.0 * n + 0.5) for n in range(count))
        argv = build_encode(TOOLS, LIMITS, Source("/media/source", "mov", ranges), picture, [SOUND], segment_s=4)
        assert argv.count("-threads") == argv.count("-i") == limited


def test_ranges_that_lie_apart_are_read_apart_and_heard_in_one_go() -> None:
    source = Source("/s", "mov", (Range(0, 5), Range(100, 110)))
    argv = build_encode(TOOLS, LIMITS, source, Picture(video(), TWO, None, 2), [SOUND], 4)
    assert argv.count("-i") == argv.count("-codec_whitelist") == 3
    picture, sound = (argv[n + 1] for n, word in enumerate(argv) if word == "-filter_complex")
    assert "[k0][k1]interleave=nb_inputs=2," in picture
    assert "aselect='gte(t,-0.000001)*lt(t,4.999999)+gte(t,99.999999)*lt(t,109.999999)'" in sound
    assert "asetpts='PTS+(0.000000+gte(T,99.999999)*-95.000000)/TB'" in sound


@pytest.mark.parametrize(
    ("ranges", "told"),
    [
        ((), ["-seek_timestamp", "1", "-itsoffset", "-2.500000"]),
        ((Range(10, 20.5),), ["-noaccurate_seek", "-seek_timestamp", "1", "-ss", "12.500000"]),
    ],
)
def test_the_builds_do_not_look_for_the_beginning_of_matroska(ranges: tuple[Range, ...], told: list[str]) -> None:
    source = Source("/s", "matroska", ranges, start_s=2.5)
    argv = build_encode(TOOLS, LIMITS, source, Picture(video(1280, 720), TWO, None, 2), [SOUND], 4)
    end = argv.index("-f")
    assert argv[end - len(told) : end] == told


def test_a_chunk_keeps_its_place_in_the_whole() -> None:
    chunk = Chunk(2, Fraction(25), first_frame=300, frames=400, first_segment=3)
    picture = Picture(video(640, 360), TWO[:1], rate=None, keyframe_s=2, chunk=chunk)
    argv = build_encode(TOOLS, LIMITS, Source("/s", "mov"), picture, (), 4)
    assert argv[argv.index("-noaccurate_seek") : argv.index("-i")] == [
        "-noaccurate_seek",
        "-ss",
        "12.000000",
        "-f",
        "mov",
    ]
    assert f"{UPRIGHT},trim=start=-0.020000:end=15.980000,split=1" in argv[argv.index("-filter_complex") + 1]
    assert argv[argv.index("-output_ts_offset") + 1] == "12.000000"
    assert "fragment_index=4:" in argv[argv.index("-hls_segment_options") + 1]


def test_a_chunk_at_a_constant_rate_ends_by_count_and_may_repeat_what_was_before_it() -> None:
    chunk = Chunk(2, Fraction(25), first_frame=300, frames=400, first_segment=3)
    picture = Picture(video(640, 360), TWO[:1], rate=Fraction(25), keyframe_s=2, chunk=chunk)
    argv = build_encode(TOOLS, LIMITS, Source("/s", "mov"), picture, (), 4)
    assert "setpts='PTS-if(lt(T,-0.020000),10/TB,0)'" in argv[argv.index("-filter_complex") + 1]
    assert argv[argv.index("-frames:v") + 1] == "400"


def test_every_filter_is_looked_for_at_the_start() -> None:
    chunk = Chunk(2, Fraction(25), first_frame=300, frames=400, first_segment=3)
    pictures = (
        Picture(video(interlaced=True, base_fps=120.0), TWO, Fraction(25), 2, chunk=chunk),
        Picture(video(hdr="pq"), TWO, None, 2),
        Picture(video(pix_fmt="rgb24"), TWO, None, 2, chunk=chunk),
        Picture(video(), TWO, None, 2, still_until_s=60.0),
        Picture(video(rotation_deg=90, mirrored=True), TWO, Fraction(25), 2, lasts_s=60.0),
        Picture(video(rotation_deg=180), TWO, Fraction(25), 2, lasts_s=60.0),
    )
    sounds = (SOUND, Sound(AudioTrack(2, "aac", 24, 48_000, "eng", False, 1.5), 64, 128, gain_db=3.0))
    source = Source("/s", "mov", (Range(0, 5), Range(100, 105)))
    commands = [build_encode(TOOLS, LIMITS, Source("/s", "mov"), one, sounds, 4) for one in pictures]
    commands.append(build_encode(TOOLS, LIMITS, source, replace(pictures[-1], lasts_s=10.0), sounds, 4))
    graphs = [argv[n + 1] for argv in commands for n, word in enumerate(argv) if word == "-filter_complex"]
    used = {*re.findall(r"(?:^|[\],;])([a-z]\w*)(?=[=,;\[]|$)", re.sub("'[^']*'", "", ";".join(graphs)))}
    assert (
        {"mpdecimate", "trim", "setpts", "pan", "alimiter", "ainterleave", "streamselect"} <= used <= {*NEEDED_FILTERS}
    )


def test_theora_is_decoded_by_one_thread() -> None:
    """With several, ffmpeg 9.0 sometimes gives later pictures in the place of earlier ones: 15 results in 30 runs."""
    source = Source("/s", "ogg", decoder=decoder_options(video(codec="theora", index=2)))
    argv = build_encode(TOOLS, LIMITS, source, Picture(video(codec="theora", index=2), TWO, None, 2), [], 4)
    assert argv[argv.index("-threads:2") + 1] == "1"
    assert argv.index("-threads:2") < argv.index("-i")


def test_a_broadcast_stream_keeps_its_clock() -> None:
    assert "-copyts" in Source("/a", "mpegts").opening
    assert "-copyts" not in Source("/a", "mpegts", breaks_clock=True).opening
    assert "-copyts" not in Source("/a", "mov").opening
