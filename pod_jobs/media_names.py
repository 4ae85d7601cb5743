"""Names in the media folder that workers write and the web app reads. Imports nothing of ours."""

LOG_NAME = "encoding.log"
MASTER_NAME = "master.m3u8"


def run_folder(kind: str, task_id: int, generation: int) -> str:
    """Where one run of a task publishes, in its video's folder."""
    return f"{kind}-{task_id}-g{generation}"
