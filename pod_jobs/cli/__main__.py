"""python -m pod_jobs.cli, which `./run pod-jobs` runs."""

import gc

from pod_jobs.cli.root import root

if __name__ == "__main__":
    gc.freeze()  # what is imported lives to the end, which need not look through it
    root(prog_name="pod-jobs")
