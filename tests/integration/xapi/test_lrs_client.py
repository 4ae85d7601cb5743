"""The client against a real server on this machine: what goes over the wire, and what comes of bad wires."""

import json
import ssl
import time
from pathlib import Path

import pytest

from pod_jobs.xapi.lrs import (
    ANSWER_LIMIT,
    Conflict,
    FoundStatement,
    LrsClient,
    Misconfigured,
    Refused,
    Stored,
    Transient,
)
from pod_jobs.xapi.statement import canonical
from tests.integration.xapi.strict_lrs import LOSE_ANSWER, PATH, RESET, Mischief, StrictLrs
from tests.nginx import certificate
from tests.servers import QuietHandler, answering
from tests.unit.xapi.samples import numbered, plain

BODIES = [canonical(numbered(i, result={"response": "é"})) for i in range(3)]


def test_a_batch_goes_out_as_it_was_frozen(lrs: StrictLrs, client: LrsClient) -> None:
    assert client.post_statements(BODIES) == Stored()
    [request] = lrs.requests
    assert request.body == b"[" + b",".join(BODIES) + b"]"
    assert request.target == PATH
    assert request.headers["X-Experience-API-Version"] == "1.0.3"
    assert request.headers["Content-Type"] == "application/json"


def test_one_connection_serves_many_batches(lrs: StrictLrs, client: LrsClient) -> None:
    assert [client.post_statements([body]) for body in BODIES] == [Stored()] * 3
    assert isinstance(client.post_statements([BODIES[0]]), Conflict)
    assert client.fetch_statement(numbered(0)["id"]) != FoundStatement(None)
    assert lrs.connections == 1


@pytest.mark.parametrize("wrapped", [False, True])
def test_a_statement_is_found_by_its_id(lrs: StrictLrs, client: LrsClient, wrapped: bool) -> None:
    lrs.wrap_found = wrapped
    client.post_statements(BODIES)
    found = client.fetch_statement(numbered(1)["id"])
    assert isinstance(found, FoundStatement) and found.statement
    assert found.statement["id"] == numbered(1)["id"]
    assert client.fetch_statement(plain()["id"]) == FoundStatement(None)


@pytest.mark.parametrize("path", [PATH + "/", PATH + "?tenant=a%20b&x=", "/xapi//statements", PATH + "/%C3%A9"])
def test_the_address_is_used_byte_for_byte(lrs: StrictLrs, path: str) -> None:
    client = LrsClient(lrs.endpoint(url=f"http://127.0.0.1:{lrs.port}{path}"))
    client.post_statements(BODIES)
    client.fetch_statement("x")
    client.close()
    joint = "&" if "?" in path else "?"
    assert [request.target for request in lrs.requests] == [path, f"{path}{joint}statementId=x"]


def test_a_redirect_is_not_followed(lrs: StrictLrs, client: LrsClient) -> None:
    lrs.mischief.append(Mischief(status=302, headers=(("Location", lrs.url),)))
    assert client.post_statements(BODIES) == Refused(302, f"302 redirect to {lrs.url}")
    assert len(lrs.requests) == 1


@pytest.mark.parametrize("changes", [{"password": "wrong"}, {"login": ""}])
def test_a_wrong_password(lrs: StrictLrs, changes: dict[str, str]) -> None:
    client = LrsClient(lrs.endpoint(**changes))
    assert client.post_statements(BODIES) == Misconfigured("401 Unauthorized", is_unknown=True)
    client.close()


def test_a_wrong_version_is_refused_for_every_batch(lrs: StrictLrs) -> None:
    client = LrsClient(lrs.endpoint(version="2.0.0"))
    assert isinstance(client.post_statements(BODIES), Refused)
    assert isinstance(client.fetch_statement("x"), Misconfigured)
    client.close()


@pytest.mark.parametrize("mischief", [LOSE_ANSWER, RESET])
def test_a_cut_connection_is_for_later(lrs: StrictLrs, client: LrsClient, mischief: Mischief) -> None:
    lrs.mischief.append(mischief)
    answer = client.post_statements(BODIES)
    assert isinstance(answer, Transient) and not answer.server_error
    assert len(lrs.statements) == (3 if mischief is LOSE_ANSWER else 0)
    assert len(lrs.requests) <= 1, "the client does not send again by itself"


def test_a_slow_lrs_is_given_up(lrs: StrictLrs) -> None:
    client = LrsClient(lrs.endpoint(read_timeout_s=0.2))
    lrs.mischief.append(Mischief(wait_s=0.6))
    began = time.monotonic()
    assert isinstance(client.post_statements(BODIES), Transient)
    assert time.monotonic() - began < 0.5
    client.close()


def test_an_endless_answer_is_given_up(lrs: StrictLrs, client: LrsClient) -> None:
    lrs.mischief.append(Mischief(status=200, body=b" " * (ANSWER_LIMIT + 1)))
    assert isinstance(client.post_statements(BODIES), Transient)


def test_nobody_listens() -> None:
    client = LrsClient(StrictLrs(port=1).endpoint())
    assert isinstance(client.post_statements(BODIES), Transient)
    client.close()


@pytest.mark.parametrize("url", ["", "xapi/statements", "ftp://lrs.example/", "http://[::1/", "http://"])
def test_an_address_that_is_none_is_the_set_up(url: str) -> None:
    client = LrsClient(StrictLrs().endpoint(url=url))
    assert isinstance(client.post_statements(BODIES), Misconfigured)
    client.close()


def test_a_ca_file_that_is_missing_is_the_set_up() -> None:
    client = LrsClient(StrictLrs().endpoint(url="https://127.0.0.1:1/", ca_file="/nowhere.pem"))
    assert isinstance(client.post_statements(BODIES), Misconfigured)
    client.close()


def test_an_authority_of_the_university_is_trusted_where_the_system_trusts_it_or_a_setting_names_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Answer(QuietHandler):
        def do_GET(self) -> None:
            self.reply(404)

    def ask(ca_file: str = "") -> FoundStatement | Transient | Misconfigured:
        client = LrsClient(StrictLrs().endpoint(url=f"https://localhost:{port}{PATH}", ca_file=ca_file))
        answer = client.fetch_statement("x")
        client.close()
        return answer

    pem = certificate(tmp_path, "localhost")
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(pem)
    with answering(Answer, tls) as port:
        stranger = ask()
        assert isinstance(stranger, Misconfigured) and "CERTIFICATE_VERIFY_FAILED" in stranger.reason
        assert ask(str(pem)) == FoundStatement(None)
        monkeypatch.setenv("SSL_CERT_FILE", str(pem))
        assert ask() == FoundStatement(None)


def test_plain_http_behind_https_is_the_set_up(lrs: StrictLrs) -> None:
    client = LrsClient(lrs.endpoint(url=lrs.url.replace("http:", "https:")))
    answer = client.post_statements(BODIES)
    assert isinstance(answer, Misconfigured) and answer.reason.startswith("TLS"), ssl.OPENSSL_VERSION
    client.close()


def test_statements_keep_their_letters(lrs: StrictLrs, client: LrsClient) -> None:
    client.post_statements(BODIES)
    assert [s["result"]["response"] for s in lrs.statements.values()] == ["é"] * 3
    assert json.loads(BODIES[0])["id"] in lrs.statements
