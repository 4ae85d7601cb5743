"""The Celery bridge: takes what an unmodified Esup-Pod 4.1 puts on its broker, and makes our tasks of it.

It needs the database, and so runs on the web host; several bridges at once are fine. A message leaves the broker only after the
commit of what it asks for, under its own id, whatever dies in between (celery/broker.py). What cannot be carried out is
kept aside there, and becomes a failed task, which the team sees among the errors.
"""

from pod_jobs.bridge.rounds import run

__all__ = ["run"]
