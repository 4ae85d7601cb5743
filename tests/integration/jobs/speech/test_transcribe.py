"""The transcription of a video by the real model, on speech that espeak-ng makes."""

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from click.testing import CliRunner
from redis import Redis

from pod_jobs.catalog.client import Order
from pod_jobs.cli.root import root
from pod_jobs.errors import BadSource, Cancelled, Interrupted, Malformed, OutOfResources, SettingsError
from pod_jobs.jobs.speech.transcribe import TRANSCRIBE, prepare_transcribe, read_order, run_transcribe
from pod_jobs.jobs.table import JOB_TYPES
from pod_jobs.settings import Settings
from pod_jobs.settings.speech import ModelSettings
from pod_jobs.speech.models import ModelChoice, find_model, is_installed
from tests.servers import need

SENTENCE = "The students will read the article before the next lecture."


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The bundled model, joined once for all tests; it has 145 MB."""
    return str(find_model(ModelChoice(), tmp_path_factory.mktemp("models"))) if is_installed() else ""


@pytest.fixture
def settings(settings: Settings, model: str) -> Settings:
    return with_model(settings, path=model)


@pytest.fixture
def source(settings: Settings) -> Path:
    path = settings.media_folder / "videos/000003/source"
    path.parent.mkdir(parents=True)
    return path


@pytest.fixture
def speech(source: Path) -> Path:
    need(shutil.which("espeak-ng"), "espeak-ng")
    need(is_installed(), "the extra `speech` (./run up --with-speech)")
    subprocess.run(["espeak-ng", "-v", "en-gb", "-s", "140", "-w", str(source), SENTENCE], check=True)
    return source


def order(**options: Any) -> Order:
    return Order(7, 1, 1, 0, "transcribe", "", 3, "t", "videos/000003/source", "videos/000003", options)


def context_of(settings: Settings, tick: Callable[[Order, dict[str, Any]], None]) -> Any:
    """What the job has of a context, without a worker around it."""
    redis = Redis.from_url(settings.redis_url)
    return SimpleNamespace(
        settings=settings,
        storage=settings.storage,
        far_help=settings.far_help,
        tick=tick,
        brisk_redis=redis,
        job_types=JOB_TYPES,
    )


def run(settings: Settings, wanted: Order, said: list[dict[str, Any]] | None = None) -> dict[str, Any]:
    def tick(order: Order, progress: dict[str, Any]) -> None:
        if said is not None:
            said.append(progress)

    return run_transcribe(context_of(settings, tick), wanted)


def cues(settings: Settings, result: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((settings.media_folder / result["folder"] / "captions.json").read_text())
    return found


def words(document: dict[str, Any]) -> str:
    return " ".join(cue[2] for cue in document["cues"]).replace("\n", " ")


@pytest.mark.usefixtures("speech")
def test_what_is_said_becomes_captions(settings: Settings) -> None:
    said: list[dict[str, Any]] = []
    result = run(settings, order(language="en"), said)
    document = cues(settings, result)
    assert words(document) == SENTENCE
    assert (document["language"], document["needs_check"], document["translated"]) == ("en", False, False)
    assert {one["name"]: one["kind"] for one in result["outputs"]} == {
        "captions.json": "transcript",
        "peaks.bin": "peaks",
    }
    assert result["infos"]["captions"] == len(document["cues"]) and result["captions"] is True
    shares = [one["fraction"] for one in said]
    assert shares == sorted(shares) and shares[-1] == 1.0
    assert list(dict.fromkeys(one["step"] for one in said)) == ["listen", "recognise"]
    assert run(settings, order(language="en")) == result  # published already: only reported again


def stopped_late(settings: Settings, wanted: Order) -> Path:
    """The folder of pieces of a run that was stopped after its last piece."""

    def stop(order: Order, progress: dict[str, Any]) -> None:
        if progress["fraction"] == 1.0:
            raise Interrupted("the worker stops")

    with pytest.raises(Interrupted):
        run_transcribe(context_of(settings, stop), wanted)
    return settings.media_folder / "videos/000003/transcribe-7-g1.chunks"


@pytest.mark.usefixtures("speech")
@pytest.mark.parametrize("change", ["none", "broken", "language"])
def test_a_run_that_was_stopped_goes_on_with_the_pieces_that_it_had(settings: Settings, change: str) -> None:
    """Its words are taken as they are, so the model does not run again for them; of another order none is taken."""
    shared = stopped_late(settings, order(language="en"))
    (piece,) = shared.glob("[0-9]*[0-9]")
    found = json.loads(piece.read_text())
    found[0][2] = "Kept"
    piece.write_text("[[1]]" if change == "broken" else json.dumps(found))
    changed = order(language="en") if change != "language" else order(language="en", glossary=["Students"])
    said = words(cues(settings, run(settings, changed)))
    assert said.startswith("Kept ") is (change == "none")
    assert said.endswith(SENTENCE[4:])
    assert not shared.exists()


@pytest.mark.usefixtures("speech")
def test_the_wish_of_the_video_counts_where_the_order_says_nothing(settings: Settings) -> None:
    wish = {"language": "en", "glossary": ["Lecture Hall"], "automatic": None}
    result = run(settings, replace(order(), speech=wish))
    assert (cues(settings, result)["language"], result["infos"]["language_confidence"]) == ("en", None)
    both = run(settings, replace(order(language="en"), generation=2, task=8, speech={**wish, "language": "xx"}))
    assert cues(settings, both)["language"] == "en"


def test_without_a_server_a_file_becomes_captions_on_the_command_line(settings: Settings, speech: Path) -> None:
    def told(*arguments: str) -> str:
        done = CliRunner().invoke(root, ["transcribe", str(speech), "--home", str(settings.home), *arguments])
        assert done.exit_code == 0, done.output
        return done.stdout

    document = json.loads(told("--language", "eng", "--json"))
    assert " ".join(cue["text"] for cue in document["cues"]).replace("\n", " ") == SENTENCE
    assert (document["language"], document["model"], document["spoken"]["confidence"]) == ("en", "whisper-base", None)
    assert document["cues"][0]["words"][0]["text"] == "The" and document["cpu_s"] > 0
    vtt = told()
    assert vtt.startswith("WEBVTT\n\n00:00:00.") and SENTENCE in vtt.replace("\n", " "), "the language is recognised"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--language", "klingon"), "language: 'klingon'"),
        (("--term", "x" * 61), "a term has 1 to 60 characters"),
        (("--model", "Precise"), "There is no speech model called Precise"),
    ],
)
def test_what_the_command_line_does_not_know(settings: Settings, speech: Path, arguments: Any, said: str) -> None:
    done = CliRunner().invoke(root, ["transcribe", str(speech), "--home", str(settings.home), *arguments])
    assert done.exit_code == 1 and said in done.output


def test_what_nobody_ordered_ends_where_no_automatic_captions_are_wanted(settings: Settings, source: Path) -> None:
    source.write_bytes(b"x")
    with pytest.raises(Cancelled):
        run(settings, replace(order(automatic=True), speech={"automatic": False}))


def silence(path: Path, *more: str) -> None:
    subprocess.run(["ffmpeg", "-v", "error", "-y", "-f", "lavfi", "-i", *more, "-f", "matroska", str(path)], check=True)


def test_nobody_speaks(settings: Settings, source: Path) -> None:
    need(is_installed(), "the extra `speech` (./run up --with-speech)")
    silence(source, "anullsrc=r=16000:d=5", "-c:a", "pcm_s16le")
    result = run(settings, order())
    assert (cues(settings, result)["cues"], result["infos"]["language"], result["infos"]["speech_s"]) == ([], "", 0)


def test_no_sound_at_all(settings: Settings, source: Path) -> None:
    need(is_installed(), "the extra `speech` (./run up --with-speech)")
    silence(source, "testsrc2=d=1", "-c:v", "mpeg4")
    with pytest.raises(BadSource) as caught:
        run(settings, order())
    assert caught.value.code == "source-no-sound"


MUSIC = "sine=440:d=8[a];sine=554:d=8[b];sine=659:d=8[c];[a][b][c]amix=inputs=3,tremolo=f=4:d=0.8"


def test_music_alone(settings: Settings, source: Path) -> None:
    need(is_installed(), "the extra `speech` (./run up --with-speech)")
    silence(source, MUSIC, "-c:a", "pcm_s16le")
    result = run(settings, order())
    assert (cues(settings, result)["cues"], result["infos"]["language"]) == ([], "")


@pytest.mark.usefixtures("speech")
def test_what_the_model_cannot_is_said_and_not_tried_again(settings: Settings, tmp_path: Path, model: str) -> None:
    for language in ("aa", "yue"):  # faster-whisper knows the second one, and this model does not
        with pytest.raises(BadSource) as unknown:
            run(settings, order(language=language))
        assert (unknown.value.code, unknown.value.facts) == ("speech-language", {"name": language})
    (tmp_path / "large-v3-turbo").symlink_to(model)
    with pytest.raises(BadSource) as turbo:
        run(with_model(settings, path=str(tmp_path / "large-v3-turbo")), order(translate=True))
    assert turbo.value.code == "speech-no-translation"


def with_model(settings: Settings, **model: str) -> Settings:
    speech = settings.speech.model_copy(update={"model": (ModelSettings(language="*", **model),)})
    return settings.model_copy(update={"speech": speech})


@pytest.mark.usefixtures("speech")
def test_a_model_that_is_not_there_or_another_one_waits_for_another_host(
    settings: Settings, tmp_path: Path, model: str, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken/model.bin").write_bytes(b"x")
    faults = {
        "speech-no-model": {"path": str(tmp_path / "gone")},
        "speech-model-changed": {"path": model, "sha256": "0" * 64},
        "speech-model-unreadable": {"path": str(tmp_path / "broken")},
    }
    for code, fault in faults.items():
        with pytest.raises(SettingsError) as caught:
            run(with_model(settings, **fault), order(language="en"))
        assert caught.value.code == code
        assert caught.value.facts["name"] == Path(fault["path"]).name
    prepare_transcribe(with_model(settings, **faults["speech-no-model"]))
    assert "there is no model.bin" in caplog.text  # the worker starts all the same


NO_MEMORY = """
import resource, sys
from pathlib import Path
from pod_jobs.errors import OutOfResources
from pod_jobs.speech.models import open_engine
import faster_whisper
used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + 50_000_000,) * 2)
try:
    open_engine(Path(sys.argv[1]), 1)
