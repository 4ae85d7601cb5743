"""`python -m pod_jobs.processes server|web|…` runs one line of the Procfile."""

import sys

from pod_jobs.processes import lines

if __name__ == "__main__":
    if len(sys.argv) != 2 or sys.argv[1] not in lines.NAMES:
        sys.exit(f"usage: python -m pod_jobs.processes {'|'.join(lines.NAMES)}")
    sys.exit(lines.main(sys.argv[1]))
