"""The janitor: the only process that cleans RQ's registries, and the one that keeps the catalog and RQ in agreement.

It runs on the web host, because it needs the database. A second janitor waits until the first one's lock is free.
Each duty is a module; `rounds.py` says when each of them runs.
"""

from pod_jobs.janitor.rounds import run

__all__ = ["run"]
