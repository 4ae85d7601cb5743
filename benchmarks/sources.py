"""Random sources (container, codecs, sizes, rates, gaps, changes in mid-stream, tags, tracks) with random cuts, each encoded and
compared frame by frame and tone by tone with what is known of it (tests/sources.py, tests/truth.py).

wrong             results in which a moment is not seen or heard where it belongs, or something that was cut out is seen
refused_wrongly   sources that were not encoded, though nothing is wrong with them
"""

import argparse
import sys
import tempfile
from pathlib import Path
from typing import Any

from pod_jobs.errors import PermanentError
from pod_jobs.media.process.tools import find_tools
from tests.clips import builds
from tests.trials import Refused, attempt

SUMMARY = "300 random sources and cuts, each moment of the results compared with the truth"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--count", type=int, default=300, help="how many (300)")
    parser.add_argument(
        "--first", type=int, default=0, help="number of the first one; the same number is the same source (0)"
    )


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """The builds of ffmpeg of this machine take turns."""
    every = [find_tools(one, "auto") for one in builds().values()]
    numbers = range(options.first, options.first + options.count)
    wrong, refused = {}, {}
    for number in numbers:
        tools = every[number % len(every)]
        try:
            with tempfile.TemporaryDirectory(prefix="pod-jobs-bench-") as folder:
                found = attempt(number, Path(folder), tools)
        except (Refused, PermanentError) as error:
            refused[number] = f"{tools.version}: {error}"
            print(number, refused[number], file=sys.stderr)
            continue
        if found:
            wrong[number] = [tools.version, *found]
            print(number, *wrong[number], sep="\n  ", file=sys.stderr)
    versions = [one.version for one in every]
    return {"tried": len(numbers), "wrong": len(wrong), "refused_wrongly": len(refused), "ffmpeg": versions}


def table(figures: dict[str, Any]) -> str:
    return "{tried} tried, {wrong} wrong, {refused_wrongly} refused wrongly; ffmpeg {ffmpeg}".format(**figures)


def failed(figures: dict[str, Any]) -> bool:
    return bool(figures["wrong"] or figures["refused_wrongly"])