except OutOfResources as error:
    print(error.code)
"""


def test_no_memory_for_the_model_ends_no_process(model: str) -> None:
    """It is counted, so that a task ends with a sentence after some tries."""
    need(is_installed(), "the extra `speech` (./run up --with-speech)")
    done = subprocess.run([sys.executable, "-c", NO_MEMORY, model], capture_output=True, text=True, timeout=60)
    assert done.stdout == "speech-no-memory\n", done.stderr
    assert "speech-no-memory" in OutOfResources.codes


def test_without_the_extra_another_host_may_do_it(
    settings: Settings, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source.write_bytes(b"x")
    monkeypatch.setattr("pod_jobs.speech.models.find_spec", lambda name: None)
    with pytest.raises(SettingsError) as caught:
        run(settings, order())
    assert caught.value.code == "speech-not-installed"


def with_models(settings: Settings, **paths: str) -> Settings:
    """The usual model, and others by their names."""
    models = (*settings.speech.model, *(ModelSettings(language="*", name=name, path=paths[name]) for name in paths))
    return settings.model_copy(update={"speech": settings.speech.model_copy(update={"model": models})})


def test_a_model_is_chosen_by_its_name(settings: Settings, source: Path) -> None:
    source.write_bytes(b"x")
    several = with_models(settings, Precise="/no/such/model")
    assert dict(read_order(several, "", {"model": "Precise"}).options) == {"model": "Precise"}
    for name in ("Vague", 3, ["Precise"]):
        with pytest.raises(Malformed) as refused:
            read_order(several, "", {"model": name})
        assert refused.value.code == "speech-no-such-model"
    assert TRANSCRIBE.ordering
    offered = {one.option: [value for value, _ in one.values] for one in TRANSCRIBE.ordering.choices(several)}
    assert offered == {"translate": [True], "model": ["Precise"]}
    assert [one.option for one in TRANSCRIBE.ordering.choices(settings)] == ["translate"], "there is one model"


@pytest.mark.usefixtures("speech")
def test_a_chosen_model_is_the_one_that_listens(settings: Settings) -> None:
    several = with_models(settings, Precise="/no/such/model", Second="")
    assert run(several, order(language="en", model="Second"))["infos"]["model"] == "whisper-base"
    for name, code in (("Precise", "speech-no-model"), ("Elsewhere", "speech-no-such-model")):
        with pytest.raises(SettingsError) as caught:
            run(several, replace(order(language="en", model=name), generation=2, task=8))
        assert caught.value.code == code


@pytest.mark.parametrize(
    ("document", "template", "options"),
    [
        (None, "", {}),
        ({"language": "fra"}, "", {"language": "fr"}),
        (
            {"translate": True, "glossary": [" Esup-Pod  4 "]},
            "translation",
            {"translate": True, "glossary": ["Esup-Pod 4"]},
        ),
        ({"language": "", "translate": False, "glossary": []}, "", {}),
    ],
)
def test_orders(settings: Settings, document: Any, template: str, options: dict[str, Any]) -> None:
    new = read_order(settings, "", document)
    assert (new.kind, new.template, dict(new.options)) == ("transcribe", template, options)


@pytest.mark.parametrize("translate", [0, 1, "yes", None])
def test_a_translation_is_ordered_by_true_alone(settings: Settings, translate: Any) -> None:
    with pytest.raises(Malformed, match="translate"):
        read_order(settings, "", {"translate": translate})
