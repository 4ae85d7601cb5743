"""Says in the words of settings.toml what the settings of an Esup-Pod (settings_local.py) ask for.

The file is read and never run: only assignments of plain values (numbers, texts, lists, dictionaries) count. What has no
counterpart becomes a comment, so that nothing is dropped in silence. Passwords and tokens are never repeated.
"""

import ast
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pod_jobs.errors import SettingsError
from pod_jobs.settings.encode import RenditionSettings
from pod_jobs.settings.pod_sites import REMOTE, RUNNER, USED, lines_of_site
from pod_jobs.settings.section import as_toml

MOST_CHARACTERS = 1_000_000
SHOWN_CHARACTERS = 60
POD_CRF = 20  # Pod's own FFMPEG_CRF
RATE = re.compile(r"([0-9]{1,9})([kKmM]?)")
SIZE = re.compile(r"([0-9]{2,5})x([0-9]{2,5})")
SECRET = re.compile(r"PASSWORD|PWD|TOKEN|SECRET|KEY|BROKER_URL|EMAIL_HOST_USER")
OWN_COMMANDS = "it is part of a command line, and pod_jobs builds its own commands"
# settings about encoding, transcription and traces that have no counterpart: beginning of the name -> why
WITHOUT_COUNTERPART = {
    "FFMPEG_CRF": "each [[rendition]] has its own crf",
    "FFMPEG_PRESET": "each [[rendition]] has its own preset, chosen together with its crf",
    "FFMPEG_NB_THREADS": "a worker uses all processors; [workers] says how many workers there are",
    "FFMPEG_NB_THUMBNAIL": "there are always three thumbnails, and the owner can choose the poster",
    "FFMPEG_": OWN_COMMANDS,
    "FFPROBE_CMD": "pod_jobs reads files without ffprobe",
    "ENCODE_VIDEO": "it names a function of Pod",
    "ENCODE_STUDIO": "it names a function of Pod",
    "TRANSCRIPT_VIDEO": "it names a function of Pod",
    "CELERY_TASK_ACKS_LATE": "a task is given back when its worker dies, and never runs twice at once",
    "CELERY_": "pod_jobs has no Celery; it needs a Redis database of its own ([redis] url)",
    "ENCODING_TRANSCODING_CELERY_BROKER_URL": "an address of a [[site]] of kind celery: docs/pod.md",
    "XAPI_CELERY_BROKER_URL": "an address of a [[site]] of kind celery: docs/pod.md",
    "USE_REMOTE_ENCODING_TRANSCODING": "workers may always be on other hosts: docs/how-to/add-an-encoding-host.md",
    "POD_API_": "Pod's own address and token are for its callbacks: [[site]], docs/pod.md",
    "USE_TRANSCRIPTION": "Pod goes on to order captions; ./run up --with-speech installs their engine (docs/captions.md), and "
    "[speech] automatic = true orders them for recordings that are uploaded here",
    "TRANSCRIPTION_MODEL_PARAM": "a [[speech.model]] names the folder of a CTranslate2 Whisper model",
    "TRANSCRIPTION_": "the transcription is built otherwise",
    "LIVE_": "live transcription is not done here",
    "USE_CUT": "Pod sends cuts with its orders, and they are always made",
    "USE_DRESSING": "Pod sends what dresses a recording with its orders, and it is always made",
    "USE_OPENCAST_STUDIO": "Pod orders what its studio records from its [[site]], and it is always made",
    "USE_NOTIFICATIONS": "Pod goes on to send these itself, when it has the result",
    "EMAIL_ON_": "Pod goes on to send these mails itself, when it has the result",
    "EMAIL_": "[mail] server, port, encryption and user, if this instance shall write to its own team",
    "DEFAULT_FROM_EMAIL": "[mail] sender, if this instance shall write to its own team",
    "ADMINS": "[mail] recipients, if this instance shall write to its own team",
    "MANAGERS": "[mail] recipients, if this instance shall write to its own team",
    "VIDEOS_DIR": "results are put beside the recording that Pod names",
    "TEST_REMOTE_ENCODE": "it switches a test of Pod on; here, ./run pod-jobs doctor looks at the sites",
    "SECURE_SSL_REDIRECT": "Pod sends addresses with https then, which are taken as they are",
    "FILE_UPLOAD_PERMISSIONS": "new files get the rights of the folder that they are put into",
    "USE_RUNNER_MANAGER": "where it is True, a [[site]] of kind runner is written here",
    "XAPI_LRS_": "without the address of a record store there is no [[xapi.lane]]",
    "ENCODING_CHOICES": "names of outputs of Pod",
    "FORMAT_CHOICES": "names of outputs of Pod",
    "OPENCAST_DEFAULT_PRESENTER": "Pod sends the layout with each order of its studio",
    "OPENCAST_": "Pod keeps what its studio records, and sends its address or path",
    "RM_": "pod_jobs keeps tasks for [retention] tasks_days",
    "MEDIA_ROOT": "pod_jobs keeps its media in its instance folder; a link there may point to another disk",
}


