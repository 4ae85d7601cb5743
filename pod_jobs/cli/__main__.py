"""python -m pod_jobs.cli, which `./run pod-jobs` runs."""

from pod_jobs.cli.root import root

if __name__ == "__main__":
    root(prog_name="pod-jobs")
