"""The web app below a path, as a proxy hands it on."""

import re

import pytest
from flask.testing import FlaskClient

from pod_jobs.settings import Settings, load
from pod_jobs.web.app import create_app
from tests.integration.web.conftest import PASSWORD

SITE = {"Host": "example.org"}


@pytest.fixture
def below(settings: Settings, tokens: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> FlaskClient:
    monkeypatch.setenv("POD_JOBS_WEB__PUBLIC_URL", "http://example.org/pod")
    return create_app(load(settings.home)).test_client()


def addresses(page: str) -> set[str]:
    return set(re.findall(r'(?:href|src|action|hx-get|hx-post)="(/[^"]*)"', page))


@pytest.mark.parametrize("path", ["/pod/sign-in", "/sign-in"])
def test_every_address_of_a_page_is_below_the_prefix(below: FlaskClient, path: str) -> None:
    """Whether the proxy hands on the prefix or takes it away."""
    answer = below.get(path, headers=SITE)
    assert answer.status_code == 200
    found = addresses(answer.text)
    assert found and all(address.startswith("/pod/") for address in found), found
    for address in found:
        assert below.get(address, headers=SITE, buffered=True).status_code in (200, 302, 405)


def test_signing_in_leads_below_the_prefix_and_its_cookie_stays_there(below: FlaskClient) -> None:
    page = below.get("/pod/", headers=SITE)
    assert (page.status_code, page.location) == (302, "/pod/sign-in")
    form = below.get("/pod/sign-in", headers=SITE)
    token = re.findall(r'name="csrf_token" value="([^"]+)"', form.text)[0]
    said = {"name": "léa", "password": PASSWORD, "csrf_token": token}
    answer = below.post("/pod/sign-in", data=said, headers=SITE)
    assert (answer.status_code, answer.location) == (303, "/pod/")
    assert "Path=/pod" in answer.headers["Set-Cookie"]
    assert below.get("/pod/", headers=SITE).status_code == 200


TEAM = ("", "/tasks", "/tasks?state=error", "/errors", "/machines", "/captions", "/schedule", "/figures")


@pytest.mark.parametrize("path", TEAM)
def test_the_team_s_pages_stay_below_the_prefix(below: FlaskClient, tokens: dict[str, str], path: str) -> None:
    signed = {**SITE, "Authorization": f"Token {tokens['tina']}"}
    answer = below.get(f"/pod/team{path}", headers=signed)
    assert answer.status_code == 200
    found = addresses(answer.text)
    assert found and all(address.startswith("/pod/") for address in found), found


def test_where_one_was_is_below_the_prefix_too(below: FlaskClient) -> None:
    page = below.get("/pod/videos/3?a=1", headers=SITE)
    assert page.location == "/pod/sign-in?next=/pod/videos/3?a%3D1"
    assert 'name="next" value="/pod/sign-in?next=x"' in below.get("/pod/sign-in?next=x", headers=SITE).text


def test_programs_get_whole_addresses_and_tus_a_path(below: FlaskClient, tokens: dict[str, str]) -> None:
    signed = {"Authorization": f"Token {tokens['léa']}", "Tus-Resumable": "1.0.0", "Upload-Length": "9"}
    made = below.post("/pod/api/v1/uploads", headers=signed)
    assert re.fullmatch(r"/pod/api/v1/uploads/[0-9a-f]{32}", made.location)
    direct = below.post("/api/v1/uploads", headers=signed)
    assert direct.location.startswith("/pod/api/v1/uploads/"), "it works under either address"
    assert below.head(direct.location, headers=signed).status_code == 200


@pytest.mark.parametrize(
    ("said", "prefix"), [("/video", "/video"), ("/a/b/", "/a/b"), ("//evil.test", ""), ("/a?b", ""), ("", "")]
)
def test_a_trusted_proxy_names_the_prefix(
    settings: Settings, tokens: dict[str, str], monkeypatch: pytest.MonkeyPatch, said: str, prefix: str
) -> None:
    for hops, expected in (("1", prefix), ("0", "")):
        monkeypatch.setenv("POD_JOBS_WEB__BEHIND_PROXY", hops)
        client = create_app(load(settings.home)).test_client()
        answer = client.get("/", headers={**SITE, "X-Forwarded-Prefix": said})
        assert answer.location == f"{expected}/sign-in"


@pytest.mark.parametrize("proof", ["Authorization", "X-API-Token"])
def test_a_pod_finds_its_runner_manager_below_the_prefix(
    below: FlaskClient, tokens: dict[str, str], proof: str
) -> None:
    """The administrator of the Pod fills in an address with a path."""
    headers = {**SITE, proof: f"Bearer {tokens['site-univ']}" if proof == "Authorization" else tokens["site-univ"]}
    for path in ("/pod/api/health", "/pod/manager/health", "/pod/api/version", "/pod/task/list"):
        assert below.get(path, headers=headers).status_code == 200, path
    refused = below.post("/pod/task/execute", json={}, headers=headers)
    assert (refused.status_code, refused.mimetype) == (422, "application/problem+json")
    assert below.get("/pod/task/status/none", headers=headers).status_code == 404
    assert below.get("/pod/api/health", headers=SITE).status_code == 401
    page = below.get("/pod/admin", headers=SITE)
    assert (page.status_code, page.location) == (302, "/pod/sign-in?next=/pod/admin")
