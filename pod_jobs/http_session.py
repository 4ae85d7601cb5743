"""How our web app, S3 servers and record stores are called: no proxy of the environment, the system's certificates."""

import requests

from pod_jobs.system.certificates import authorities


def new_session() -> requests.Session:
    """A session that ignores proxies and .netrc of the environment."""
    session = requests.Session()
    session.trust_env = False
    session.verify = authorities()
    return session
