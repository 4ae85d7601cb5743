"""The web app on its real server, for tests: python -m tests.integration.web.served [hasty]."""

import logging
import sys

from pod_jobs.processes.web_server import WebServer
from pod_jobs.settings import load
from pod_jobs.web.guards import slow_clients
from pod_jobs.web.guards.slow_clients import Pace

if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO)
    if "hasty" in sys.argv:  # a test cannot wait as long as a lecturer's train stays in a tunnel
        slow_clients.HEAD = Pace(1, 1, float("inf"))
        slow_clients.SMALL_BODY = Pace(1, 1, 20_000)
        slow_clients.UPLOAD = Pace(1, 2, 50_000)
    WebServer(load()).run()
