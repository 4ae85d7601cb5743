"""An encoder that an upload has taken over plants links and other things in its work folder, at every moment of a run."""

import os
import shlex
from dataclasses import replace
from pathlib import Path

import pytest

from pod_jobs.errors import FfmpegFailed, PermanentError, Superseded
from pod_jobs.media.encode import EncodePlan, encode
from pod_jobs.media.planning.ladder import Rendition
from pod_jobs.media.process.guard import Sandbox
from pod_jobs.media.process.tools import Tools
from pod_jobs.media.sharing import chunks
from pod_jobs.storage import Run
from pod_jobs.storage.helpers_folder import HelpersFolder
from pod_jobs.storage.shared_folder import SharedFolder
from pod_jobs.system import plain_files
from tests import planted
from tests.clips import Clips
from tests.unit.media.samples import LIMITS

LOW = Rendition("90p", 90, crf=30, preset="ultrafast", maxrate_kbps=900, audio_kbps=64, mp4=True)
# a pipe in place of a file that another ffmpeg is about to open again makes that one wait: it is ended as one that stalls
PLAN = EncodePlan((LOW,), mp3_kbps=64, limits=replace(LIMITS, stall_s=10))
RUN = Run(3, "encode", 7, 1, "web")
SHELL = {  # kind -> how a shell makes it at $1, for the secret $2
    "symlink": 'ln -s "$2" "$1"',
    "hard link": 'ln "$2" "$1"',
    "pipe": 'mkfifo "$1"',
    "folder": 'mkdir "$1"; ln -s "$2" "$1/x"',
    "set-id program": 'cp /bin/true "$1"; chmod 4755 "$1"',
}


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    return planted.make_secret(tmp_path / "outside")


@pytest.fixture
def media(tmp_path: Path, clips: Clips) -> Path:
    folder = tmp_path / "media"
    (folder / "videos/000003").mkdir(parents=True)
    os.symlink(clips.path("plain.mp4"), folder / "clip")
    (folder / "videos/000003/source").write_bytes((folder / "clip").read_bytes())
    return folder


def taken_over(tools: Tools, folder: Path, first: str, last: str) -> Tools:
    """An ffmpeg that runs shell commands before and after its work. Told to end, it takes its own child along: here is no
    worker that would end what outlives it."""
    program = folder / "ffmpeg"
    work = f"trap 'kill -9 $child; exit 143' TERM\n{shlex.quote(tools.ffmpeg)} \"$@\" &\nchild=$!\nwait $child\nend=$?"
    program.write_text(f"#!/bin/sh\n{first}\n{work}\n{last}\nexit $end\n")
    program.chmod(0o755)
    return replace(tools, ffmpeg=str(program), sandbox=Sandbox("none"))


def planting(kind: str, name: str, secret: Path) -> str:
    """Made elsewhere and moved to its place: but for a folder there is no moment at which the name is missing."""
    made = f"{shlex.quote(str(secret.parent.parent))}/made.$$"
    make_way = f"rm -rf {name}; " if kind == "folder" else f"[ ! -d {name} ] || rm -rf {name}; "
    set_aside = f'set_aside() {{ rm -rf "$1"; {SHELL[kind]}; }}; set_aside {made} {shlex.quote(str(secret))}; '
    return f"{set_aside}{make_way}mv -fT {made} {name}"


def run(media: Path, tools: Tools) -> None:
    storage = SharedFolder(media)
    with storage.work_on(RUN, lambda: None, chunks.clear) as work:
        source = storage.source(RUN, RUN.source)
        encoded = encode(source, work.begin(), PLAN, tools, lambda progress: None)
        work.publish({"outputs": [{"name": one.name, "bytes": one.bytes} for one in encoded.outputs]})


@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize(
    ("kind", "name"),
    [
        *((kind, "encoding.log") for kind in SHELL),
        *((kind, "done.json") for kind in SHELL),
        *((kind, "captions_fr.vtt") for kind in SHELL),
        ("symlink", "master.m3u8"),
        ("symlink", "master.m3u8.tmp"),
        ("hard link", "master.m3u8.tmp"),
        ("symlink", "x.json"),
    ],
)
def test_nothing_that_was_planted_is_read_written_or_published(
    media: Path, tools: Tools, secret: Path, tmp_path: Path, kind: str, name: str, moment: str
) -> None:
    command = planting(kind, name, secret)
    hostile = taken_over(tools, tmp_path, *((command, "") if moment == "before" else ("", command)))
    try:
        run(media, hostile)
    except PermanentError:
        assert not (media / RUN.folder).exists()
    assert planted.is_untouched(secret)
    left = [path for path in (media / "videos").rglob("*") if not path.is_dir() or path.is_symlink()]
    assert [
        path for path in left if path.is_symlink() or path.stat().st_nlink > 1 or path.stat().st_mode & 0o6000
    ] == []
    assert [path for path in left if planted.SECRET.encode() in path.read_bytes()] == []


