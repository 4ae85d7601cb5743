"""pod_jobs: encoding, captions and learning traces for university video, as RQ jobs with a web dashboard."""

__version__ = "0.1.0"
