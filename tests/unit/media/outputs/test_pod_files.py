"""What an encoder that an upload has taken over may have left under the names of Pod's files."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from pod_jobs.media.outputs import pod_files
from pod_jobs.media.planning.pod_files import PodFiles
from tests import planted


@pytest.mark.parametrize("kind", [kind for kind in planted.KINDS if kind != "folder"])
def test_the_source_for_a_studio_is_written_through_no_link(tmp_path: Path, kind: str) -> None:
    secret, folder = planted.make_secret(tmp_path / "outside"), tmp_path / "work"
    folder.mkdir()
    (folder / "360p.mp4").write_bytes(b"a rendition")
    planted.KINDS[kind](folder / "film.mp4", secret)
    work: Any = SimpleNamespace(folder=folder)
    pod_files._make_source(work, PodFiles("film", {}, with_source=True), "360p", has_sound=True, duration_s=1)
    assert planted.is_untouched(secret)
    assert (folder / "film.mp4").read_bytes() == b"a rendition" and not (folder / "film.mp4").is_symlink()
