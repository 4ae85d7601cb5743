import time
from dataclasses import replace

import pytest

from pod_jobs.media.hls.playlists import (
    AudioRendition,
    Segment,
    Variant,
    build_master,
    build_playlist,
    parse_playlist,
    prolonged,
)

GROWING = """#EXTM3U
#EXT-X-VERSION:7
#EXT-X-TARGETDURATION:4
#EXT-X-PLAYLIST-TYPE:EVENT
#EXT-X-MAP:URI="360p.m4s",BYTERANGE="828@0"
#EXTINF:4.012158,
#EXT-X-BYTERANGE:248278@828
360p.m4s
#EXTINF:4.000000,
#EXT-X-BYTERANGE:100000@249106
360p.m4s
"""
AUDIO = AudioRendition("audio", "Français", "fr", "mp4a.40.2", channels=2, peak_bps=130_000, average_bps=128_000)
LOW = Variant("360p", 640, 360, 27.4166, "avc1.64001e", peak_bps=900_000, average_bps=500_000)


def test_a_hostile_playlist_takes_no_long_time() -> None:
    began = time.process_time()
    assert parse_playlist("#EXTM3U\n#EXT-X-MAP:" + "1" * 200_000).init_bytes == 0
    assert time.process_time() - began < 2.0


def test_a_growing_playlist() -> None:
    playlist = parse_playlist(GROWING)
    assert playlist.init_bytes == 828
    assert playlist.segments == (Segment(4.012158, 248_278, 828), Segment(4.0, 100_000, 249_106))
    assert not playlist.ended
    assert playlist.end == 349_106
    assert playlist.peak_bps == int(248_278 * 8 / 4.012158)
    assert playlist.average_bps == pytest.approx(348_278 * 8 / 8.012158, abs=1)


def test_a_last_segment_of_one_frame_is_no_peak() -> None:
    playlist = parse_playlist(GROWING + "#EXTINF:0.04,\n#EXT-X-BYTERANGE:50000@349106\n360p.m4s\n#EXT-X-ENDLIST\n")
    assert playlist.ended
    assert playlist.peak_bps == int(248_278 * 8 / 4.012158)


def test_a_playlist_of_one_short_segment_has_a_bit_rate() -> None:
    text = '#EXTM3U\n#EXT-X-MAP:URI="a",BYTERANGE="8@0"\n#EXTINF:0.5,\n#EXT-X-BYTERANGE:1000@8\na\n'
    assert parse_playlist(text).peak_bps == 16_000


def test_the_last_segment_of_a_still_picture_lasts_to_the_end() -> None:
    """ffmpeg 5.1 says 0.04 s of a picture that stands for 7 s."""
    text = GROWING + "#EXTINF:0.040000,\n#EXT-X-BYTERANGE:50000@349106\n360p.m4s\n#EXT-X-ENDLIST\n"
    mended = prolonged(text, 15.012158)
    assert [one.duration_s for one in parse_playlist(mended).segments] == [4.012158, 4.0, 7.0]
    assert "#EXT-X-TARGETDURATION:7\n" in mended
    assert len(mended.splitlines()) == len(text.splitlines())
    assert prolonged(text, 8.0) == text


@pytest.mark.parametrize("text", ["", "<html>", "#EXT"])
def test_no_playlist(text: str) -> None:
    with pytest.raises(ValueError):
        parse_playlist(text)


def test_the_master_of_a_video() -> None:
    assert build_master([LOW], [AUDIO]) == (
        "#EXTM3U\n#EXT-X-VERSION:7\n#EXT-X-INDEPENDENT-SEGMENTS\n"
        '#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="sound",NAME="Français",LANGUAGE="fr",DEFAULT=YES,AUTOSELECT=YES,CHANNELS="2",URI="audio.m3u8"\n'
        "#EXT-X-STREAM-INF:BANDWIDTH=1030000,AVERAGE-BANDWIDTH=628000,RESOLUTION=640x360,FRAME-RATE=27.417,"
        'CODECS="avc1.64001e,mp4a.40.2",AUDIO="sound"\n360p.m3u8\n'
    )


def test_the_master_without_sound_and_without_picture() -> None:
    silent, sound = build_master([LOW], []), build_master([], [AUDIO])
    assert 'CODECS="avc1.64001e"\n' in silent
    assert "AUDIO" not in silent
    assert '#EXT-X-STREAM-INF:BANDWIDTH=130000,AVERAGE-BANDWIDTH=128000,CODECS="mp4a.40.2"\naudio.m3u8\n' in sound
    assert "EXT-X-MEDIA" not in sound


def test_a_second_sound_is_an_alternative_and_never_the_default() -> None:
    other = AudioRendition("audio_2", "2", "", "mp4a.40.2", channels=1, peak_bps=200_000, average_bps=100_000)
    for variants in ([LOW], []):
        master = build_master(variants, [AUDIO, other])
        assert 'NAME="2",DEFAULT=NO,CHANNELS="1",URI="audio_2.m3u8"' in master
        assert master.count("DEFAULT=YES") == 1
        assert 'AUDIO="sound"' in master


def test_a_playlist_of_ours_reads_like_one_of_ffmpeg() -> None:
    playlist = parse_playlist(GROWING)
    assert parse_playlist(build_playlist("360p", playlist, 4)) == playlist
    assert parse_playlist(build_playlist("360p", replace(playlist, ended=True), 4)).ended
    assert "#EXT-X-TARGETDURATION:4\n" in build_playlist("360p", playlist, 4)
    for lasts_s, target_s in ((7.6, 8), (4.5, 5)):
        longer = replace(playlist, segments=(*playlist.segments, Segment(lasts_s, 1000, playlist.end)))
        assert f"#EXT-X-TARGETDURATION:{target_s}\n" in build_playlist("360p", longer, 4)
