"""Which colours the numbers of a picture stand for: what its file says, else what players take for granted. Pure.

Codes are those of ITU-T H.273, which containers, codecs and libraries share.
"""

from dataclasses import dataclass

from pod_jobs.media.facts.media_info import VideoTrack

UNKNOWN = 2  # H.273: not specified
BT709, BT470_BG, SMPTE170M, BT2020 = 1, 5, 6, 9
MATRICES = {1: "bt709", 4: "fcc", 5: "bt470bg", 6: "smpte170m", 7: "7", 8: "ycgco", 9: "bt2020nc", 10: "bt2020c"}
# BT.601's primaries, of PAL (5) and NTSC (6, 7), are so near BT.709's that players show both alike, and so do we
PRIMARIES = {1: "bt709", 4: "bt470m", 5: "bt709", 6: "bt709", 7: "bt709", 8: "film", 9: "bt2020", 10: "smpte428"}
PRIMARIES |= {11: "smpte431", 12: "smpte432", 22: "bt709"}
LIGHT = {8: "linear", 9: "log100", 10: "log316"}  # transfers that no screen shows as they are; all other ones are alike
HDR = {"pq": "smpte2084", "hlg": "arib-std-b67"}
# From here on a picture that says nothing has the matrix of BT.709, below that BT.601's
HD_SHORT_PX, HD_LONG_PX = 720, 1280


@dataclass(frozen=True)
class Colours:
    """In the words of the filter zscale. `matrix` "gbr": they are red, green and blue. `transfer` "": as screens show it."""

    matrix: str
    primaries: str
    transfer: str
    full_range: bool

    @property
    def are_ours(self) -> bool:
        """Those of BT.709, as every output has them; the range may differ."""
        return (self.matrix, self.primaries, self.transfer) == ("bt709", "bt709", "")


def colours_of(track: VideoTrack) -> Colours:
    """What is said counts; what is not said follows from the rest, and from the size if nothing is said."""
    matrix = track.matrix if track.matrix in MATRICES else _guessed_matrix(track)
    primaries = track.primaries if track.primaries in PRIMARIES else BT2020 if matrix in (9, 10) or track.hdr else BT709
    transfer = HDR.get(track.hdr, "") or LIGHT.get(track.transfer, "")
    return Colours("gbr" if track.is_rgb else MATRICES[matrix], PRIMARIES[primaries], transfer, track.full_range)


def _guessed_matrix(track: VideoTrack) -> int:
    if track.hdr or track.primaries == BT2020:
        return BT2020
    if track.primaries in (BT470_BG, SMPTE170M):
        return SMPTE170M
    is_hd = min(track.width_px, track.height_px) >= HD_SHORT_PX or max(track.width_px, track.height_px) >= HD_LONG_PX
    return BT709 if track.primaries == BT709 or is_hd else SMPTE170M
