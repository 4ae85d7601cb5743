"""Keys of attempts: only the worker that was given an attempt at a task may read its source and send its files. A worker that
helps with the attempt has a key of its own. With it, it may read the source and send files into its own folder.

A key is a keyed hash of the attempt's numbers and of the token that it was given to, so nothing has to be stored. It is worth
nothing with another token, and once the attempt has ended.
"""

import hashlib
import hmac

from flask import current_app, request

from pod_jobs.catalog import seals
from pod_jobs.catalog.store import tasks, users
from pod_jobs.errors import Malformed, Superseded
from pod_jobs.storage import Run
from pod_jobs.web.guards import access

HEADER = "X-Run-Key"


def key_of(task_id: int, generation: int, attempt: int, token_id: int, helper: str = "") -> str:
    """The key of an attempt, in hex."""
    secret: str = current_app.config["SECRET_KEY"]
    text = f"run {task_id} {generation} {attempt} {token_id}{f' {helper}' if helper else ''}"
    return hmac.new(secret.encode(), text.encode(), hashlib.sha256).hexdigest()


def require_seal(task_id: int, generation: int, attempt: int | None, worker: str) -> None:
    """Check that the run that was given the attempt wrote the report in this request's body, whoever carries it, and that its
    token is still valid. A run that died before it began an attempt has no key; its report can change no attempt.

    Errors: Superseded."""
    attempt_row = tasks.find_attempt(task_id, generation, attempt, worker)
    if attempt_row is None or attempt_row.token_id is None:  # none; or it began before tokens were kept
        return
    key = key_of(task_id, generation, attempt_row.number, attempt_row.token_id)
    given = request.headers.get(seals.HEADER, "")
    expected = seals.seal_of(key, request.get_json())
    if not hmac.compare_digest(given.encode(), expected.encode()) or not users.is_valid(attempt_row.token_id):
        raise Superseded(f"not the worker that has attempt {attempt_row.number} at task {task_id} wrote this report")


def require_run(task_id: int, generation: int, attempt: int) -> Run:
    """The run whose key this request carries. Errors: Malformed without a key; Superseded with another one, and when
    the attempt has ended or another one began; NotFound."""
    given = _given()
    expected = key_of(task_id, generation, attempt, access.current_token().id)
    if not hmac.compare_digest(given.encode(), expected.encode()):
        raise Superseded(f"this is not the key of attempt {attempt} at task {task_id} for this token")
    return _run_at_work(task_id, generation, attempt, given)


def key_of_helper(task_id: int, generation: int, attempt: int, helper: str, token_id: int) -> str:
    """The key of a helper with an attempt: its id, and a hash in hex."""
    return f"{helper}.{key_of(task_id, generation, attempt, token_id, helper)}"


def helper_of(key: str) -> str:
    """The id of the helper whose key this is; "" for the key of an attempt."""
    helper, dot, _ = key.partition(".")
    return helper if dot else ""


def require_helper(task_id: int, generation: int, attempt: int, helper: str = "") -> Run:
    """The run that the worker helps with whose key this request carries. `helper`: its id; "" = any. Errors: as of
    `require_run`."""
    given = _given()
    helper_id = helper_of(given)
    expected = key_of_helper(task_id, generation, attempt, helper_id, access.current_token().id)
    if helper not in ("", helper_id) or not hmac.compare_digest(given.encode(), expected.encode()):
        raise Superseded(f"this is not the key of a helper with attempt {attempt} at task {task_id} for this token")
    return _run_at_work(task_id, generation, attempt, given)


def require_part_in(task_id: int, generation: int, attempt: int, helper: str = "") -> Run:
    """The run whose key, or one of whose helpers', this request carries. Errors: as of `require_run`."""
    if helper_of(_given()):
        return require_helper(task_id, generation, attempt, helper)
    return require_run(task_id, generation, attempt)


def _given() -> str:
    given = request.headers.get(HEADER, "")
    if not given:
        raise Malformed(f"the header {HEADER} is needed, with the key from the answer of start")
    return given


def _run_at_work(task_id: int, generation: int, attempt: int, given: str) -> Run:
    task = tasks.at_work(task_id, generation, attempt)
    assert task.video_id is not None  # noqa: S101  # `at_work` gives no other
    return Run(task.video_id, task.kind, task.id, task.generation, task.template, attempt=attempt, key=given)
