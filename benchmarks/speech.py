"""How right, how dear and how large speech recognition is, on real voices; and what a killed run of a long recording costs.

jfk, Pod's clip, two speakers   real recordings with known words
Pod's clip, one correction      the same with a correction of the site, as people agree to it in the editor: this tells that
                                corrections work, and nothing of the model
French prompts                  a human voice of Debian's asterisk-core-sounds-fr-g722: numbers, days and months, whose words are
                                certain; left out where the package is not installed
silence                         60 s: nothing may be invented
long                            jfk again and again: memory, overhead over bare faster-whisper fed the same pieces (processor
                                seconds), and the seconds that are recognised twice when a run is killed (-9) in the middle
Each measurement is a process of its own. The model is loaded by each; loading is not counted, decoding and listening are.
The peak of memory is that of our own processes (VmHWM: what getrusage tells of a child begins with its parent's size).
"""

import argparse
import os
import pickle
import re
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jiwer

from benchmarks._memory import peak_kib
from benchmarks.ladder import BOUNDS, LIMITS, REPOSITORY
from pod_jobs.captions.rules import check
from pod_jobs.jobs.speech import sharing
from pod_jobs.jobs.speech.plan import cue_rules
from pod_jobs.media.probing.probe import probe
from pod_jobs.media.probing.sound import SoundTrack
from pod_jobs.media.process.run import run
from pod_jobs.media.process.tools import Tools, find_tools
from pod_jobs.settings import load
from pod_jobs.speech.models import ModelChoice, find_model, open_engine
from pod_jobs.speech.pieces import MARGIN_S, MOST_S
from pod_jobs.system import plain_files

SUMMARY = "speech recognition: wrong words, processor time, memory, inventions, rule breaks, what a killed run costs"
RULES = cue_rules(load(REPOSITORY / "var"))
PROMPTS = Path("/usr/share/asterisk/sounds/fr_CA_f_June")
NUMBERS = """zéro un deux trois quatre cinq six sept huit neuf dix onze douze treize quatorze quinze seize dix-sept dix-huit
    dix-neuf vingt""".split()
DAYS = "dimanche lundi mardi mercredi jeudi vendredi samedi".split()
MONTHS = "janvier février mars avril mai juin juillet août septembre octobre novembre décembre".split()
POD_CORRECTED = "pod, with one correction of the site"
POD_CORRECTION = ("d'ampode", "dans Pod", "fr")  # what base hears, what is said, language
# share of the words
MOST_WRONG = {"jfk": 0.0, "pod": 1 / 13, POD_CORRECTED: 1 / 13, "two speakers": 0.0, "French prompts": 0.1}
FRENCH = ("pod", POD_CORRECTED, "French prompts")


@dataclass(frozen=True)
class Clip:
    """`said`: the words of each voice, in the order of the channels. `declared`: the language, "" = it is to be recognised.
    `corrections`: (heard, right, language)."""

    name: str
    file: Path
    said: tuple[str, ...]
    declared: str = ""
    corrections: tuple[tuple[str, str, str], ...] = ()


def add_arguments(parser: argparse.ArgumentParser) -> None:
    media = os.environ.get("POD_JOBS_TEST_MEDIA", REPOSITORY.parent / "shared" / "media")
    parser.add_argument("--media", type=Path, default=Path(media), help="folder of the real recordings")
    parser.add_argument("--model", type=Path, help="folder of a model; default: the bundled one (base)")
    parser.add_argument("--hours", type=float, default=2.0, help="length of the long recording (2); 0 leaves it out")
    parser.add_argument("--threads", type=int, default=0, help="processor threads; 0 = as speech.threads")


def measure(options: argparse.Namespace) -> dict[str, Any]:
    with tempfile.TemporaryDirectory(prefix="pod-jobs-bench-") as name:
        bench = _Bench(Path(name), options)
        rows, breaks, cues, invented = [], 0, 0, 0
        for clip in bench.clips():
            _say(clip.name)
            row, heard = bench.clip(clip)
            if clip.said:
                rows.append(row)
            else:
                invented += len(heard["text"].split())
            breaks, cues = breaks + heard["breaks"], cues + heard["cues"]
        figures: dict[str, Any] = {"clips": rows, "overhead_vs_bare": None, "invented_words_on_silence": invented}
        long = bench.long(options.hours) if options.hours else {}
        breaks, cues = breaks + long.pop("breaks", 0), cues + long.pop("cues", 0)
        return {
            **figures,
            "rule_breaks_per_100_cues": round(100 * breaks / max(cues, 1), 2),
            "peak_mb": bench.peak_mb,
            "redone_s": None,
            **long,
        }


