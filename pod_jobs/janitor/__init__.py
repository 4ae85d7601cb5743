"""The janitor: the only process that cleans RQ's registries, and the one that holds the catalog and RQ together.

It runs on the web host because it needs the database. A second janitor waits until the lock of the first is free.
Each duty is a module; `rounds.py` says which runs when.
"""

from pod_jobs.janitor.rounds import run

__all__ = ["run"]
