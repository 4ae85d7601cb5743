from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import requests

from pod_jobs.xapi import lrs
from pod_jobs.xapi.lrs import Conflict, FoundStatement, Misconfigured, PartlyStored, Refused, Stored, Transient, Unclear

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("status", "content", "answer"),
    [
        (200, b'["id"]', Stored()),
        (204, b"", Stored()),
        (200, b"<html>log in</html>", Unclear(200, "200 <html>log in</html>")),
        (200, b"", Unclear(200, "200")),
        (201, b"", Unclear(201, "201")),
        (202, b"", Unclear(202, "202")),
        (409, b"differs", Conflict("409 differs")),
        (400, b"bad", Refused(400, "400 bad")),
        (400, "bad".encode("utf-16-le"), Refused(400, "400 bad")),  # no NUL: PostgreSQL cannot hold one
        (413, b"", Refused(413, "413")),
        (422, b"bad", Refused(422, "422 bad")),
        (500, b"oops", Transient("500 oops", server_error=True)),
        (502, b"", Transient("502", is_gateways=True)),
        (504, b"", Transient("504", is_gateways=True, may_still_work=True)),
        (408, b"", Transient("408")),
        (401, b"", Misconfigured("401", is_unknown=True)),
        (407, b"", Misconfigured("407")),
        (403, b"", Refused(403, "403")),
        (404, b"", Refused(404, "404")),
        (405, b"", Refused(405, "405")),
        (415, b"", Refused(415, "415")),
        (410, b"", Refused(410, "410")),
    ],
)
def test_what_an_answer_means(status: int, content: bytes, answer: lrs.Answer) -> None:
    assert lrs.classify_post(status, {}, content) == answer


def test_a_redirect_says_where_to() -> None:
    assert lrs.classify_post(301, {"Location": "https://b.example/"}, b"") == Refused(
        301, "301 redirect to https://b.example/"
    )


def test_partial_success() -> None:
    answer = lrs.classify_post(200, {}, b'{"inserted": 1, "rejected": 1, "ids": ["AB"], "errors": []}')
    assert isinstance(answer, PartlyStored)
    assert (answer.ids, answer.rejected) == (frozenset({"ab"}), 1)
    answer = lrs.classify_post(400, {}, b'{"inserted": 0, "rejected": 0}')
    assert isinstance(answer, PartlyStored)
    assert (answer.ids, answer.rejected) == (frozenset(), 0)


def test_busy_says_for_how_long() -> None:
    assert lrs.classify_post(429, {"Retry-After": "7"}, b"") == Transient("429", retry_after_s=7)
    assert lrs.classify_get(503, {"Retry-After": "7"}, b"") == Transient("503", retry_after_s=7)


@pytest.mark.parametrize(
    ("text", "wait_s"),
    [
        ("120", 120),
        ("Sun, 01 Mar 2026 12:01:00 GMT", 60),
        ("Sun, 01 Mar 2026 11:00:00 GMT", 0),
        ("999999", lrs.RETRY_AFTER_LIMIT_S),
        ("soon", None),
        ("-3", None),
        ("²", None),
        ("Mon, 01 Jan 99999999999999999999 00:00:00 GMT", None),
        ("", None),
        (None, None),
    ],
)
def test_retry_after(text: str | None, wait_s: float | None) -> None:
    assert lrs.parse_retry_after(text, NOW) == wait_s


@pytest.mark.parametrize(
    ("status", "content", "answer"),
    [
        (200, b'{"id": "a"}', FoundStatement({"id": "a"})),
        (200, b'{"statements": [{"id": "a"}], "more": ""}', FoundStatement({"id": "a"})),
        (200, b'{"statements": []}', FoundStatement(None)),
        (200, b'{"statements": 3}', FoundStatement(None)),
        (404, b"", FoundStatement(None)),
        (400, b"", Misconfigured("400")),
        (501, b"", Misconfigured("501")),
        (200, b"[]", Misconfigured("200 []")),
    ],
)
def test_what_a_found_statement_looks_like(status: int, content: bytes, answer: Any) -> None:
    assert lrs.classify_get(status, {}, content) == answer


def test_an_answer_is_kept_short() -> None:
    answer = lrs.classify_post(400, {}, "é".encode() * 10_000)
    assert isinstance(answer, Refused)
    assert len(answer.reason) < 1.1 * lrs.REASON_LIMIT


def test_a_login_of_the_host_or_a_proxy_of_its_environment_is_not_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".netrc").write_text("machine lrs.example login a password b\n")
    monkeypatch.setenv("NETRC", str(tmp_path / ".netrc"))
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.example:3128")
    client = lrs.LrsClient(lrs.Endpoint("https://lrs.example/statements"))
    request = client._session.prepare_request(requests.Request("GET", "https://lrs.example/statements"))
    assert "Authorization" not in request.headers
    assert not client._session.merge_environment_settings(request.url, {}, None, None, None)["proxies"]
    client.close()
