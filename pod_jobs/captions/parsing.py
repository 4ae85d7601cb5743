"""Reading caption files of people, WebVTT and SubRip, so that nothing is lost without a word.

`read_captions` returns every cue of the file, or raises BadCaptions with each fault and its line. What it changes or leaves
out (styles, positions, notes, unknown tags, a repaired order, a guessed encoding) it tells as remarks, also with their lines.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from pod_jobs.captions.cues import Cue, clean_text, html_unescape, left_out, plain_text
from pod_jobs.errors import BadCaptions

MOST_BYTES = 5_000_000  # four times the captions of 12 hours
FAR_TOO_MANY_BYTES = 20_000_000  # in a smaller file the lines are checked: one that is too long is the better reason
MOST_CUES = 20_000  # 12 hours of a cue every 2 s
MOST_LINE_CHARACTERS = 5_000
MOST_CUE_CHARACTERS = 10_000
MOST_SPEAKER_CHARACTERS = 100  # of the name of a speaker
MOST_DIFFERENT_WORDS = 40_000  # 12 hours of speech have fewer, and the search has a row for each
MOST_S = 1e6  # 277 hours
FAULTS_TOLD = 20
REMARKS_TOLD = 20  # of each code; a file can make one of every few bytes

_TIME = r"(?:([0-9]{2,4}):)?([0-5][0-9]):([0-5][0-9])[.,]([0-9]{3})"
_LENIENT_SRT_TIME = r"(?:([0-9]{1,4}):)?([0-5]?[0-9]):([0-5]?[0-9])[.,]([0-9]{1,3})"
_TIMINGS = {
    "vtt": re.compile(rf"\s*{_TIME}\s+-->\s+{_TIME}(?:\s+(.*))?", re.ASCII),
    "srt": re.compile(rf"\s*{_LENIENT_SRT_TIME}\s*-->\s*{_LENIENT_SRT_TIME}(?:\s+(.*))?", re.ASCII),
}
_VOICE = re.compile(r"<v(?:\.[^\s<>]*)?\s([^<>]*)>")  # reads no character twice, whatever a file holds
_ALIGNMENT = re.compile(r"\{\\an?[0-9]{1,2}\}")
_BLOCKS_LEFT_OUT = ("NOTE", "STYLE", "REGION")

Format = Literal["vtt", "srt"]


@dataclass(frozen=True)
class Remark:
    """What was changed or is wrong. `line` counts from 1, 0 is the file as a whole; `code` names a sentence of errors.py."""

    code: str
    line: int
    detail: str = ""

    def __str__(self) -> str:
        where = f"line {self.line}: " if self.line else ""
        return f"{where}{self.code}" + (f" ({self.detail})" if self.detail else "")


@dataclass(frozen=True)
class Captions:
    """A file that was read. `cues` are in the order of their times."""

    cues: tuple[Cue, ...]
    format: Format
    encoding: str
    remarks: tuple[Remark, ...] = ()  # of each code the first REMARKS_TOLD; a last one tells how many more there were


@dataclass
class _Reading:
    """What has been found so far."""

    format: Format
    cues: list[tuple[int, Cue]] = field(default_factory=list)  # (line of the timing, cue)
    remarks: list[Remark] = field(default_factory=list)
    faults: list[Remark] = field(default_factory=list)
    met: Counter[str] = field(default_factory=Counter)  # remarks of each code, also those that are not listed

    def fault(self, code: str, line: int, detail: str = "") -> None:
        self.faults.append(Remark(code, line, detail[:80]))

    def remark(self, code: str, line: int, detail: str = "") -> None:
        self.met[code] += 1
        if self.met[code] <= REMARKS_TOLD:
            self.remarks.append(Remark(code, line, detail[:80]))

    def told(self) -> tuple[Remark, ...]:
        more = self.met.total() - len(self.remarks)
        listed = sorted(self.remarks, key=lambda remark: remark.line)
        return (*listed, Remark("captions-more-remarks", 0, str(more))) if more else tuple(listed)


def read_captions(content: bytes) -> Captions:
    """The captions in a WebVTT or SubRip file. Errors: BadCaptions, whose reason names each fault and its line."""
    if len(content) > FAR_TOO_MANY_BYTES:
        raise _too_large(content)
    text, encoding = _decode(content)
    lines = _lines(text)
    first = next((line for line in lines if line.strip()), "")
    reading = _Reading("vtt" if first.lstrip().startswith("WEBVTT") else "srt")
    if encoding not in ("utf-8", "utf-16"):
        reading.remark("captions-encoding-guessed", 0, encoding)
    _check_lines(lines, reading)
    if len(content) > MOST_BYTES:
        raise _refused(reading.faults) if reading.faults else _too_large(content)
    _read_blocks(lines, reading)
    if not reading.cues and not reading.faults and reading.format == "srt":
        reading.fault("captions-unknown-format", 1, first)
    if reading.faults:
        raise _refused(reading.faults)
    cues = _in_order(reading)
    check_words(cues)
    return Captions(cues, reading.format, encoding, reading.told())


def check_words(cues: Iterable[Cue]) -> None:
    """Errors: BadCaptions when there are so many different words that the search could not store them in a moment."""
    words: set[str] = set()
    for cue in cues:
        words.update(cue.text.split())
        if len(words) > MOST_DIFFERENT_WORDS:
            limit = f"{MOST_DIFFERENT_WORDS:,}"
            raise BadCaptions(f"more than {limit} different words", code="captions-too-many-words", limit=limit)


def _decode(content: bytes) -> tuple[str, str]:
    """The text and its encoding: by its mark, else UTF-8, else UTF-16 by its zeros, else Windows-1252."""
    for mark, name in ((b"\xef\xbb\xbf", "utf-8"), (b"\xff\xfe", "utf-16-le"), (b"\xfe\xff", "utf-16-be")):
        if content.startswith(mark):
            return _decoded(content[len(mark) :], name), name.removesuffix("-le").removesuffix("-be")
    sample = content[:1000]
    if sample.count(0) > len(sample) // 4:
        name = "utf-16-le" if sample[1::2].count(0) > sample[::2].count(0) else "utf-16-be"
        return _decoded(content, name), name
    if 0 in content:
        line = len(_lines(content[: content.index(0)].decode("latin-1")))
        raise _refused([Remark("captions-not-text", line, "a zero byte")])
    try:
        return content.decode("utf-8"), "utf-8"
    except UnicodeDecodeError:
        pass
    name = "utf-8" if _is_mostly_utf_8(content) else "windows-1252"
    return _decoded(content, name), name


def _is_mostly_utf_8(content: bytes) -> bool:
    """Also where a few letters are broken: another encoding would make all others unreadable."""
    text = content.decode("utf-8", errors="surrogateescape")
    return 2 * sum("\udc80" <= letter <= "\udcff" for letter in text) <= sum(not letter.isascii() for letter in text)


def _lines(text: str) -> list[str]:
    return text.replace("\r\n", "\n").replace("\r", "\n").split("\n")


def _decoded(content: bytes, name: str) -> str:
    try:
        return content.decode(name)
    except UnicodeDecodeError as error:
        line = len(_lines(content[: error.start].decode(name)))
        raise _refused([Remark("captions-not-text", line, f"{name}: {error.reason}")]) from error


def _check_lines(lines: Sequence[str], reading: _Reading) -> None:
    for number, line in enumerate(lines, 1):
        if len(line) > MOST_LINE_CHARACTERS:
            reading.fault("captions-line-too-long", number, f"{len(line)} characters")
    if reading.format == "vtt" and not re.match(
        r"\s*WEBVTT(?:[ \t].*)?$", next(line for line in lines if line.strip())
    ):
        reading.fault("captions-header", 1, lines[0])


def _blocks(lines: Sequence[str]) -> Iterator[tuple[int, list[str]]]:
    """(number of its first line, its lines) of each run of lines that are not empty."""
    block: list[str] = []
    for number, line in enumerate([*lines, ""], 1):
        if line.strip():
            block.append(line)
        elif block:
            yield number - len(block), block
            block = []


def _read_blocks(lines: Sequence[str], reading: _Reading) -> None:
    for first_line, block in _blocks(lines):
        word = block[0].split(maxsplit=1)[0]
        has_timing = any("-->" in line for line in block)
        if word == "WEBVTT" and reading.format == "vtt" and not has_timing:
            if heading := " ".join(" ".join(block).split()[1:]):
                reading.remark("captions-block-left-out", first_line, heading)
            continue
        if reading.format == "vtt" and word in _BLOCKS_LEFT_OUT and not has_timing:
            reading.remark("captions-block-left-out", first_line, " ".join(block))
            continue
        if reading.format == "vtt" and word == "WEBVTT":
            reading.fault("captions-header", first_line, "an empty line must follow the first line")
        _read_cues(first_line, block, reading)
        if len(reading.cues) > MOST_CUES or len(reading.faults) > MOST_CUES:
            reading.fault("captions-too-many", first_line, f"more than {MOST_CUES}")
            return


def _read_cues(first_line: int, block: list[str], reading: _Reading) -> None:
    """A block holds one cue; where empty lines are missing it holds more, each with its timing line."""
    timing = _TIMINGS[reading.format]
    matches = [timing.fullmatch(line) for line in block]
    timed_lines = [(index, match) for index, match in enumerate(matches) if match]
    for index, line in enumerate(block):
        if "-->" in line and not matches[index]:
            reading.fault("captions-timing", first_line + index, line)
    if not timed_lines:
        if not any("-->" in line for line in block):
            reading.fault("captions-text-without-time", first_line, block[0])
        return
    if timed_lines[0][0] > 1:
        reading.fault("captions-text-without-time", first_line, block[0])
    for position, (index, match) in enumerate(timed_lines):
        last = timed_lines[position + 1][0] if position + 1 < len(timed_lines) else len(block)
        if position + 1 < len(timed_lines):
            reading.remark("captions-no-empty-line", first_line + last)
            if reading.format == "srt" and block[last - 1].strip().isdigit() and last - 1 > index:
                last -= 1  # the number of the next cue
        _add_cue(first_line + index, match, "\n".join(block[index + 1 : last]), reading)


def _add_cue(line: int, match: re.Match[str], text: str, reading: _Reading) -> None:
    start_s, end_s = _seconds(match.groups()[:4]), _seconds(match.groups()[4:8])
    if end_s <= start_s:
        reading.fault("captions-backward", line, match.group().strip())
        return
    if end_s >= MOST_S:
        reading.fault("captions-timing", line, match.group().strip())
        return
    if len(text) > MOST_CUE_CHARACTERS:
        reading.fault("captions-cue-too-long", line, f"{len(text)} characters")
        return
    if match.group(9) and match.group(9).strip():
        reading.remark("captions-position-left-out", line, match.group(9))
    text = _ALIGNMENT.sub("", text)
    voice = _VOICE.search(text)
    if voice and len(_VOICE.findall(text)) > 1:
        reading.remark("captions-speakers-in-one-cue", line)
    unknown = sorted({name for name in left_out(text) if name != "v"} - {""})
    if unknown:
        reading.remark("captions-tags-left-out", line, ", ".join(unknown))
    cleaned = clean_text(text)
    if not plain_text(cleaned).strip():
        reading.remark("captions-empty-cue", line)
        return
    speaker = " ".join(plain_text(clean_text(html_unescape(voice.group(1)))).split()) if voice else ""
    if len(speaker) > MOST_SPEAKER_CHARACTERS:
        reading.fault("captions-speaker-too-long", line, f"{len(speaker)} characters")
    reading.cues.append((line, Cue(start_s, end_s, cleaned, speaker)))


def _seconds(parts: Sequence[str | None]) -> float:
    hours, minutes, seconds, fraction = parts
    return (
        int(hours or 0) * 3600
        + int(minutes or 0) * 60
        + int(seconds or 0)
        + int((fraction or "0").ljust(3, "0")) / 1000
    )


def _in_order(reading: _Reading) -> tuple[Cue, ...]:
    ordered = sorted(reading.cues, key=lambda entry: (entry[1].start_s, entry[1].end_s))
    for (line, _), (sorted_line, _) in zip(reading.cues, ordered, strict=True):
        if line != sorted_line:
            reading.remark("captions-order", line)
            break
    for (_, before), (line, cue) in zip(ordered, ordered[1:], strict=False):
        if cue.start_s < before.end_s:
            reading.remark("captions-overlap", line)
    return tuple(replace(cue) for _, cue in ordered)


def _too_large(content: bytes) -> BadCaptions:
    return BadCaptions(f"{len(content)} bytes", code="captions-too-large", limit=str(MOST_BYTES // 1_000_000))


def _refused(faults: Sequence[Remark]) -> BadCaptions:
    ordered = sorted(faults, key=lambda fault: fault.line)
    more = f"; and {len(ordered) - FAULTS_TOLD} more" if len(ordered) > FAULTS_TOLD else ""
    reason = "; ".join(map(str, ordered[:FAULTS_TOLD])) + more
    refused = BadCaptions(reason, code=ordered[0].code, line=str(ordered[0].line), count=str(len(ordered)))
    refused.faults = tuple((fault.code, fault.line, fault.detail) for fault in ordered[:FAULTS_TOLD])
    return refused
