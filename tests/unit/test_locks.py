"""The lock files: whoever installs from them in a year gets what was tested, and it fits together."""

import re
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).parents[2]
LOCKS = sorted(path.name for path in ROOT.glob("requirements*.lock"))
AN_ENTRY = re.compile(r"[a-z0-9][a-z0-9._-]*(\[[a-z,-]+\])?==[0-9][\w.+!]*( ; .*)?( --hash=sha256:[0-9a-f]{64})+")


def entries(lock: str) -> list[str]:
    """Each requirement with its hashes on one line."""
    text = re.sub(r" *\\\n *", " ", (ROOT / lock).read_text())
    return [line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]


@pytest.mark.parametrize("lock", LOCKS)
def test_each_package_is_pinned_by_version_and_sum(lock: str) -> None:
    assert [line for line in entries(lock) if not AN_ENTRY.fullmatch(line)] == [] and entries(lock)


def test_what_is_installed_fits_together() -> None:
    """D5: what Pod 4.1 tells to install leaves one package open, whose newest version does not fit to the others."""
    faults, looked_at = [], 0
    for line in entries("requirements.lock"):
        one = Requirement(line.split(" --hash")[0])
        if one.marker is not None and not one.marker.evaluate():
            continue
        looked_at += 1
        for text in metadata.requires(one.name) or ():
            needed = Requirement(text)
            if needed.marker is None or needed.marker.evaluate({"extra": ""}):
                version = metadata.version(needed.name)
                if not needed.specifier.contains(version, prereleases=True):
                    faults.append(f"{one.name} needs {needed}, and {version} is there")
    assert faults == [] and looked_at > 20
