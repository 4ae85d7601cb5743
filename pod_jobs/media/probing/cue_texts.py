"""The words of a subtitle track of MP4 in UTF-16, which ffmpeg ends at their first byte of zero. Part of the program
probe_child.py, which runs alone in its process and imports nothing else of ours. (3GPP TS 26.245, 5.17)
"""

from typing import TYPE_CHECKING

from av.container import InputContainer

if TYPE_CHECKING or __package__:
    from pod_jobs.media.probing.packets import packets_of
else:
    from packets import packets_of

UTF_16 = (b"\xfe\xff", b"\xff\xfe")  # marks before the words
MOST_LETTERS = 200_000  # of a track


def cue_texts(container: InputContainer, index: int) -> list[tuple[float, float, str]]:
    """Of each sample that holds words: from when to when it is shown, in seconds from the start of the file, and the words."""
    found, letters = [], 0
    start_s = (container.start_time or 0) / 1_000_000
    for packet in packets_of(container, [container.streams[index]]):
        sample = bytes(packet)
        words = sample[2 : 2 + int.from_bytes(sample[:2])]
        text = words.decode("utf-16" if words.startswith(UTF_16) else "utf-8", "replace").strip()
        if text and packet.pts is not None and packet.duration and packet.time_base:
            begin_s = float(packet.pts * packet.time_base) - start_s
            found.append((begin_s, begin_s + float(packet.duration * packet.time_base), text))
        letters += len(text)
        if letters > MOST_LETTERS:
            break
    return found