def unmet(figures: dict[str, Any]) -> list[str]:
    """Which figures are worse than wanted. What was not measured is not judged."""
    found = []
    for clip in figures["clips"]:
        if clip["wer"] > MOST_WRONG[clip["name"]] + 0.0001:
            found.append(f"{clip['name']}: wrong words")
        if clip["language"] != ("fr" if clip["name"] in FRENCH else "en"):
            found.append(f"{clip['name']}: language")
    most: dict[str, float] = {
        "invented_words_on_silence": 0,
        "rule_breaks_per_100_cues": 0,
        "overhead_vs_bare": 0.05,
        "peak_mb": 699.9,
        "redone_s": MOST_S + 2 * MARGIN_S,  # one piece
    }
    return found + [name for name, limit in most.items() if (figures[name] or 0) > limit]


def failed(figures: dict[str, Any]) -> bool:
    return bool(unmet(figures))


def table(figures: dict[str, Any]) -> str:
    lines = [f"{'clip':36} {'language':8} {'wrong words':>11} {'processor s/s':>13}"]
    for one in figures["clips"]:
        lines.append(f"{one['name']:36} {one['language']:8} {one['wer']:>11.1%} {one['cpu_s_per_s']:>13.2f}")
    lines += [f"{name}: {value}" for name, value in figures.items() if name != "clips"]
    return "\n".join([*lines, *(f"not met: {figure}" for figure in unmet(figures))])


