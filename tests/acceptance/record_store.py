"""A record store on a host of its own, in a process of its own: python -m tests.acceptance.record_store ADDRESS PORT FILE.

It keeps each statement as a line of FILE, in the order in which they came, before it answers.
"""

import json
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit


class Answering(BaseHTTPRequestHandler):
    file: Path

    def do_POST(self) -> None:
        said = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        statements = said if isinstance(said, list) else [said]
        with self.file.open("a", encoding="utf-8") as file:
            file.writelines(json.dumps(one, sort_keys=True) + "\n" for one in statements)
        self.answer(200, [one["id"] for one in statements])

    def do_GET(self) -> None:
        """A worker asks whether a statement arrived when it got no answer."""
        (wanted,) = parse_qs(urlsplit(self.path).query).get("statementId", [""])
        lines = self.file.read_text(encoding="utf-8").splitlines() if self.file.exists() else []
        found = next((one for one in map(json.loads, lines) if one["id"] == wanted), None)
        self.answer(200 if found else 404, found or {})

    def answer(self, status: int, value: object) -> None:
        body = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("X-Experience-API-Version", "1.0.3")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: object) -> None: ...


if __name__ == "__main__":
    Answering.file = Path(sys.argv[3])
    ThreadingHTTPServer((sys.argv[1], int(sys.argv[2])), Answering).serve_forever()