WATCHED = ("master.m3u8", "90p.m3u8", "90p.m4s", "audio.m3u8", "audio.m4s")


@pytest.mark.parametrize("name", ["90p.m3u8", "90p.m4s", "audio.mp3", "90p.mp4"])
@pytest.mark.parametrize("kind", ["symlink", "hard link", "pipe", "set-id program"])
def test_what_takes_the_place_of_an_output_fails_the_run_for_good(
    media: Path, tools: Tools, secret: Path, tmp_path: Path, kind: str, name: str
) -> None:
    hostile = taken_over(tools, tmp_path, "", f"test -e {name} && {planting(kind, name, secret)}")
    with pytest.raises(PermanentError):
        run(media, hostile)
    assert not (media / RUN.folder).exists() and planted.is_untouched(secret)
    left = list((media / f"{RUN.folder}.part").iterdir())
    assert {path.name for path in left} <= {"encoding.log", *WATCHED} - {name}
    assert all(plain_files.is_plain(path.lstat()) for path in left)


@pytest.mark.parametrize("kind", planted.KINDS)
@pytest.mark.parametrize("name", ["90p.m4s", "finished.json"])
def test_what_takes_the_place_of_a_chunk_is_not_joined(tmp_path: Path, secret: Path, kind: str, name: str) -> None:
    folder = tmp_path / "0000"
    folder.mkdir()
    finished = '{"worker":"w","wall_s":1,"cpu_s":1,"peak_mb":1,"command":"","damaged":false,"checksums":{"90p.m4s":0}}'
    (folder / "finished.json").write_text(finished)
    (folder / "90p.m4s").touch()
    assert chunks.read_finished(folder).worker == "w"
    (folder / name).unlink()
    planted.KINDS[kind](folder / name, secret)
    with pytest.raises(FfmpegFailed):
        chunks.read_finished(folder)


@pytest.mark.parametrize("kind", planted.KINDS)
def test_a_planted_marker_of_a_run_that_died_is_not_believed(media: Path, secret: Path, kind: str) -> None:
    folder = media / RUN.folder
    folder.mkdir()
    secret.write_text('{"outputs": []}')
    planted.KINDS[kind](folder / "done.json", secret)
    storage = SharedFolder(media)
    with storage.work_on(replace(RUN, generation=2), lambda: None, chunks.clear) as work:
        if kind != "set-id program":
            assert work.find_finished() is None
    assert len(list(storage.verify(""))) <= 1


@pytest.mark.parametrize("kind", planted.KINDS)
def test_what_takes_the_place_of_the_folder_of_helpers_goes(media: Path, secret: Path, kind: str) -> None:
    place = media / f"{RUN.folder}.helpers"
    planted.KINDS[kind](place, secret)
    folder = HelpersFolder(media, RUN)
    folder.open(b"layout")
    assert not place.is_symlink() and folder.states() == {} and folder.layout() == "layout"
    assert planted.is_untouched(secret)


@pytest.mark.parametrize("name", ["", "helper", "helper/files"])
def test_no_link_that_takes_the_place_of_a_folder_of_helpers_is_followed(
    media: Path, tmp_path: Path, name: str
) -> None:
    folder, place, other = HelpersFolder(media, RUN), media / f"{RUN.folder}.helpers", tmp_path / "other"
    folder.open(b"layout")
    helper = folder.join()
    folder.give(helper, 1)
    place.rename(other)
    place.mkdir()
    if name:
        (place / "layout-1.json").write_text("layout")
        real, link = other / helper, place / helper
        if name != "helper":
            link.mkdir()
            (link / "piece").write_text("1")
            real, link = real / "files", link / "files"
    else:
        place.rmdir()
        real, link = other, place
    link.symlink_to(real)
    before = sorted(path.relative_to(other) for path in other.rglob("*"))
    with pytest.raises(Superseded), folder.part(helper, "360p.m4s", 0):
        pass
    for call in (lambda: folder.note(helper, 1, 1), lambda: folder.give(helper, 2), *([] if name else [folder.join])):
        with pytest.raises(Superseded):
            call()
    folder.leave(helper)
    assert sorted(path.relative_to(other) for path in other.rglob("*")) == before
    assert list(folder.open_files()) == []
