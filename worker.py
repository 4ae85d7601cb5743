"""python worker.py QUEUE: the workers of one queue, as many as [workers] in settings.toml says. Ctrl-C or SIGTERM ends them."""

import sys

from pod_jobs.processes import lines
from pod_jobs.settings import QUEUES

if __name__ == "__main__":
    if len(sys.argv) != 2 or sys.argv[1] not in QUEUES:
        sys.exit(f"usage: python worker.py {'|'.join(QUEUES)}")
    sys.exit(lines.main(sys.argv[1]))
