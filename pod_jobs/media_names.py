"""Names that workers and the web app must agree on. Imports nothing of ours."""

WEB = "web"  # the template whose outputs make a video ready; the others add downloads
LOG_NAME = "encoding.log"
MASTER_NAME = "master.m3u8"


def run_folder(kind: str, task_id: int, generation: int) -> str:
    """Where one run of a task publishes, in its video's folder."""
    return f"{kind}-{task_id}-g{generation}"
