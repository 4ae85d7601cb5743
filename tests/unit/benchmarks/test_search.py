"""Which figures of ./run bench search count as met."""

from typing import Any

import pytest

from benchmarks.search import failed


@pytest.mark.parametrize(("p95_ms", "expected"), [((5.1, 18.6, 20.0), False), ((5.1, 20.1, 9.5), True)])
def test_each_database_has_to_be_quick(p95_ms: tuple[float, ...], expected: bool) -> None:
    figures: dict[str, Any] = {"databases": {str(number): {"p95_ms": ms} for number, ms in enumerate(p95_ms)}}
    assert failed(figures) is expected