@dataclass
class PodSettings:
    """The settings of a file. `computed`: names whose value is no plain one, with their line."""

    values: dict[str, Any] = field(default_factory=dict)
    computed: dict[str, int] = field(default_factory=dict)


def read_assignments(text: str) -> PodSettings:
    """What the file sets at its top level; a later assignment wins. Errors: SettingsError for what is no Python."""
    if len(text) > MOST_CHARACTERS:
        raise SettingsError(f"a settings file has at most {MOST_CHARACTERS:,} characters")
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise SettingsError(f"this is no Python file: {error}") from error
    assignments = PodSettings()
    for statement in tree.body:
        for name, value in _assigned(statement):
            assignments.values.pop(name, None)
            assignments.computed.pop(name, None)
            try:
                assignments.values[name] = ast.literal_eval(value)
            except (ValueError, TypeError, SyntaxError, RecursionError, MemoryError):
                assignments.computed[name] = statement.lineno
    return assignments


def _assigned(statement: ast.stmt) -> Iterator[tuple[str, ast.expr]]:
    if isinstance(statement, ast.Assign):
        for target in statement.targets:
            if isinstance(target, ast.Name):
                yield target.id, statement.value
    elif isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name) and statement.value:
        yield statement.target.id, statement.value


def to_toml(text: str, ladder: Sequence[RenditionSettings]) -> str:
    """The content of a settings.toml for an instance folder. `ladder` gives crf and preset to Pod's renditions.

    Errors: SettingsError."""
    return _Translation(read_assignments(text), ladder).write()


