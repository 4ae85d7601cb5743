"""How long a search in what is said takes, on each database, with as many captions as a university has after some years.

The captions are made of the words of a small vocabulary, of which few are frequent and most are rare, as in speech. Each question
is asked as a member of the video team, who may see everything, and as one of a hundred lecturers. The processor time of this
process and of the database's server tells how long it takes on a machine that does nothing else.
"""

import argparse
import os
import random
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks._usage import cpu_s
from pod_jobs.captions.cues import Cue
from pod_jobs.catalog import database
from pod_jobs.catalog.caption_models import CaptionTrack
from pod_jobs.catalog.database import transaction
from pod_jobs.catalog.models import User, Video
from pod_jobs.catalog.store import caption_index, caption_search, users
from tests import servers

SUMMARY = "a search in what is said, among 600,000 captions on SQLite, PostgreSQL and MariaDB: seconds, 95th percentile"
MOST_P95_MS = 20.0
OWNERS = 100
CUES_A_VIDEO = 300  # an hour, 12 s each
CUE_S = 12.0
WORDS_A_CUE = 9
QUESTIONS = ("eleve", "coeur", "osmose", "de", '"la membrane de la cellule"')
FREQUENT = "de la le et les des en un une que est pour dans qui sur pas plus par avec on".split()
PLANTED = {"élève": 0.001, "cœur": 0.0005, "osmose": 0.0001}  # share of the words
RARE_WORDS = 20_000
PHRASE_EVERY = 500  # cues: "… la membrane de" and "la cellule …" stand in two that follow each other


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--cues", type=int, default=600_000, help="captions in the database (600000)")
    parser.add_argument("--asked", type=int, default=40, help="how often each question is asked as each person (40)")
    parser.add_argument("--databases", nargs="*", default=list(DATABASES), choices=list(DATABASES))


def measure(options: argparse.Namespace) -> dict[str, Any]:
    figures: dict[str, Any] = {"cues": options.cues, "databases": {}}
    for name in options.databases:
        with DATABASES[name]() as url:
            figures["databases"][name] = _one(url, options)
            print(f"{name}: {figures['databases'][name]}", file=sys.stderr)
    return figures


def failed(figures: dict[str, Any]) -> bool:
    return any(found["p95_ms"] > MOST_P95_MS for found in figures["databases"].values())


def table(figures: dict[str, Any]) -> str:
    lines = [f"{figures['cues']} captions; milliseconds, 95th percentile (median)"]
    for name, found in figures["databases"].items():
        asked = ", ".join(f"{question} {ms:.1f}" for question, ms in found["p95_ms_by_question"].items())
        times = f"{found['p95_ms']:7.1f} ({found['p50_ms']:.1f}), processor {found['cpu_ms']:.1f}"
        lines.append(f"{name:12} {times}   ({asked}); filled in {found['fill_s']:.0f} s")
    return "\n".join(lines)


@contextmanager
def _sqlite() -> Iterator[str]:
    with tempfile.TemporaryDirectory(prefix="pod-jobs-bench-") as folder:
        yield f"sqlite:///{Path(folder) / 'catalog.db'}"


DATABASES: dict[str, Callable[[], AbstractContextManager[str]]] = {
    "sqlite": _sqlite,
    "postgresql": servers.postgresql,
    "mariadb": servers.mariadb,
}


def _one(url: str, options: argparse.Namespace) -> dict[str, Any]:
    catalog = database.connect(url)
    with catalog.connection_context():
        database.migrate(catalog)
        began = time.monotonic()
        people = _fill(options.cues)
        filled_s = time.monotonic() - began
        before = cpu_s(os.getpid())
        taken = {question: _ask(question, people, options.asked) for question in QUESTIONS}
        used_s = cpu_s(os.getpid()) - before
    everything = sorted(ms for of_one in taken.values() for ms in of_one)
    return {
        "p95_ms": round(_p95(everything), 2),
        "p50_ms": round(median(everything), 2),
        "cpu_ms": round(used_s * 1000 / len(everything), 2),
        "p95_ms_by_question": {question: round(_p95(sorted(ms)), 2) for question, ms in taken.items()},
        "fill_s": round(filled_s, 1),
    }


def _fill(cues: int) -> list[User]:
    chance, now = random.Random(1), datetime.now(UTC)
    words = _vocabulary(chance)
    people = [users.create(f"lecturer{number}", "lecturer", "", now) for number in range(OWNERS)]
    for number in range(-(-cues // CUES_A_VIDEO)):
        owner = people[number % OWNERS]
        facts = {"source_name": "a.mp4", "source_path": "", "source_bytes": 1, "created_at": now}
        about = {"language": "fr", "origin": "speech", "state": "automatic", "version": 1}
        with transaction():
            video = Video.create(owner=owner, title=f"Cours {number}", **facts)
            track = CaptionTrack.create(video=video, created_at=now, updated_at=now, **about)
            caption_index.index(track, _cues(words, chance, min(CUES_A_VIDEO, cues - number * CUES_A_VIDEO)))
        if number % 200 == 0:
            print(f"{number * CUES_A_VIDEO} captions", file=sys.stderr)
    return people


def _vocabulary(chance: random.Random) -> tuple[list[str], list[float]]:
    """Words and their weights: half of the spoken words are frequent ones."""
    syllables = [a + b for a in "bcdfglmnprstv" for b in ("a", "e", "i", "o", "u", "é", "on", "ai")]
    rare = ["".join(chance.choices(syllables, k=chance.randint(2, 4))) for _ in range(RARE_WORDS)]
    weights = [0.5 / len(FREQUENT)] * len(FREQUENT) + list(PLANTED.values())
    tail = [1 / (rank + 20) for rank in range(RARE_WORDS)]
    return [*FREQUENT, *PLANTED, *rare], [*weights, *(0.5 * one / sum(tail) for one in tail)]


def _cues(vocabulary: tuple[list[str], list[float]], chance: random.Random, count: int) -> list[Cue]:
    said = chance.choices(vocabulary[0], vocabulary[1], k=count * WORDS_A_CUE)
    texts = [" ".join(said[at : at + WORDS_A_CUE]) for at in range(0, len(said), WORDS_A_CUE)]
    for at in range(chance.randrange(PHRASE_EVERY), count - 1, PHRASE_EVERY):
        texts[at], texts[at + 1] = f"{texts[at]} la membrane de", f"la cellule {texts[at + 1]}"
    return [Cue(number * CUE_S, number * CUE_S + CUE_S - 0.1, text) for number, text in enumerate(texts)]


def _ask(question: str, people: list[User], times: int) -> list[float]:
    """Milliseconds of each answer. The first one, which reads the index from the disk, does not count."""
    taken = []
    for owner in [None, *[person for number in range(times) for person in (None, people[number % OWNERS])]]:
        began = time.perf_counter()
        found = caption_search.search(question, owner)
        taken.append((time.perf_counter() - began) * 1000)
        if owner is None and not found:
            raise RuntimeError(f"{question}: nothing was found")
    return taken[1:]


def _p95(ordered: list[float]) -> float:
    return ordered[min(len(ordered) - 1, int(len(ordered) * 0.95))]
