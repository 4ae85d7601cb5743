"""Help with a run from a worker that has no folder in common with its owner, beside a real web app: the way of a piece, and what
is refused."""

import hashlib
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import requests

from pod_jobs.catalog import database
from pod_jobs.catalog.models import ApiToken
from pod_jobs.catalog.store import users
from pod_jobs.errors import NotFound, Refused, ResultRejected, Superseded, WorkerRefused
from pod_jobs.settings import load
from pod_jobs.storage import Run, far_help, helpers_folder, web_calls
from pod_jobs.storage.far_help import FarHelp
from pod_jobs.storage.helpers_folder import HelpersFolder
from pod_jobs.storage.received_run import Announced
from pod_jobs.storage.web_calls import WebCalls
from tests.acceptance.site import Site
from tests.clips import Clips
from tests.integration.storage.conftest import Far, tick

pytestmark = pytest.mark.usefixtures("hasty")

LAYOUT = b'{"what": "every helper must know"}'


@pytest.fixture
def owner(far: Far) -> FarHelp:
    """Of an attempt at a task; it has called for help."""
    far_help = worker_of(far, (far.site.home / "secrets/worker_token").read_text())
    far_help.call(far.run, LAYOUT)
    return far_help


def worker_of(far: Far, token: str) -> FarHelp:
    return FarHelp(WebCalls(far.site.url, token), far.folder / "helping")


def new_token(site: Site, *queues: str) -> str:
    with database.connect(load(site.home).database_url).connection_context():
        return users.create_token(users.find("workers"), "host b", datetime.now(UTC), queues=queues)


def revoke(site: Site, token: str) -> None:
    with database.connect(load(site.home).database_url).connection_context():
        row = ApiToken.get(ApiToken.token_hash == users.hash_token(token))
        users.revoke_token(row.id, datetime.now(UTC))


class Helper:
    """A worker with a token of its own that has offered its help."""

    def __init__(self, far: Far, *queues: str) -> None:
        self.token = new_token(far.site, *queues)
        self.far_help = worker_of(far, self.token)
        without_key = replace(far.run, key="")
        self.id, key, self.layout = self.far_help.join(without_key)
        self.run = replace(without_key, key=key)

    def note(self, piece: int | None, frames: int = 0) -> int | None:
        return self.far_help.note(self.run, self.id, piece, frames)

    def send(self, folder: Path) -> None:
        self.far_help.send(self.run, self.id, folder, [path.name for path in folder.iterdir()], tick)


@pytest.fixture
def piece(tmp_path: Path) -> Path:
    folder = tmp_path / "pièce 7"
    folder.mkdir()
    (folder / "360p.m4s").write_bytes(bytes(range(256)) * 1000)
    (folder / "360p.m3u8").write_text("#EXTM3U\n")
    (folder / "empty.log").write_bytes(b"")
    return folder


