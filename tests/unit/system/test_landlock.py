import pytest

from pod_jobs.system import landlock


@pytest.mark.parametrize(("abi", "size"), [(1, 8), (3, 8), (4, 16), (5, 16), (6, 24), (9, 24)])
def test_a_version_gets_all_of_a_ruleset_that_it_knows(abi: int, size: int) -> None:
    """With less, a kernel would not restrict connections (from 4 on), or signals (from 6 on)."""
    assert landlock.known_bytes(abi) == size
