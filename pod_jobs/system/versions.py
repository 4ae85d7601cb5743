"""Which versions of pod_jobs work together: those with the same MAJOR.MINOR number. Imports nothing of ours."""


def differ(worker_version: str, web_version: str) -> bool:
    """Do workers and a web app of these versions not work together?"""
    return worker_version.split(".")[:2] != web_version.split(".")[:2]
