"""Published files against what their run announced."""

import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

from pod_jobs.catalog.client import Order
from pod_jobs.jobs.context import Context
from pod_jobs.jobs.verify import run_verify
from pod_jobs.storage.shared_folder import SharedFolder

ORDER = Order(9, 1, 1, 0, "verify", "", None, "", "", "")


def test_the_log_calls_it_by_its_kind_alone() -> None:
    assert ORDER.words == "verify"
    assert replace(ORDER, kind="encode", video=3).words == "encode of video 3"


def published(media: Path, name: str, marker: str) -> Path:
    folder = media / "videos/000003" / name
    folder.mkdir(parents=True)
    (folder / "done.json").write_text(marker)
    return folder


def verified(media: Path, tick: Any = lambda *_: None) -> dict[str, Any]:
    context = SimpleNamespace(storage=SharedFolder(media), tick=tick)
    infos: dict[str, Any] = run_verify(cast(Context, context), ORDER)["infos"]
    return infos


def test_what_lacks_or_has_another_size_is_named(tmp_path: Path) -> None:
    announced = [{"name": "a.mp4", "bytes": 3}, {"name": "b.mp4", "bytes": 3}, {"name": "c.mp4", "bytes": 3}]
    folder = published(tmp_path, "encode-7-g1", json.dumps({"outputs": announced}))
    (folder / "a.mp4").write_text("abc")
    (folder / "b.mp4").write_text("ab")
    assert verified(tmp_path) == {
        "folders": 1,
        "faulty": 2,
        "faults": [
            "videos/000003/encode-7-g1/b.mp4: 2 bytes instead of 3",
            "videos/000003/encode-7-g1/c.mp4: missing",
        ],
    }


def test_a_marker_that_cannot_be_read_is_a_fault_and_hides_no_other(tmp_path: Path) -> None:
    for number, marker in enumerate(("", "[]", "{}", '{"outputs": [{"name": "a.mp4"}]}', '{"outputs": [1]}')):
        published(tmp_path, f"encode-{number}-g1", marker)
    assert verified(tmp_path)["faulty"] == 5


def test_a_folder_that_the_janitor_took_meanwhile_is_no_fault(tmp_path: Path) -> None:
    marker = published(tmp_path, "encode-7-g1", '{"outputs": []}') / "done.json"
    assert verified(tmp_path, lambda *_: marker.unlink())["faulty"] == 0