class _Bench:
    def __init__(self, folder: Path, options: argparse.Namespace) -> None:
        self._folder, self._media, self._threads = folder, options.media, options.threads
        self._model = options.model or find_model(ModelChoice(), folder / "models")
        self._tools = find_tools("", "auto")
        self.peak_mb = 0.0

    def clips(self) -> list[Clip]:
        ask_not = (
            "And so my fellow Americans ask not what your country can do for you ask what you can do for your country"
        )
        left = "He began a confused complaint against the wizard who had vanished behind the curtain on the left"
        pod = "Ceci est une vidéo de test pour l'encodage et la transcription dans Pod"
        pod_file = self._media / "pod_1080p_vfr_talk.mp4"
        found = [
            Clip("jfk", self._media / "jfk.flac", (ask_not,)),
            Clip("pod", pod_file, (pod,)),
            Clip(POD_CORRECTED, pod_file, (pod,), corrections=(POD_CORRECTION,)),
            Clip(
                "two speakers", self._media / "stereo_two_speakers.wav", (left, "The horizon seems extremely distant")
            ),
            Clip("silence", self._media / "silent_60s.mp4", ()),
        ]
        if PROMPTS.is_dir():
            found.append(Clip("French prompts", self._prompts(), (" ".join([*NUMBERS, *DAYS, *MONTHS]),), "fr"))
        return found

    def clip(self, clip: Clip) -> tuple[dict[str, Any], dict[str, Any]]:
        """The row of the table, and {"text", "breaks", "cues"}."""
        heard = self._in_child(lambda: self._ours(clip))
        said, found = (list(map(_plain, one)) for one in (clip.said, _by_voice(heard, clip)))
        wer = jiwer.wer(said, found) if said else 0.0
        cost = heard["cpu_s"] / heard["duration_s"]
        row = {"name": clip.name, "language": heard["language"], "wer": round(wer, 4), "cpu_s_per_s": round(cost, 3)}
        return row, heard

    def long(self, hours: float) -> dict[str, Any]:
        file = self._looped(hours)
        _say(f"long: {hours:g} h, killed in the middle")
        redone_s, ours = self._killed_and_resumed(file)
        peak_mb = self.peak_mb
        _say("long: bare faster-whisper, the same pieces")
        bare = self._in_child(lambda: self._bare(file, ours["pieces"]))
        return {
            "overhead_vs_bare": round(ours["cpu_s"] / bare["cpu_s"] - 1, 4),
            "peak_mb": peak_mb,
            "redone_s": round(redone_s, 1),
            "breaks": ours["breaks"],
            "cues": ours["cues"],
        }

    def _ours(self, clip: Clip) -> dict[str, Any]:
        from pod_jobs.speech.transcribe import SpeechRequest, transcribe

        engine, before = open_engine(self._model, self._threads), _cpu_s()
        order = SpeechRequest(RULES, clip.declared, corrections=clip.corrections)
        transcript = transcribe(self._sound(clip.file), engine, order)
        return _told(transcript, _cpu_s() - before)

    def _killed_and_resumed(self, file: Path) -> tuple[float, dict[str, Any]]:
        """A run is killed when half of its pieces are finished; another one goes on. (seconds heard twice, its result with the
        processor time of a whole run)."""
        shared, log = self._folder / "chunks", self._folder / "heard"
        pid = os.fork()
        if pid == 0:
            self._shared_run(file, shared, {}, log)
            os._exit(0)
        while not _is_half_done(shared):
            if os.waitpid(pid, os.WNOHANG)[0]:
                sys.exit("the first run ended by itself")
            time.sleep(0.2)
        self.peak_mb = max(self.peak_mb, _peak_mb(pid))
        os.kill(pid, signal.SIGKILL)
        _, _, usage = os.wait4(pid, 0)
        kept = {
            path.name: plain_files.read_bytes(path) for path in shared.iterdir() if sharing.KEPT.fullmatch(path.name)
        }
        plain_files.remove(shared)
        ours = self._in_child(lambda: self._shared_run(file, shared, kept, log))
        heard_s = sum(map(float, log.read_text().split()))
        ours["cpu_s"] += usage.ru_utime + usage.ru_stime
        ours["cpu_s"] *= ours["speech_s"] / heard_s  # of a run that was not killed
        return heard_s - ours["speech_s"], ours

    def _shared_run(self, file: Path, shared: Path, kept: dict[str, bytes], log: Path) -> dict[str, Any]:
        """As jobs/speech/transcribe.py does it, without a catalog."""
        from pod_jobs.speech.transcribe import SpeechRequest, finish, hear_piece, plan, wish_of

        engine, order, before = open_engine(self._model, self._threads), SpeechRequest(RULES, "en"), _cpu_s()
        sound = self._sound(file)
        planned = sharing.plan_in(kept, {})
        planned = planned or plan(sound, engine, order, lambda fraction: None)
        sharing.share(shared, {}, planned, kept)

        def hear(piece: Any, tick: Callable[[float], None]) -> Any:
            with log.open("a") as file:
                file.write(f"{piece.length_s}\n")
            return hear_piece(sound, engine, piece, wish_of(planned, order), tick)

        words = sharing.Owner(shared, planned.pieces, hear, _Nobody(shared), lambda done_s, workers: None)
        transcript = finish(planned, words.recognise_all(), order, engine.name)
        pieces = [(piece.start_s, piece.length_s) for piece in planned.pieces]
        told = _told(transcript, _cpu_s() - before)
        return {**told, "pieces": pieces, "speech_s": sum(length for _, length in pieces)}

    def _bare(self, file: Path, pieces: Sequence[tuple[float, float]]) -> dict[str, Any]:
        from faster_whisper import WhisperModel

        from pod_jobs.speech.listening import mix, samples_of
        from pod_jobs.speech.whisper import DECODING

        sound = self._sound(file)
        threads = {"cpu_threads": self._threads, "compute_type": "int8", "device": "cpu"}
        model, cpu_s = WhisperModel(str(self._model), local_files_only=True, **threads), 0.0
        for start_s, length_s in pieces:
            samples = mix(samples_of(sound, start_s, length_s))
            before = _cpu_s()
            list(model.transcribe(samples, language="en", **DECODING)[0])
            cpu_s += _cpu_s() - before
        return {"cpu_s": cpu_s}

    def _sound(self, file: Path) -> SoundTrack:
        folder = Path(tempfile.mkdtemp(dir=self._folder))
        return SoundTrack(file, probe(file, self._tools, LIMITS), self._tools, LIMITS, folder)

    def _in_child(self, work: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        """What `work` returns, done in a child whose peak counts."""
        result = self._folder / "result"
        pid = os.fork()
        if pid == 0:
            try:
                result.write_bytes(pickle.dumps({**work(), "peak_mb": _peak_mb(os.getpid())}))
                os._exit(0)
            except Exception:  # noqa: BLE001  # whatever it is, this process must not go on as a second parent
                traceback.print_exc()
            finally:
                os._exit(1)
        _, status = os.waitpid(pid, 0)
        if status:
            sys.exit("a measurement failed")
        found: dict[str, Any] = pickle.loads(result.read_bytes())  # noqa: S301  # our own child wrote it
        self.peak_mb = max(self.peak_mb, found["peak_mb"])
        return found

    def _prompts(self) -> Path:
        """Numbers, days and months with a pause after each."""
        names = [f"digits/{number}" for number in range(len(NUMBERS))]
        names += [f"digits/day-{number}" for number in range(len(DAYS))]
        names += [f"digits/mon-{number}" for number in range(len(MONTHS))]
        inputs = [word for name in names for word in ("-f", "g722", "-i", str(PROMPTS / f"{name}.g722"))]
        joined = "".join(f"[{n}:a]apad=pad_dur=0.4[p{n}];" for n in range(len(names)))
        graph = joined + "".join(f"[p{n}]" for n in range(len(names))) + f"concat=n={len(names)}:v=0:a=1"
        return self._made(self._tools, "prompts.wav", [*inputs, "-filter_complex", graph])

    def _looped(self, hours: float) -> Path:
        source = str(self._media / "jfk.flac")
        pause = ["-af", "apad=pad_dur=1,asetnsamples=4096,aloop=loop=-1:size=2147483647"]
        return self._made(self._tools, "long.wav", ["-i", source, *pause, "-ac", "1", "-t", str(round(hours * 3600))])

    def _made(self, tools: Tools, name: str, words: list[str]) -> Path:
        argv = [tools.ffmpeg, "-nostdin", "-v", "error", *words, "-ar", "16000", "-y", name]
        finished = run(argv, self._folder, BOUNDS, lambda _: None, lambda: None)
        if finished.returncode:
            sys.exit(f"{name}: {finished.stderr}")
        return self._folder / name


@dataclass
class _Nobody:
    """A team without helpers."""

    shared: Path

    def idle(self) -> int:
        return 0

    def call(self, count: int) -> None:
        """Nobody comes."""


def _told(transcript: Any, cpu_s: float) -> dict[str, Any]:
    breaks = [one for one in check(transcript.cues, RULES) if not one.is_warning]
    voices: dict[str, list[str]] = {}
    for cue in transcript.cues:
        voices.setdefault(cue.speaker, []).append(cue.text)
    return {
        "voices": {name: " ".join(texts) for name, texts in sorted(voices.items())},
        "text": " ".join(cue.text for cue in transcript.cues),
        "language": transcript.language,
        "duration_s": transcript.duration_s,
        "cues": len(transcript.cues),
        "breaks": len(breaks),
        "cpu_s": cpu_s,
    }


def _by_voice(heard: dict[str, Any], clip: Clip) -> list[str]:
    """As many texts as there should be voices: those of speakers who were told apart, or everything as one."""
    found = list(heard["voices"].values())
    return found if len(found) == len(clip.said) else [heard["text"], *[""] * (len(clip.said) - 1)]


def _plain(text: str) -> str:
    """Lower case, without punctuation and tags; French numbers as digits, as a model may write them."""
    bare = re.sub(r"<[^>]*>|[^\w'’-]+", " ", text.lower()).replace("’", "'")
    digits = {word: str(number) for number, word in enumerate(NUMBERS)}
    return " ".join(digits.get(word, word) for word in re.sub(r"-(?=\s|$)|(?<!\w)-", " ", bare).split())


def _is_half_done(shared: Path) -> bool:
    try:
        document = plain_files.read_text(shared / sharing.PLAN)
    except OSError:
        return False
    finished = [path for path in shared.iterdir() if re.fullmatch("[0-9]{4,}", path.name)]
    return 2 * len(finished) >= document.count('"number"')


def _cpu_s() -> float:
    """Of this process and its children that have ended."""
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


def _peak_mb(pid: int) -> float:
    return round(peak_kib(pid) / 1024, 1)


def _say(text: str) -> None:
    print(text, file=sys.stderr)
