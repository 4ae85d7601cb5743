"""How workers and commands call our web app, and an S3 server: no proxy, and the certificates of the system."""

import requests

from pod_jobs.system.certificates import authorities


def new_session() -> requests.Session:
    """A session that ignores proxies and .netrc of the environment."""
    session = requests.Session()
    session.trust_env = False
    session.verify = authorities()
    return session
