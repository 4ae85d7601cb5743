"""The packets of a file, as far as they can be read. Part of the program probe_child.py, which runs alone in its process and
imports nothing else of ours.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import av
from av.container import InputContainer
from av.stream import Stream


def packets_of(container: InputContainer, streams: Sequence[Stream] | None = None) -> Iterator["av.Packet[Any]"]:
    """Of these streams, or of all. What cannot be read ends them: a line feed behind the last one, for instance."""
    try:
        yield from container.demux() if streams is None else container.demux(streams)
    except av.FFmpegError:
        return