class _Translation:
    def __init__(self, assignments: PodSettings, ladder: Sequence[RenditionSettings]) -> None:
        self._assignments, self._ladder = assignments, ladder
        self._sections: dict[str, list[str]] = {}
        self._entries: list[tuple[str, list[str]]] = []  # of sections that may stand several times
        self._remarks: list[str] = []
        self._used: set[str] = set()
        self._heights_px: set[int] = set()

    def write(self) -> str:
        self._plain()
        self._renditions()
        self._lane()
        self._site()
        self._say_what_is_left()
        parts = ["# From the settings of an Esup-Pod. Read each line before you use this file."]
        parts += ["\n".join([f"[{name}]", *lines]) for name, lines in self._sections.items()]
        parts += ["\n".join([head, *lines]) for head, lines in self._entries]
        if self._remarks:
            parts.append("\n".join(["# Not taken over:", *(f"# {remark}" for remark in self._remarks)]))
        return "\n\n".join(parts) + "\n"

    def _plain(self) -> None:
        """Take over the settings that mean the same here under another name."""
        self._take("FFMPEG_CMD", "ffmpeg", "path", lambda value: value if value != "ffmpeg" else "")
        self._take("FFMPEG_AUDIO_BITRATE", "encode", "mp3_kbps", _kbps)
        self._take("CAPTIONS_STRICT_ACCESSIBILITY", "speech", "accessible", _truth)
        self._take("USE_XAPI", "xapi", "enabled", _truth)
        self._take("USE_XAPI_VIDEO", "xapi", "enabled", _truth)
        self._take("XAPI_ANONYMIZE_ACTOR", "xapi", "anonymize", _truth)
        self._take("XAPI_AUTHENTICATED_NAME", "xapi", "authenticated_name", _one_of("uuid", "username"))

    def _take(self, name: str, section: str, key: str, convert: Callable[[Any], Any]) -> None:
        if name not in self._assignments.values:
            return
        self._used.add(name)
        value = self._assignments.values[name]
        try:
            line = f"{key} = {_toml(convert(value))}  # {name}"
        except ValueError as error:
            self._remark(name, str(error))
            return
        lines = self._sections.setdefault(section, [])
        lines[:] = [line for line in lines if not line.startswith(f"{key} = ")]
        lines.append(line)

    def _renditions(self) -> None:
        name = "VIDEO_RENDITIONS"
        entries = self._assignments.values.get(name)
        if entries is None:
            return
        self._used.add(name)
        try:
            entries = json.loads(entries) if isinstance(entries, str) else entries
        except ValueError as error:
            self._remark(name, str(error))
            return
        if not entries:
            self._remark(name, "it names no rendition")
            return
        heights_px = self._heights_px
        for number, entry in enumerate(entries if isinstance(entries, Sequence) else [entries], 1):
            try:
                lines = self._rendition(entry, heights_px)
            except (ValueError, TypeError, LookupError) as error:
                self._remark(f"{name}, entry {number}", f"{type(error).__name__}: {error}")
                continue
            self._entries.append(("[[rendition]]", lines))

    def _rendition(self, entry: Mapping[str, Any], heights_px: set[int]) -> list[str]:
        size = SIZE.fullmatch(str(entry["resolution"]))
        if size is None:
            raise ValueError(f"resolution {_shown(entry['resolution'])} is not like 1280x720")
        height = min(int(size[1]), int(size[2]))
        if height in heights_px:
            raise ValueError(f"there is one with {height} lines already")
        nearest = min(self._ladder, key=lambda rung: abs(rung.height_px - height))
        values = {
            "name": f"{height}p",
            "height_px": height,
            "crf": max(0, min(51, nearest.crf + self._crf_shift())),
            "preset": nearest.preset,
            "maxrate_kbps": _kbps(entry["maxrate"]),
            "audio_kbps": max(32, min(512, _kbps(entry["audio_bitrate"]))),
            "mp4": _truth(entry.get("encode_mp4", False)),
        }
        RenditionSettings.model_validate(values)
        heights_px.add(height)
        lines = {key: f"{key} = {_toml(value)}" for key, value in values.items()}
        if shift := self._crf_shift():
            self._used.add("FFMPEG_CRF")
            lines["crf"] += f"  # {shift:+d}, as FFMPEG_CRF is to Pod's own {POD_CRF}"
        return list(lines.values())

    def _crf_shift(self) -> int:
        """By how much the CRF of this Pod differs from Pod's default; the CRF of our renditions is shifted by as much."""
        crf = self._assignments.values.get("FFMPEG_CRF")
        return crf - POD_CRF if isinstance(crf, int) and 0 <= crf <= 51 else 0

    def _lane(self) -> None:
        url = self._assignments.values.get("XAPI_LRS_URL")
        login = self._assignments.values.get("XAPI_LRS_LOGIN")
        if isinstance(url, str) and re.fullmatch(r"https?://[^\s@]+", url):
            self._used |= {"XAPI_LRS_URL", "XAPI_LRS_LOGIN", "XAPI_LRS_PWD"}
            lines = ['name = "lrs"', f"url = {_toml(url)}  # XAPI_LRS_URL"]
            lines += [f"login = {_toml(str(login))}  # XAPI_LRS_LOGIN"] if login else []
            lines.append("# write XAPI_LRS_PWD into the file secrets/lrs_lrs of the instance")
            self._entries.append(("[[xapi.lane]]", lines))
        elif url:
            self._remark("XAPI_LRS_URL", "it is no http address, or it holds a password")
            self._used.add("XAPI_LRS_URL")

    def _site(self) -> None:
        values, computed = self._assignments.values, self._assignments.computed
        if lines := lines_of_site(values, computed, sorted(self._heights_px)):
            self._entries.append((lines[0], lines[1:]))
            self._used |= {RUNNER} if values.get(RUNNER) is True else set(USED)
        elif values.get("CELERY_TO_ENCODE") is True:
            self._remark(
                "CELERY_TO_ENCODE",
                f"set {REMOTE} = True in Pod instead; then pod_jobs takes the place of Celery's workers",
            )
            self._used.add("CELERY_TO_ENCODE")

    def _say_what_is_left(self) -> None:
        for name, value in sorted(self._assignments.values.items()):
            reason = next((why for start, why in WITHOUT_COUNTERPART.items() if name.startswith(start)), None)
            if name not in self._used and reason is not None:
                setting = "" if SECRET.search(name) else f" = {_shown(value)}"
                self._remarks.append(f"{name}{setting}: {reason}")
        prefixes = tuple(WITHOUT_COUNTERPART) + ("XAPI_", "USE_XAPI", "VIDEO_RENDITIONS", "CAPTIONS_")
        for name, line in sorted(self._assignments.computed.items()):
            if name.startswith(prefixes):
                self._remarks.append(f"{name}: line {line} computes it; write its value by hand")

    def _remark(self, name: str, reason: str) -> None:
        self._remarks.append(f"{name}: {' '.join(reason.split())[:200]}")


def _truth(value: Any) -> bool:
    if not isinstance(value, bool):
        raise ValueError(f"True or False is needed, not {_shown(value)}")
    return value


def _one_of(*allowed: str) -> Callable[[Any], str]:
    def check(value: Any) -> str:
        if value not in allowed:
            raise ValueError(f"{_shown(value)} is none of {', '.join(allowed)}")
        return str(value)

    return check


def _kbps(value: Any) -> int:
    """ "1000k", "1M" or bits per second as a number -> kilobits per second."""
    match = RATE.fullmatch(str(value))
    if match is None:
        raise ValueError(f"{_shown(value)} is no bit rate")
    factor = {"": 0.001, "k": 1, "m": 1000}[match[2].lower()]
    return max(1, round(int(match[1]) * factor))


def _shown(value: Any) -> str:
    """On one line, and short."""
    try:
        text = ascii(value)
    except ValueError as error:  # a number of more than 4,300 digits
        text = f"({error})"
    return text if len(text) <= SHOWN_CHARACTERS else f"{text[:SHOWN_CHARACTERS]}…"


def _toml(value: Any) -> str:
    """A number, a text or a truth."""
    if not isinstance(value, (str, int, float, bool)):
        raise ValueError(f"{_shown(value)} is no plain value")
    return as_toml(value)
