"""Which versions of pod_jobs work together: those with the same MAJOR.MINOR number. Imports nothing of ours."""


def differ(one: str, other: str) -> bool:
    """Do workers of version `one` and a web app of version `other` not work together?"""
    return one.split(".")[:2] != other.split(".")[:2]
