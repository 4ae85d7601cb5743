"""A real S3 server for tests: rclone's, from a package of the tests. It checks signatures and their expiry."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import requests

from pod_jobs.storage.bucket import Bucket
from pod_jobs.storage.signed_links import S3Place
from tests.servers import free_port, need, wait_until

ACCESS_KEY, SECRET_KEY, BUCKET = "key-of-the-tests", "secret of the S3 server of the tests", "hand-over"


class S3Server:
    """`rclone serve s3` on a free port, with an empty bucket in `folder`; can be stopped and started again."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / BUCKET
        self.folder.mkdir(parents=True)
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        program = shutil.which("rclone", path=str(Path(sys.executable).parent))
        need(program, "rclone")
        self._arguments = [str(program), "serve", "s3", str(folder), "--addr", f"127.0.0.1:{port}", "--config", ""]
        self._arguments += ["--auth-key", f"{ACCESS_KEY},{SECRET_KEY}"]
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def place(self) -> S3Place:
        return S3Place(self.url, "us-east-1", BUCKET, ACCESS_KEY, SECRET_KEY)

    def bucket(self, prefix: str = "pod_jobs/") -> Bucket:
        return Bucket(self.place, prefix, 900)

    @property
    def settings(self) -> str:
        """[s3] as the web host has it, without the secret key."""
        names = f'endpoint = "{self.url}"\nbucket = "{BUCKET}"\naccess_key = "{ACCESS_KEY}"\n'
        return f"[s3]\n{names}"

    def start(self) -> None:
        self.process = subprocess.Popen(self._arguments, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_until(self.answers, 20, "the S3 server answers")

    def answers(self) -> bool:
        try:
            return requests.get(self.url, timeout=2).status_code > 0
        except requests.RequestException:
            return False

    def stop(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait(10)
            self.process = None

    def objects(self, begin: str = "") -> list[Path]:
        """The files of objects whose keys begin like that, after the prefix."""
        top = self.folder / "pod_jobs"
        # not rglob: a folder may go while it is listed
        files = (Path(folder, name) for folder, _, names in os.walk(top) for name in names)
        return sorted(path for path in files if str(path.relative_to(top)).startswith(begin))
