"""Captions as files: WebVTT (the main form), SubRip, plain text, and JSON with words. Times are rounded to milliseconds."""

import json
from collections.abc import Iterable, Sequence
from typing import Any

from pod_jobs.captions.cues import Cue, escape, plain_text


def write_vtt(cues: Iterable[Cue]) -> str:
    """A WebVTT file (W3C WebVTT, section 4). Speakers stand in <v> tags."""
    blocks = ["WEBVTT\n"]
    for cue in cues:
        voice = f"<v {_annotation(cue.speaker)}>" if cue.speaker else ""
        blocks.append(f"{vtt_time(cue.start_s)} --> {vtt_time(cue.end_s)}\n{voice}{cue.text}\n")
    return "\n".join(blocks)


def write_srt(cues: Iterable[Cue]) -> str:
    """A SubRip file: numbered cues, times with a comma, UTF-8. A speaker stands before the text."""
    blocks = []
    for number, cue in enumerate(cues, 1):
        start, end = (vtt_time(at_s).replace(".", ",") for at_s in (cue.start_s, cue.end_s))
        speaker = f"{cue.speaker}: " if cue.speaker else ""
        text = plain_text(f"{speaker}{cue.text}").replace("-->", "→")  # SubRip cannot escape it
        blocks.append(f"{number}\n{start} --> {end}\n{text}\n")
    return "\n".join(blocks)


def write_text(cues: Sequence[Cue], pause_s: float = 2.0) -> str:
    """The text alone: a paragraph ends with a pause of `pause_s` seconds or with another speaker."""
    paragraphs: list[str] = []
    before: Cue | None = None
    for cue in cues:
        text = plain_text(cue.text).replace("\n", " ")
        new_speaker = before is None or cue.speaker != before.speaker
        if before is None or new_speaker or cue.start_s - before.end_s >= pause_s:
            paragraphs.append((f"{cue.speaker}: " if cue.speaker and new_speaker else "") + text)
        else:
            paragraphs[-1] += f" {text}"
        before = cue
    return "\n\n".join(paragraphs) + ("\n" if paragraphs else "")


def write_words(cues: Iterable[Cue], language: str) -> str:
    """JSON: {"language", "cues": [{"start_s", "end_s", "text", "speaker", "words": [[start_s, end_s, text, confidence]]}]}."""
    return json.dumps({"language": language, "cues": [_document(cue) for cue in cues]}, ensure_ascii=False)


def vtt_time(at_s: float) -> str:
    """3661.5 -> 01:01:01.500."""
    total_ms = max(round(at_s * 1000), 0)
    seconds, ms = divmod(total_ms, 1000)
    return f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}.{ms:03}"


def _annotation(speaker: str) -> str:
    return escape(" ".join(speaker.split()))


def _document(cue: Cue) -> dict[str, Any]:
    words = [[round(w.start_s, 3), round(w.end_s, 3), w.text, round(float(w.confidence), 3)] for w in cue.words]
    times = {"start_s": round(cue.start_s, 3), "end_s": round(cue.end_s, 3)}
    return {**times, "text": cue.text, "speaker": cue.speaker, "words": words}
