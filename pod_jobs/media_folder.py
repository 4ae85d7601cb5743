"""What workers and the web app must agree on: names, and how often a recording is cut. Imports nothing of ours."""

import re

WEB = "web"  # the template whose outputs make a video ready; the others add downloads
LOG_NAME = "encoding.log"
MASTER_NAME = "master.m3u8"
# Of a job: its id and its folder begin with it; the catalog keeps 20 characters
KIND = re.compile(r"[a-z][a-z0-9_]{0,19}")
RUN_FOLDER = re.compile(rf"({KIND.pattern})-(\d{{1,18}})-g(\d{{1,9}})")  # kind, task, generation
FILE_NAME = re.compile(
    r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,199}"
)  # in such a folder: no other is taken into the catalog, or served
MOST_RANGES = 50  # parts to keep of a recording: each is one more opening of the source
RUNG = re.compile(r"(?!audio$)[a-z0-9]{1,16}")  # names a rendition and its files; "audio" names those of the sound


def run_folder(kind: str, task_id: int, generation: int) -> str:
    """Where one run of a task publishes, in its video's folder; see RUN_FOLDER."""
    return f"{kind}-{task_id}-g{generation}"
