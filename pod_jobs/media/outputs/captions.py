"""Captions and chapters as WebVTT. Builds arguments and text; opens nothing.

What a file calls a subtitle is untrusted text, which may hold markup, scripts or commands of a subtitle format. ffmpeg
turns a track into WebVTT; `clean` reads that and writes it anew as plain text with <v>, <i> and <b> and nothing else.
"""

import codecs
import html
import re
from collections.abc import Iterator, Sequence
from itertools import islice

from pod_jobs.media.command.ffmpeg import ALWAYS
from pod_jobs.media.facts.languages import find_language
from pod_jobs.media.facts.media_info import Chapter
from pod_jobs.media.facts.times import vtt_time
from pod_jobs.media.planning.cut import Timeline
from pod_jobs.media.planning.limits import Limits, Source
from pod_jobs.media.process import guard
from pod_jobs.media.process.tools import Tools
from pod_jobs.media_folder import CAPTIONS, SUBTITLES

WHOLE = Timeline()
TIME = r"((?:[0-9]{1,6}:)?[0-9][0-9]:[0-9][0-9]\.[0-9]{3})"
TIMING = re.compile(rf"{TIME}\s+-->\s+{TIME}")
TAG = re.compile(r"<(/?)([a-z]++|(?=[0-9:]))([^<>]*)>", re.IGNORECASE)
ASS_COMMAND = re.compile(r"\{\\[^{}]*\}")
# also characters that reverse the direction of writing
UNSEEN = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\u200e\u200f\u202a-\u202e\u2066-\u2069]")
ENCODINGS = dict.fromkeys(("be", "bg", "kk", "mk", "ru", "sr", "uk"), "cp1251")  # language -> Windows' encoding for it
ENCODINGS |= dict.fromkeys(("bs", "cs", "hr", "hu", "pl", "ro", "sk", "sl", "sq"), "cp1250")
ENCODINGS |= {
    "el": "cp1253",
    "tr": "cp1254",
    "az": "cp1254",
    "he": "cp1255",
    "yi": "cp1255",
    "ar": "cp1256",
    "fa": "cp1256",
}
ENCODINGS |= {"et": "cp1257", "lt": "cp1257", "lv": "cp1257", "vi": "cp1258", "th": "cp874"}
ENCODINGS |= {"ja": "cp932", "ko": "cp949", "zh": "gb18030"}
LONGEST_CUE = 1000  # characters
LONGEST_TITLE = 200
MOST_CHAPTERS = 500


def build_extract(tools: Tools, limits: Limits, source: Source, index: int, name: str) -> list[str]:
    """The command that turns one subtitle track of a foreign file into WebVTT."""
    decoders = (*tools.decoders, *guard.TEXT_DECODERS)
    return [
        tools.ffmpeg,
        *ALWAYS,
        *tools.input_options(limits, decoders),
        *("-sub_charenc_mode", "ignore"),  # otherwise a cue that is not UTF-8 is dropped; here `decoded` reads it
        *source.opening,
        *("-map", f"0:{index}", "-map_metadata", "-1", "-c:s", "webvtt", "-f", "webvtt", name),
    ]


def build_cea608(tools: Tools, name: str, to: str) -> list[str]:
    """The command that turns closed captions in the picture of a file of ours (x264 keeps them) into WebVTT."""
    graph = f"movie={name}[out0+subcc]"
    return [
        *(tools.ffmpeg, *ALWAYS, "-protocol_whitelist", "file", "-f", "lavfi", "-i", graph),
        *("-map", "0:s:0", "-c:s", "webvtt", "-f", "webvtt", to),
    ]


def file_name(language: str, taken: set[str]) -> str:
    """A free name: captions_fr.vtt, captions_fr_2.vtt, captions_und.vtt … It is added to `taken`."""
    known_language = find_language(language)
    stem = f"{CAPTIONS}{known_language.code if known_language else 'und'}"
    name, number = f"{stem}.vtt", 1
    while name in taken:
        number += 1
        name = f"{stem}_{number}.vtt"
    taken.add(name)
    return name


def uncut_name(name: str) -> str:
    """The name for the same track in the times of the uncut recording, in which people edit it: subtitles_fr_2.vtt."""
    return SUBTITLES + name.removeprefix(CAPTIONS)


def language_of(name: str) -> str:
    """The language in a name from `file_name` or `uncut_name`: "fr"; "" for an unknown language."""
    code = name.removesuffix(".vtt").split("_")[1]
    return "" if code == "und" else code


def decoded(raw: bytes, language: str) -> tuple[str, str]:
    """The text of lines that should be UTF-8, and the encoding by which lines that are not were read; "" if all are.
    `language` as of `language_of`: such files mostly have the encoding that Windows uses for their language."""
    lines, doubtful = [], []
    for n, line in enumerate(raw.split(b"\n")):
        try:
            lines.append(line.decode("utf-8"))
        except UnicodeDecodeError:
            lines.append("")
            doubtful.append((n, line))
    if not doubtful:
        return "\n".join(lines), ""
    encoding = ENCODINGS.get(language) or _guessed(b"".join(line for _, line in doubtful))
    for n, line in doubtful:
        lines[n] = line.decode(encoding, "replace")
    return "\n".join(lines), encoding.replace("cp", "Windows-")


