"""Reads a multipart form while it is received. Flask would write the file to /tmp first, which may be in memory."""

from collections.abc import Iterator

from werkzeug.sansio.multipart import Data, Epilogue, Event, Field, File, MultipartDecoder, NeedData

from pod_jobs.errors import Malformed
from pod_jobs.web.intake.received_files import PIECE_BYTES, Stream

BUFFER_BYTES = 4 * PIECE_BYTES
FIELDS_BYTES = 64 * 1024  # all fields together
MAX_PARTS = 20


class Form:
    """A form that is read in three steps: `open_file`, `read` until it returns b"", and `finish` for the fields after the file.
    `fields` (name -> text) fills on the way. Errors of all three: Malformed."""

    def __init__(self, stream: Stream, boundary: str) -> None:
        if not boundary:
            raise Malformed("a form without a boundary")
        self.fields: dict[str, str] = {}
        self._stream = stream
        self._decoder = MultipartDecoder(boundary.encode(), BUFFER_BYTES, max_parts=MAX_PARTS)
        self._parts = self._events()
        self._in_file = False

    def open_file(self, name: str) -> str:
        """Go to the file in the part `name`, and return its file name. Errors: Malformed when there is none."""
        for event in self._parts:
            if isinstance(event, File) and event.name == name:
                self._in_file = True
                return event.filename
            self._keep(event)
        raise Malformed(f"the form has no file {name!r}")

    def read(self, size: int) -> bytes:
        """The next piece of the file, of the size in which it arrived; b"" at the end."""
        while self._in_file:
            event = next(self._parts, None)
            if not isinstance(event, Data):
                break
            self._in_file = event.more_data
            if event.data:
                return event.data
        return b""

    def finish(self) -> None:
        """Read the fields that follow the file."""
        for event in self._parts:
            self._keep(event)

    def _keep(self, event: Event) -> None:
        if isinstance(event, Field):
            value = bytearray()
            for part in self._parts:
                if isinstance(part, Data):
                    value += part.data
                    if len(value) + sum(map(len, self.fields.values())) > FIELDS_BYTES:
                        raise Malformed("the fields of the form are too long")
                    if not part.more_data:
                        break
            self.fields[event.name] = value.decode("utf-8", "replace")

    def _events(self) -> Iterator[Event]:
        try:
            while not isinstance(event := self._decoder.next_event(), Epilogue):
                if isinstance(event, NeedData):
                    self._decoder.receive_data(self._stream.read(PIECE_BYTES) or None)
                else:
                    yield event
        except ValueError as error:
            raise Malformed(f"the form ends too early: {error}") from error
