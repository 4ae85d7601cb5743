"""How our web app, an S3 server and a record store are called: no proxy of the environment, and the certificates of the system."""

import requests

from pod_jobs.system.certificates import authorities


def new_session() -> requests.Session:
    """A session that ignores proxies and .netrc of the environment."""
    session = requests.Session()
    session.trust_env = False
    session.verify = authorities()
    return session