def _guessed(text: bytes) -> str:
    """Of Western languages few letters are accented; a text where most are beyond ASCII is Cyrillic."""
    beyond = sum(byte >= 0xC0 for byte in text)
    return "cp1251" if beyond > sum(chr(byte).isalpha() for byte in text if byte < 0x80) else "cp1252"


def in_utf_16(codec: str, raw: bytes) -> bool:
    """Does ffmpeg's WebVTT of a track of this codec hold what it leaves of words in UTF-16? Only in MP4 are they allowed."""
    return codec == "mov_text" and any(mark in raw for mark in (codecs.BOM_UTF16_BE, codecs.BOM_UTF16_LE))


def as_vtt(cues: Sequence[tuple[float, float, str]]) -> str:
    """Cues of seconds and untrusted words, as `clean` takes them."""
    lines = [re.sub(r"\s*[\r\n]\s*", "\n", text) for _, _, text in cues]
    times = [f"{vtt_time(begin)} --> {vtt_time(end)}" for begin, end, _ in cues]
    return "\n\n".join(f"{at}\n{text}" for at, text in zip(times, lines, strict=True))


def clean(vtt: str, duration_s: float, timeline: Timeline = WHOLE) -> str:
    """`vtt` written anew, with the cues of what is kept of the source; "" when no cue with words lies within the duration."""
    cues = sorted((*at, cue_text) for start, end, cue_text in _cues(vtt) for at in timeline.place(start, end))
    lines = [
        f"{vtt_time(start)} --> {vtt_time(min(end, duration_s))}\n{cue_text}"
        for start, end, cue_text in cues
        if start < duration_s
    ]
    return "\n\n".join(["WEBVTT", *lines]) + "\n" if lines else ""


def build_chapters(chapters: Sequence[Chapter], duration_s: float, timeline: Timeline = WHOLE) -> str:
    """Chapters as WebVTT, for what is kept of the source; "" for none."""
    placed = (
        (start, min(end, duration_s), chapter.title)
        for chapter in chapters
        for start, end in timeline.place(chapter.start_s, chapter.end_s)
        if 0 <= start < duration_s and end > start
    )
    cues = [
        f"{vtt_time(start)} --> {vtt_time(end)}\n{_title(title) or f'{number}'}"
        for number, (start, end, title) in enumerate(islice(placed, MOST_CHAPTERS), 1)
    ]
    return "\n\n".join(["WEBVTT", *cues]) + "\n" if cues else ""


def _title(text: str) -> str:
    return html.escape(" ".join(UNSEEN.sub("", text).split())[:LONGEST_TITLE], quote=False)


def _cues(vtt: str) -> Iterator[tuple[float, float, str]]:
    for block in re.split(r"\n[ \t]*\n", vtt.replace("\r\n", "\n").replace("\r", "\n")):
        lines = block.strip("\n").split("\n")
        at = next((n for n, line in enumerate(lines[:2]) if TIMING.match(line)), None)
        timing = TIMING.match(lines[at]) if at is not None else None
        if at is None or timing is None:
            continue
        start, end = _seconds(timing[1]), _seconds(timing[2])
        cue_text = _plain("\n".join(lines[at + 1 :]))
        if cue_text and end > start:
            yield start, end, cue_text


def _plain(text: str) -> str:
    """Text with <v>, <i> and <b>, each closed correctly. Everything else that looks like markup is removed."""
    text = UNSEEN.sub("", ASS_COMMAND.sub("", text))[:LONGEST_CUE].strip()
    parts: list[str] = []
    open_tags: list[str] = []
    at = 0
    for tag in TAG.finditer(text):
        parts.append(_escaped(text[at : tag.start()]))
        parts.append(_tag(tag, open_tags))
        at = tag.end()
    parts.append(_escaped(text[at:]))
    cue_text = "".join(parts)
    if not TAG.sub("", cue_text).strip():
        return ""
    closing = "".join(f"</{name}>" for name in reversed(open_tags))
    return "\n".join(line.strip() for line in (cue_text + closing).split("\n") if line.strip())


def _tag(tag: re.Match[str], open_tags: list[str]) -> str:
    name = tag[2].lower()
    if name not in ("v", "i", "b"):
        return ""
    if tag[1]:
        if name not in open_tags:
            return ""
        closing = ""
        while (last := open_tags.pop()) != name:
            closing += f"</{last}>"
        return f"{closing}</{name}>"
    speaker = _escaped(tag[3].split(" ", 1)[1].strip()) if name == "v" and " " in tag[3] else ""
    if name in open_tags or (name == "v" and not speaker):
        return ""
    open_tags.append(name)
    return f"<v {speaker}>" if name == "v" else f"<{name}>"


def _escaped(text: str) -> str:
    return html.escape(UNSEEN.sub("", html.unescape(text)), quote=False)


def _seconds(text: str) -> float:
    *hours, minutes, seconds = text.split(":")
    return (int(hours[0]) * 3600 if hours else 0) + int(minutes) * 60 + float(seconds)
