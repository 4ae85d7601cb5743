"""The master playlist that is there while the encoding goes on."""

from pathlib import Path

from pod_jobs.media.hls.master import EarlyMaster
from pod_jobs.media.planning.streams import Sound
from tests.unit.media.samples import SOUND_TRACK

BEGUN = '#EXTM3U\n#EXT-X-MAP:URI="audio.m4s",BYTERANGE="8@0"\n'
GROWN = BEGUN + "#EXTINF:4,\n#EXT-X-BYTERANGE:64000@8\naudio.m4s\n"


def test_it_comes_with_the_first_segment_and_is_written_once(tmp_path: Path) -> None:
    early = EarlyMaster(tmp_path, None, [Sound(SOUND_TRACK, 128, 0)])
    master, playlist = tmp_path / "master.m3u8", tmp_path / "audio.m3u8"
    assert not early.write_when_ready()
    for text in (BEGUN, "#EXTM3U\n#EXTINF:none"):
        playlist.write_text(text)
        assert not early.write_when_ready() and not master.exists()
    playlist.write_text(GROWN)
    assert early.write_when_ready() and "audio.m3u8" in master.read_text()
    master.unlink()
    assert early.write_when_ready() and not master.exists(), "it was written already"