def content_of(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_a_piece_goes_from_a_helper_to_the_owner(
    far: Far, owner: FarHelp, piece: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(web_calls, "PART_BYTES", 100_000)
    helper = Helper(far, "encoding")
    assert helper.layout == LAYOUT.decode()
    assert not owner.states(far.run)[helper.id].wants, "it may still fetch the source"
    assert helper.note(None) is None
    assert owner.states(far.run)[helper.id].wants
    owner.give(far.run, helper.id, 7)
    assert helper.note(None) == 7
    before = owner.states(far.run)[helper.id]
    assert (helper.note(7, 12), owner.states(far.run)[helper.id].frames) == (7, 12)
    assert owner.states(far.run)[helper.id].sign != before.sign
    helper.send(piece)
    state = owner.states(far.run)[helper.id]
    assert (state.piece, state.at, state.wants) == (7, 7, False) and state.files is not None
    assert helper.note(None) is None, "it gets no other before this one is taken in"
    (tmp_path / "taken").mkdir()
    owner.fetch(far.run, helper.id, state.files, tmp_path / "taken", tick)
    assert content_of(tmp_path / "taken") == content_of(piece)
    owner.give(far.run, helper.id, None)
    state = owner.states(far.run)[helper.id]
    assert state.files is None and state.wants
    owner.close(far.run)
    with pytest.raises(Superseded):
        helper.note(None)
    assert not list((far.site.home / "media/videos").glob(f"*/encode-{far.run.task}-g*.helpers"))


def test_a_helper_reads_the_source_and_nothing_else(far: Far, owner: FarHelp, clips: Clips) -> None:
    helper, other = Helper(far), Far(far.site, clips.path("plain.mp4"), far.folder)
    storage = type(far.storage)(WebCalls(far.site.url, helper.token), far.folder / "b", 10**9)
    assert storage.source(helper.run, far.order.source).read_bytes() == clips.path("plain.mp4").read_bytes()
    for run in (replace(helper.run, task=other.run.task), replace(helper.run, attempt=helper.run.attempt + 1)):
        with pytest.raises(Superseded):
            storage._web.source_sum(run, other.order.source)


def asked(run: Run, site: Site, token: str, method: str, path: str, **more: Any) -> tuple[int, str]:
    url = f"{site.url}/api/v1/runs/{run.task}/{run.generation}/{run.attempt}/{path}"
    headers = {"Authorization": f"Token {token}", "X-Run-Key": run.key}
    answer = requests.request(method, url, headers=headers, timeout=20, **more)
    return answer.status_code, answer.json()["code"] if answer.content else ""


OVER, REFUSED = (409, "superseded"), (409, "refused")


@pytest.mark.parametrize(
    ("method", "path", "more", "wanted"),
    [
        # what only the owner may do
        ("PUT", "helpers", {"data": b"{}"}, OVER),
        ("GET", "helpers", {}, OVER),
        ("DELETE", "helpers", {}, OVER),
        ("PUT", "helpers/ID/piece", {"json": {"piece": 3}}, OVER),
        ("GET", "helpers/ID/files/360p.m4s", {}, OVER),
        ("POST", "begin", {}, OVER),
        ("PUT", "files/360p.m3u8", {"data": b"x"}, OVER),
        ("PATCH", "files/360p.m4s?offset=0", {"data": b"x"}, OVER),
        ("POST", "publish", {"json": {"result": {}, "files": {}}}, OVER),
        ("POST", "give-up", {}, OVER),
        # the folder of another helper, or of none
        ("PATCH", "helpers/OTHER/files/360p.m4s?offset=0", {"data": b"x"}, OVER),
        ("POST", "helpers/OTHER/note", {"json": {"piece": None}}, OVER),
        ("POST", "helpers/OTHER/finish", {"json": {"files": {}}}, OVER),
        ("DELETE", "helpers/OTHER", {}, OVER),
        ("DELETE", "helpers/%2e%2e", {}, None),
        # names that are none, and places that are not reached yet
        ("PATCH", "helpers/ID/files/..?offset=0", {"data": b"x"}, None),
        ("PATCH", "helpers/ID/files/.hidden?offset=0", {"data": b"x"}, REFUSED),
        ("PATCH", "helpers/ID/files/360p.m4s?offset=7", {"data": b"x"}, (409, "upload-offset")),
        ("PATCH", "helpers/ID/files/360p.m4s", {"data": b"x"}, (400, "malformed")),
        ("PATCH", "helpers/ID/files/360p.m4s?offset=0", {"data": iter([b"x"] * 3)}, (400, "malformed")),
        ("POST", "helpers/ID/finish", {"json": {"files": {"../note": {"bytes": 1, "sha256": ""}}}}, REFUSED),
        ("POST", "helpers/ID/note", {"json": {"piece": -1}}, (400, "malformed")),
        ("POST", "helpers/ID/note", {"json": {"piece": 1, "frames": "many"}}, (400, "malformed")),
    ],
)
def test_what_a_helper_may_not_do_is_refused(
    far: Far, owner: FarHelp, method: str, path: str, more: dict[str, Any], wanted: tuple[int, str] | None
) -> None:
    helper, other = Helper(far), Helper(far)
    owner.give(far.run, helper.id, 1)
    owner.give(far.run, other.id, 2)
    place = far.published.with_name(f"{far.published.name}.helpers")
    before = {path: path.read_bytes() for path in place.rglob("*") if path.is_file()}
    path = path.replace("ID", helper.id).replace("OTHER", other.id)
    found = asked(helper.run, far.site, helper.token, method, path, **more)
    assert found == wanted if wanted else found[0] in (404, 405, 409)
    after = {path: path.read_bytes() for path in place.rglob("*") if path.is_file() and path.stat().st_size}
    assert after == before
    assert not far.published.exists() and (far.site.home / "media" / far.order.source).exists()


def test_whoever_was_given_no_piece_can_send_none(far: Far, owner: FarHelp, piece: Path) -> None:
    helper = Helper(far)
    with pytest.raises(Refused):
        helper.send(piece)
    owner.give(far.run, helper.id, 1)
    helper.send(piece)
    with pytest.raises(Refused):
        helper.send(piece)  # it is finished, and the owner may be reading it


def test_a_helper_that_the_owner_dropped_is_over(far: Far, owner: FarHelp, piece: Path) -> None:
    helper = Helper(far)
    owner.give(far.run, helper.id, 1)
    assert helper.note(1) == 1
    owner.drop(far.run, helper.id)
    for call in (lambda: helper.note(1), lambda: helper.send(piece)):
        with pytest.raises(Superseded):
            call()
    assert owner.states(far.run) == {}


def test_the_key_of_a_helper_goes_with_its_token_its_queue_and_the_attempt(far: Far, owner: FarHelp) -> None:
    with pytest.raises(WorkerRefused, match="transcripting"):
        Helper(far, "transcripting")
    helper, thief = Helper(far, "encoding"), new_token(far.site)
    owner.give(far.run, helper.id, 1)
    with pytest.raises(Superseded):
        worker_of(far, thief).note(helper.run, helper.id, 1)
    revoke(far.site, helper.token)
    with pytest.raises(WorkerRefused):
        helper.note(1)
    second = Helper(far)
    again = far.site.workers.start(far.order.task, far.order.generation, "encoding-2", "host-2", 2)
    for call in (lambda: second.note(1), lambda: Helper(far), lambda: owner.states(far.run)):
        with pytest.raises(Superseded):
            call()
    with pytest.raises(Superseded):  # this attempt has not called for help
        worker_of(far, second.token).join(replace(far.run, attempt=again.attempt, key=""))


def test_nothing_half_sent_is_finished(far: Far, owner: FarHelp, piece: Path) -> None:
    helper = Helper(far)
    owner.give(far.run, helper.id, 1)
    folder = HelpersFolder(far.site.home / "media", far.run)
    with folder.part(helper.id, "360p.m4s", 0) as write:
        write(b"a" * 1000)
    whole = {path.name: Announced.of(path) for path in piece.iterdir()}
    assert folder.finish(helper.id, whole) == sorted(whole, key=list(whole).index)
    assert owner.states(far.run)[helper.id].files is None
    with pytest.raises(Refused):
        folder.part(helper.id, "360p.m4s", 1001).__enter__()
    helper.send(piece)
    assert owner.states(far.run)[helper.id].files == whole


def test_what_changed_on_its_way_is_not_taken_in(far: Far, owner: FarHelp, piece: Path, tmp_path: Path) -> None:
    helper = Helper(far)
    owner.give(far.run, helper.id, 1)
    helper.send(piece)
    files = owner.states(far.run)[helper.id].files
    assert files is not None
    other = {**files, "360p.m4s": replace(files["360p.m4s"], sha256=hashlib.sha256(b"other").hexdigest())}
    for number, (said, error) in enumerate(
        (
            (other, ResultRejected),
            ({"../planted": files["360p.m4s"]}, ResultRejected),
            ({"nothing.m4s": files["360p.m4s"]}, NotFound),
        )
    ):
        taken = tmp_path / str(number)
        taken.mkdir()
        with pytest.raises(error):
            owner.fetch(far.run, helper.id, said, taken, tick)
    assert not (tmp_path / "planted").exists()


def test_helpers_and_their_files_are_counted(
    far: Far, owner: FarHelp, piece: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(helpers_folder, "MOST_HELPERS", 2)
    monkeypatch.setattr(helpers_folder, "MOST_FILES", 1)
    folder = HelpersFolder(far.site.home / "media", far.run)
    assert len({helpers_folder.number_of(folder.join()) for _ in range(2)}) == 2
    with pytest.raises(Refused):
        folder.join()
    monkeypatch.setattr(helpers_folder, "SILENT_S", -1)
    last = folder.join()
    assert list(folder.states()) == [last]
    folder.give(last, 1)
    for name in ("a.m4s", "a.m4s"):
        with folder.part(last, name, 0) as write:
            write(b"x")
    with pytest.raises(Refused):
        folder.part(last, "b.m4s", 0).__enter__()


def test_two_that_join_at_once_get_two_numbers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "videos/000003").mkdir(parents=True)
    folder = HelpersFolder(tmp_path, Run(3, "encode", 7, 1, "web"))
    folder.open(LAYOUT)
    (tmp_path / "videos/000003/encode-7-g1.helpers/a0").mkdir()  # taken, and not yet the folder of a helper
    chosen = iter(("0f", "0f", "a0", "b1"))  # as if the second one had looked before the others
    monkeypatch.setattr("secrets.choice", lambda free: next(chosen))
    first = folder.join()
    assert [helpers_folder.number_of(first), helpers_folder.number_of(folder.join())] == ["0f", "b1"]
    assert len(folder.states()) == 2
    for helper in folder.states():
        folder.give(helper, 1)
        with folder.part(helper, "360p.m4s", 0) as write:
            write(b"x")
    (tmp_path / f"videos/000003/encode-7-g1.helpers/{first}/files/360p.m4s").unlink()
    (tmp_path / f"videos/000003/encode-7-g1.helpers/{first}/files").rmdir()  # it is just leaving
    assert [file.read() for file in folder.open_files()] == [b"x"], "those of the others are told"
    assert len(folder.states()) == 1


def test_what_killed_helpers_left_here_goes_after_a_day(far: Far, monkeypatch: pytest.MonkeyPatch) -> None:
    helping = worker_of(far, "token")
    left = far.folder / "helping" / ("a" * 16)
    left.mkdir(parents=True)
    (left / "0001.m4s").write_bytes(b"x")
    with helping.place("b" * 16) as place:
        assert place.is_dir() and left.exists()
    assert not place.exists()
    monkeypatch.setattr(far_help, "STALE_S", -1)
    with helping.place("b" * 16):
        assert not left.exists()
