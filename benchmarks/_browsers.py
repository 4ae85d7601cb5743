"""The browsers of ./run bench player, with the few things that its viewers do. Chromium is driven by playwright. Debian's
Firefox is driven by its own protocol, Marionette, because playwright needs a Firefox of its own.
"""

import json
import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from pathlib import Path
from typing import Any, Protocol

import requests
from playwright.sync_api import Browser, Page

from benchmarks._instance import free_port, wait_for
from tests.acceptance.browser import sign_in, started, visitor
from tests.acceptance.site import PASSWORD, Site

ANSWER_S = 60
PREFERENCES = {
    "media.autoplay.default": 0,
    "media.autoplay.blocking_policy": 0,
    "marionette.port": 0,
    "browser.shell.checkDefaultBrowser": False,
    "datareporting.policy.dataSubmissionEnabled": False,
    "toolkit.telemetry.reportingpolicy.firstRun": False,
    "app.update.enabled": False,
    "network.captive-portal-service.enabled": False,
    "network.connectivity-service.enabled": False,
}


class Tab(Protocol):
    """A tab of a signed-in person."""

    def goto(self, path: str) -> None: ...
    def go_back(self) -> None: ...
    def reload(self) -> None: ...
    def close(self) -> None: ...
    def bring_to_front(self) -> None: ...

    def do(self, code: str, arg: object = None) -> Any:
        """Run the body of a function with the parameter `arg` in the page. Returns what it returns."""


Visit = Callable[[], AbstractContextManager[tuple[Tab, Tab]]]  # two new tabs of one window


class _ChromiumTab:
    def __init__(self, page: Page) -> None:
        self._page = page
        self.go_back, self.reload, self.close = page.go_back, page.reload, page.close
        self.goto, self.bring_to_front = page.goto, page.bring_to_front

    def do(self, code: str, arg: object = None) -> Any:
        return self._page.evaluate(f"arg => {{ {code} }}", arg)


@contextmanager
def chromium(site: Site) -> Iterator[Visit]:
    with started() as browser:
        yield partial(_chromium_visit, browser, site)


@contextmanager
def _chromium_visit(browser: Browser, site: Site) -> Iterator[tuple[Tab, Tab]]:
    with visitor(browser, site) as (context, page, _faults):
        sign_in(page)
        yield _ChromiumTab(page), _ChromiumTab(context.new_page())  # type: ignore[misc]  # its methods have more parameters


class _Marionette:
    """The connection to a Firefox: numbered commands as JSON, each after its length."""

    def __init__(self, port: int) -> None:
        self._line = socket.create_connection(("127.0.0.1", port), ANSWER_S)
        self._stream = self._line.makefile("rb")
        self._number = 0
        self._read()
        self.tab = ""
        self("WebDriver:NewSession", strictFileInteractability=True)

    def __call__(self, command: str, **parameters: object) -> Any:
        self._number += 1
        said = json.dumps([0, self._number, command, parameters]).encode()
        self._line.sendall(f"{len(said)}:".encode() + said)
        _, number, error, answer = self._read()
        if number != self._number or error:
            raise RuntimeError(f"{command}: {error}")
        return answer.get("value", answer) if isinstance(answer, dict) else answer

    def _read(self) -> Any:
        length = b""
        while (one := self._stream.read(1)) != b":":
            length += one
        return json.loads(self._stream.read(int(length)))

    def close(self) -> None:
        self._stream.close()
        self._line.close()


class _FirefoxTab:
    def __init__(self, firefox: _Marionette, base: str, handle: str) -> None:
        self._firefox, self._base, self._handle = firefox, base, handle

    def goto(self, path: str) -> None:
        self._ask("WebDriver:Navigate", url=path if ":" in path else self._base + path)

    def go_back(self) -> None:
        self._ask("WebDriver:Back")

    def reload(self) -> None:
        self._ask("WebDriver:Refresh")

    def close(self) -> None:
        if self._handle:
            self._ask("WebDriver:CloseWindow")
            self._handle = self._firefox.tab = ""

    def bring_to_front(self) -> None:
        self._firefox("WebDriver:SwitchToWindow", handle=self._handle, focus=True)
        self._firefox.tab = self._handle

    def do(self, code: str, arg: object = None) -> Any:
        return self._ask("WebDriver:ExecuteScript", script=f"const arg = arguments[0]; {code}", args=[arg])

    def _ask(self, command: str, **parameters: object) -> Any:
        if self._firefox.tab != self._handle:
            self._firefox("WebDriver:SwitchToWindow", handle=self._handle, focus=False)
            self._firefox.tab = self._handle
        return self._firefox(command, **parameters)


@contextmanager
def firefox(site: Site) -> Iterator[Visit]:
    """One Firefox for all visits: each has tabs of its own, and so an attempt of its own."""
    program = shutil.which("firefox-esr") or shutil.which("firefox")
    if program is None:
        raise RuntimeError("there is no Firefox: apt-get install firefox-esr")
    port = free_port()
    with tempfile.TemporaryDirectory(prefix="pod-jobs-firefox-", ignore_cleanup_errors=True) as profile:
        lines = [
            f"user_pref({json.dumps(k)}, {json.dumps(v)});" for k, v in {**PREFERENCES, "marionette.port": port}.items()
        ]
        (Path(profile) / "user.js").write_text("\n".join(lines))
        argv = [program, "--headless", "--marionette", "--no-remote", "--profile", profile]
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        process = subprocess.Popen(argv, env={**os.environ, "HOME": profile}, **quiet)  # type: ignore[call-overload]
        try:
            wait_for(lambda: _listens(port), 60, "Firefox listens")
            connection = _Marionette(port)
            try:
                _sign_in(connection, site)
                yield partial(_firefox_visit, connection, site)
            finally:
                connection.close()
        finally:
            process.terminate()
            process.wait(30)


@contextmanager
def _firefox_visit(connection: _Marionette, site: Site) -> Iterator[tuple[Tab, Tab]]:
    other = _FirefoxTab(connection, site.url, connection("WebDriver:GetWindowHandles")[0])
    other.bring_to_front()
    tab = _FirefoxTab(connection, site.url, connection("WebDriver:NewWindow", type="tab", focus=True)["handle"])
    tab.bring_to_front()
    yield tab, other
    tab.close()
    other.bring_to_front()


def _sign_in(connection: _Marionette, site: Site) -> None:
    """Sign in without the form, and give Firefox the cookie."""
    with requests.Session() as session:
        page = session.get(f"{site.url}/sign-in", timeout=ANSWER_S).text
        token = page.partition('name="csrf_token" value="')[2].partition('"')[0]
        form = {"csrf_token": token, "name": "admin", "password": PASSWORD}
        session.post(f"{site.url}/sign-in", data=form, timeout=ANSWER_S, allow_redirects=False).raise_for_status()
        connection("WebDriver:Navigate", url=f"{site.url}/sign-in")
        for cookie in session.cookies:
            connection("WebDriver:AddCookie", cookie={"name": cookie.name, "value": cookie.value, "path": cookie.path})


def _listens(port: int) -> bool:
    with socket.socket() as line:
        return line.connect_ex(("127.0.0.1", port)) == 0


BROWSERS: dict[str, Callable[[Site], AbstractContextManager[Visit]]] = {"chromium": chromium, "firefox": firefox}
