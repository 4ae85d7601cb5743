"""A media folder that is unmounted in the middle of an encode."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pod_jobs.errors import ServiceUnavailable
from pod_jobs.media.encode import EncodePlan, Progress, encode
from pod_jobs.media.planning.ladder import Rendition
from pod_jobs.media.process.progress import Step
from pod_jobs.media.process.tools import Tools
from pod_jobs.media.sharing import chunks
from pod_jobs.media.work import Work
from pod_jobs.storage import Run, identity
from pod_jobs.storage.shared_folder import SharedFolder
from tests.clips import Clips
from tests.servers import disk
from tests.unit.media.samples import LIMITS

PLAN = EncodePlan((Rendition("90p", 90, 30, "ultrafast", 900, 64, True),), mp3_kbps=64, limits=LIMITS)
RUN = Run(3, "encode", 7, 1, "web", "the-right-one")


@pytest.fixture
def mounted(tmp_path: Path, clips: Clips) -> Iterator[Path]:
    """A media folder on a disk of its own, with the source of video 3."""
    folder = tmp_path / "media"
    folder.mkdir()
    with disk(folder, "size=100m"):
        identity.write(folder, RUN.media)
        (folder / "videos/000003").mkdir(parents=True)
        (folder / "videos/000003/source").write_bytes(clips.path("plain.mp4").read_bytes())
        yield folder


@pytest.mark.parametrize("moment", ["encode", "package", "before the publication"])
def test_an_encode_whose_media_folder_goes_is_tried_again_and_writes_nothing_under_the_mount_point(
    mounted: Path, tools: Tools, moment: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    storage, side = SharedFolder(mounted), Work.side

    def unmount_at(here: str) -> None:
        if here == moment and os.path.ismount(mounted):
            subprocess.run(["umount", "-l", str(mounted)], check=True)

    def tick(progress: Progress) -> None:
        unmount_at(progress.step)

    def at_the_side(work: Work, step: Step, *more: Any) -> Any:  # on a quick machine it ends before it says so
        unmount_at(step)
        return side(work, step, *more)

    monkeypatch.setattr(Work, "side", at_the_side)
    with (
        pytest.raises(ServiceUnavailable, match="is not mounted"),
        storage.work_on(RUN, lambda: None, chunks.clear) as work,
    ):
        encoded = encode(storage.source(RUN, RUN.source), work.begin(), PLAN, tools, tick)
        unmount_at("before the publication")
        work.publish({"outputs": [{"name": one.name, "bytes": one.bytes} for one in encoded.outputs]})
    assert list(mounted.iterdir()) == []
