"""Which tracks of a file are taken: of several pictures the one that is the film, of several programs one. Pure; a track is what
the child of the probe printed of it.
"""

from collections.abc import Callable
from typing import Any

Track = dict[str, Any]


def weigher(tracks: list[Track]) -> Callable[[Track], tuple[bool, bool, bool, int, int]]:
    """What speaks for a picture track: that it moves, that it lasts, that it is the default, its area, its place."""
    longest_s = max(track["lasts_s"] for track in tracks)

    def weight(track: Track) -> tuple[bool, bool, bool, int, int]:
        moves = (track["frames"] or track["packets"]) > 1
        lasts = track["lasts_s"] >= longest_s / 2
        return moves, lasts, track["default"], track["width_px"] * track["height_px"], -track["index"]

    return weight


def kinds_lost(usable: list[Track], undecodable: list[Track]) -> tuple[str, ...]:
    """The kinds of tracks of which the one that would have been taken cannot be decoded."""
    found = []
    for kind in ("video", "audio"):
        every = [track for track in [*usable, *undecodable] if track["kind"] == kind]
        weight: Callable[[Track], Any] = weigher(every) if kind == "video" and every else _sound_weight
        if every and max(every, key=weight) in undecodable:
            found.append(kind)
    return tuple(found)


def _sound_weight(track: Track) -> tuple[bool, int]:
    return track["default"], -track["index"]


def count_shown(pictures: list[Track], container: str) -> int:
    """How many pictures move and last. One that an MP4 disables is for programs and not for people: depths, for instance."""
    if len(pictures) < 2:
        return len(pictures)
    weight, is_mp4 = weigher(pictures), container.startswith("mov")
    return sum(weight(track)[:2] == (True, True) and (track["default"] or not is_mp4) for track in pictures)


def of_one_program(usable: list[Track], programs: list[list[int]]) -> tuple[list[Track], set[int], int]:
    """The tracks of the program that holds the chosen picture, or the chosen sound where there is none; the indices of
    the other programs' tracks, and how many programs there are."""
    filled = [{*program} for program in programs if any(track["index"] in program for track in usable)]
    if len(filled) < 2:
        return usable, set(), 1
    pictures = [track for track in usable if track["kind"] == "video"]
    first = max(pictures, key=weigher(pictures)) if pictures else max(usable, key=_sound_weight)
    chosen = next((program for program in filled if first["index"] in program), set())
    others = set().union(*filled) - chosen
    return [track for track in usable if track["index"] not in others], others, len(filled)
