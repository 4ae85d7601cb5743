"""The janitor: the only process that cleans RQ's registries, and the one that holds the catalog and RQ together.

It runs on the web host, for it needs the database. A second one waits until the first one's lock is free.
Each duty is a module; `rounds.py` says which runs when.
"""

from pod_jobs.janitor.rounds import run

__all__ = ["run"]
