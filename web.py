"""python web.py: the web app under gunicorn, by [web] of settings.toml. Ctrl-C or SIGTERM ends it."""

import sys

from pod_jobs.processes import lines

if __name__ == "__main__":
    sys.exit(lines.main("web"))
