import hashlib
from pathlib import Path
from typing import Any

import pytest

from pod_jobs.errors import SettingsError
from pod_jobs.speech import models
from pod_jobs.speech.models import ModelChoice, choose, find_model

ANY, FRENCH = ModelChoice(path="/any"), ModelChoice(path="/fr")


def test_a_language_has_its_model_or_the_one_for_all() -> None:
    assert [choose({"*": ANY, "fr": FRENCH}, language) for language in ("fr", "de")] == [FRENCH, ANY]
    with pytest.raises(SettingsError, match="none for 'de'"):
        choose({"fr": FRENCH}, "de")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A model's folder."""
    monkeypatch.setattr(models, "is_installed", lambda: True)
    for name in ("model.bin", "tokenizer.json"):
        (tmp_path / name).write_bytes(name.encode())
    return tmp_path


@pytest.mark.parametrize(
    ("missing", "code"), [("model.bin", "speech-no-model"), ("tokenizer.json", "speech-model-unreadable")]
)
def test_a_folder_that_lacks_a_file_is_no_model_and_nothing_is_downloaded(
    folder: Path, missing: str, code: str
) -> None:
    (folder / missing).unlink()
    for look in (lambda choice: find_model(choice, folder), models.name_of):
        with pytest.raises(SettingsError, match=missing) as caught:
            look(ModelChoice(str(folder)))
        assert (caught.value.code, caught.value.facts) == (code, {"name": folder.name})


def test_the_weights_are_compared_once_and_again_when_they_change(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reads: list[str] = []
    digest = hashlib.file_digest

    def counting(file: Any, name: str) -> Any:
        reads.append(name)
        return digest(file, name)

    monkeypatch.setattr(hashlib, "file_digest", counting)
    right = ModelChoice(str(folder), hashlib.sha256(b"model.bin").hexdigest().upper())
    assert [find_model(right, folder) for _ in range(3)] == [folder] * 3
    assert reads == ["sha256"]
    (folder / "model.bin").write_bytes(b"another one")
    with pytest.raises(SettingsError) as caught:
        find_model(right, folder)
    assert caught.value.code == "speech-model-changed"
    assert find_model(ModelChoice(str(folder)), folder) == folder, "a sum that nobody named is not compared"


def test_parts_that_are_not_the_bundled_model_leave_nothing(folder: Path, tmp_path: Path) -> None:
    parts = [tmp_path / "one", tmp_path / "two"]
    for part in parts:
        part.write_bytes(b"wrong")
    target = tmp_path / "joined"
    target.mkdir()
    with pytest.raises(SettingsError) as caught:
        models._join(parts, target / "model.bin")
    assert caught.value.code == "speech-model-changed"
    assert list(target.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("faster-whisper-large-v3-turbo", "it cannot translate"),
        ("faster-distil-whisper-large-v3-fr", "in its own language"),
        ("whisper-base", "a first draft"),
        ("faster-whisper-Large-v3", "the best captions"),
        ("parakeet", ""),
    ],
)
def test_the_doctor_says_what_a_model_is_good_for(name: str, words: str) -> None:
    assert words in models.good_for(name) and bool(words) is bool(models.good_for(name))
