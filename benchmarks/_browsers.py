"""The browsers of ./run bench player, with the few things that its viewers do. Both are driven by protocols of their own: those
of playwright keep hidden tabs visible, and need a Firefox of playwright's.
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
from http.cookiejar import Cookie
from pathlib import Path
from typing import Any, Protocol

import requests
from playwright.sync_api import Browser, sync_playwright

from benchmarks._instance import free_port, wait_for
from tests.acceptance.browser import ARGUMENTS, BUILDS
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


class _Devtools:
    """Chromium's own protocol, in messages to single tabs. Playwright starts the browser, but would keep each of its own pages
    visible."""

    def __init__(self, browser: Browser) -> None:
        self._cdp = browser.new_browser_cdp_session()
        self._answers: dict[int, dict[str, Any]] = {}
        self._number = 0
        self._cdp.on("Target.receivedMessageFromTarget", self._hear)
        self.of_browser = self._cdp.send

    def _hear(self, said: dict[str, Any]) -> None:
        answer = json.loads(said["message"])
        if "id" in answer:
            self._answers[answer["id"]] = answer

    def __call__(self, session: str, method: str, **parameters: object) -> Any:
        self._number += 1
        number = self._number
        message = json.dumps({"id": number, "method": method, "params": parameters})
        self.of_browser("Target.sendMessageToTarget", {"sessionId": session, "message": message})

        def answered() -> bool:
            self.of_browser("Target.getTargets")  # answers are heard meanwhile
            return number in self._answers

        wait_for(answered, ANSWER_S, method)
        answer = self._answers.pop(number)
        if "error" in answer:
            raise RuntimeError(f"{method}: {answer['error']['message']}")
        return answer["result"]


class _ChromiumTab:
    def __init__(self, devtools: _Devtools, base: str) -> None:
        self._devtools, self._base = devtools, base
        self._target = devtools.of_browser("Target.createTarget", {"url": "about:blank"})["targetId"]
        attach = {"targetId": self._target, "flatten": False}
        self._session = devtools.of_browser("Target.attachToTarget", attach)["sessionId"]

    def goto(self, path: str) -> None:
        self._devtools(self._session, "Page.navigate", url=path if ":" in path else self._base + path)
        wait_for(lambda: self.do("return document.readyState") == "complete", ANSWER_S, path)

    def go_back(self) -> None:
        self.do("history.back()")

    def reload(self) -> None:
        self.do("window.isOld = true")
        self._devtools(self._session, "Page.reload")
        wait_for(lambda: not self.do("return window.isOld"), ANSWER_S, "the page is loaded again")

    def close(self) -> None:
        if self._target:
            self._devtools.of_browser("Target.closeTarget", {"targetId": self._target})
            self._target = ""

    def bring_to_front(self) -> None:
        self._devtools.of_browser("Target.activateTarget", {"targetId": self._target})

    def do(self, code: str, arg: object = None) -> Any:
        call = f"(arg => {{ {code} }})({json.dumps(arg)})"
        answer = self._devtools(self._session, "Runtime.evaluate", expression=call, returnByValue=True)
        if "exceptionDetails" in answer:
            raise RuntimeError(f"{code}: {answer['exceptionDetails']}")
        return answer["result"].get("value")


@contextmanager
def chromium(site: Site) -> Iterator[Visit]:
    """One Chromium for all visits, with windows: in the build without them no tab is ever hidden."""
    as_root = ["--no-sandbox"] if os.geteuid() == 0 else []
    usual = ["--disable-background-timer-throttling", "--disable-renderer-backgrounding"]  # hidden tabs are to be slow
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=str(BUILDS[-1]), args=[*ARGUMENTS, "--headless=new", *as_root], ignore_default_args=usual
        )
        devtools = _Devtools(browser)
        cookies = [{"name": cookie.name, "value": cookie.value, "url": site.url} for cookie in _cookies(site)]
        devtools.of_browser("Storage.setCookies", {"cookies": cookies})
        yield partial(_chromium_visit, devtools, site)
        browser.close()


@contextmanager
def _chromium_visit(devtools: _Devtools, site: Site) -> Iterator[tuple[Tab, Tab]]:
    other = _ChromiumTab(devtools, site.url)
    tab = _ChromiumTab(devtools, site.url)
    tab.bring_to_front()
    yield tab, other
    tab.close()
    other.close()


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
    connection("WebDriver:Navigate", url=f"{site.url}/sign-in")
    for cookie in _cookies(site):
        connection("WebDriver:AddCookie", cookie={"name": cookie.name, "value": cookie.value, "path": cookie.path})


def _cookies(site: Site) -> list[Cookie]:
    """The cookies of a signed-in person: the form takes a browser a second."""
    with requests.Session() as session:
        page = session.get(f"{site.url}/sign-in", timeout=ANSWER_S).text
        token = page.partition('name="csrf_token" value="')[2].partition('"')[0]
        form = {"csrf_token": token, "name": "admin", "password": PASSWORD}
        session.post(f"{site.url}/sign-in", data=form, timeout=ANSWER_S, allow_redirects=False).raise_for_status()
        return [*session.cookies]


def _listens(port: int) -> bool:
    with socket.socket() as line:
        return line.connect_ex(("127.0.0.1", port)) == 0


BROWSERS: dict[str, Callable[[Site], AbstractContextManager[Visit]]] = {"chromium": chromium, "firefox": firefox}
