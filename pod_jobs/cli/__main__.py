"""`./run pod-jobs` runs `python -m pod_jobs.cli`."""

import gc

from pod_jobs.cli.root import root

if __name__ == "__main__":
    gc.freeze()  # the garbage collector need not visit imported modules, which stay to the end
    root(prog_name="pod-jobs")
