"""People who have their list of videos open, whose page asks again and again. They are a process of their own
(python -m benchmarks._viewers, started by `watching`), so that what they cost is little and is not taken for the server's.

They ask as static/js/shared/api.js does in a page with an open task: each on a connection that is kept, with the cookie of a
session and the ETag of the last answer, EVERY_S after that answer came. Every answer is checked.
"""

import asyncio
import json
import re
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

EVERY_S = 2.0
ANSWER_S = 30.0
REQUEST = (  # with the headers of Chromium
    "GET /api/v1/videos?limit=50 HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: keep-alive\r\nPragma: no-cache\r\n"
    'Cache-Control: no-cache\r\nsec-ch-ua-platform: "Linux"\r\nsec-ch-ua: "Chromium";v="140", "Not=A?Brand";v="24"\r\n'
    "User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36\r\n"
    "sec-ch-ua-mobile: ?0\r\nAccept: application/json\r\nSec-Fetch-Site: same-origin\r\nSec-Fetch-Mode: cors\r\n"
    "Sec-Fetch-Dest: empty\r\nReferer: http://127.0.0.1:{port}/\r\nAccept-Encoding: gzip, deflate, br, zstd\r\n"
    "Accept-Language: fr-FR,fr;q=0.9\r\nCookie: {cookie}\r\n"
)
ETAG, LENGTH = (re.compile(rb"\r\n%b: *([^\r]+)\r\n" % name, re.IGNORECASE) for name in (b"etag", b"content-length"))


@contextmanager
def watching(port: int, cookies: Sequence[str], every_s: float = EVERY_S) -> Iterator[dict[str, Any]]:
    """One viewer for each cookie while the block runs, which begins when each has got an answer that changed nothing. After the
    block, the dict that it was given says of the polls in it: {"polls", "unchanged", "p95_ms", "cpu_s"}; the last one is the
    viewers' own processor time. Errors: RuntimeError when one of them got a wrong answer."""
    plan, said = {"port": port, "cookies": cookies, "every_s": every_s}, dict[str, Any]()
    with subprocess.Popen(
        [sys.executable, "-m", "benchmarks._viewers"],
        cwd=Path(__file__).parent.parent,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdin and process.stdout  # for the type checker
        try:
            process.stdin.write(json.dumps(plan) + "\n")
            process.stdin.flush()
            are_there = process.stdout.readline()
            if are_there:
                yield said
            process.stdin.close()
            words = process.stdout.read()
            if process.wait(ANSWER_S) or not are_there:
                raise RuntimeError("a viewer got a wrong answer, which is shown above")
            said |= json.loads(words)
        finally:
            process.kill()


class Viewers:
    def __init__(self, port: int, cookies: Sequence[str], every_s: float) -> None:
        self.port, self.cookies, self.every_s = port, cookies, every_s
        self.up_to_date: set[str] = set()
        self.unchanged = 0
        self.took_s: list[float] = []

    async def watch(self) -> dict[str, Any]:
        """Until standard input ends."""
        async with asyncio.TaskGroup() as group:
            pause_s = self.every_s / len(self.cookies)
            tasks = [group.create_task(self._view(one, at * pause_s)) for at, one in enumerate(self.cookies)]
            while len(self.up_to_date) < len(self.cookies):
                await asyncio.sleep(0.1)
            self.unchanged, self.took_s, cpu_s = 0, [], time.process_time()
            print("they are there", flush=True)
            await asyncio.to_thread(sys.stdin.read)
            for task in tasks:
                task.cancel()
        took_s = sorted(self.took_s) or [0.0]
        return {
            "polls": len(self.took_s),
            "unchanged": self.unchanged,
            "p95_ms": round(1000 * took_s[int(len(took_s) * 0.95)], 1),
            "cpu_s": round(time.process_time() - cpu_s, 2),
        }

    async def _view(self, cookie: str, after_s: float) -> None:
        await asyncio.sleep(after_s)
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        head, etag = REQUEST.format(port=self.port, cookie=cookie).encode(), b""
        while True:
            began = time.monotonic()
            writer.write(head + (b"If-None-Match: " + etag + b"\r\n\r\n" if etag else b"\r\n"))
            async with asyncio.timeout(ANSWER_S):
                known, etag = etag, await _answer(reader, etag)
            self.took_s.append(time.monotonic() - began)
            if etag == known:
                self.unchanged += 1
                self.up_to_date.add(cookie)
            await asyncio.sleep(self.every_s)


async def _answer(reader: asyncio.StreamReader, known: bytes) -> bytes:
    """The ETag of the answer: `known` if nothing has changed. Errors: ValueError for an answer of which a page could make
    nothing."""
    head = await reader.readuntil(b"\r\n\r\n")
    status, etag, length = head.split(b" ", 2)[1], ETAG.search(head), LENGTH.search(head)
    if etag and status == b"304" and etag[1] == known:
        return known
    if not (etag and length and status == b"200" and etag[1] != known):
        raise ValueError(head)
    json.loads(await reader.readexactly(int(length[1])))
    return etag[1]


if __name__ == "__main__":
    print(json.dumps(asyncio.run(Viewers(**json.loads(sys.stdin.readline())).watch())))
