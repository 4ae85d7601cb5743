"""One Procfile line of the dispatch measurement: the real line, whose encodes do nothing."""

import sys
from typing import Any

from pod_jobs.jobs import encode as encode_job
from pod_jobs.media.encode import Encoded
from pod_jobs.processes import lines


def nothing(*_: Any) -> Encoded:
    return Encoded((), 1.0, True, {}, (), 0.0, 0.0, 0.0, 0.0, ())


if __name__ == "__main__":
    vars(encode_job).update(encode=nothing)
    sys.exit(lines.main(sys.argv[1]))
