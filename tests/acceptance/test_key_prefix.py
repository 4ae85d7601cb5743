"""A whole instance whose keys have a prefix, in a database that another program uses too."""

import json
import subprocess
import sys
from pathlib import Path

from redis import Redis

from pod_jobs.settings import ROOT
from tests.acceptance.instance import Instance, running
from tests.acceptance.site import make_clip
from tests.servers import KeyValueServer, short_folder

RIGHTS = "ACL SETUSER pod_jobs on >word ~univ:* &univ:* +@all -@admin -@dangerous +info +client|list"


def command(instance: Instance, *words: str) -> str:
    """What `pod-jobs` prints; it must succeed."""
    arguments = [sys.executable, "-m", "pod_jobs.cli", words[0], "--home", str(instance.home), *words[1:]]
    done = subprocess.run(arguments, cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_nothing_is_written_without_the_prefix(tmp_path: Path) -> None:
    with short_folder() as folder:
        server = KeyValueServer(folder)
        server.start()
        url = f"{server.url.replace('unix://', 'unix://pod_jobs:word@')}"
        settings = f'[redis]\nurl = "{url}"\nprefix = "univ"\n[web]\nprocesses = 1\n'

        def prepare(home: Path) -> None:
            home.mkdir()
            (home / "settings.toml").write_text(settings)

        try:
            with Redis.from_url(server.url) as redis:
                redis.execute_command(*RIGHTS.split())
                redis.set("rq:queue:encoding", "of another program")
                with running("prefixed", prepare) as instance:
                    clip = make_clip(tmp_path / "clip.mp4", seconds=2)
                    (done,) = command(instance, "submit", str(clip), "--wait", "--json").splitlines()
                    assert json.loads(done)["state"] == "ready"
                    assert "encoding" in command(instance, "rq", "info", "--raw")
                    command(instance, "drain", "--all", "--wait")
                    command(instance, "resume", "--all")
                    findings = json.loads(command(instance, "doctor", "--json"))
                    assert {one["check"] for one in findings if one["state"] == "fault"} <= {"free space"}
                keys = {key.decode() for key in redis.keys()}
                assert redis.acl_log() == []
        finally:
            server.stop()
    assert {key for key in keys if not key.startswith(("univ:rq:", "univ:pod_jobs:"))} == {"rq:queue:encoding"}
    assert len(keys) > 5
