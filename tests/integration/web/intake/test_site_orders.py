"""The most that an order of a site may hold."""

from typing import Any

import pytest

from pod_jobs.errors import Malformed
from pod_jobs.system.json_depth import MOST_DEPTH, depth_of
from pod_jobs.web.intake.site_orders import LONGEST, MOST_PARAMETERS, _read

ORDER = {
    "etab_name": "Univ",
    "app_name": "Esup-Pod",
    "app_version": "4.2",
    "task_type": "encoding",
    "source_url": "https://pod.example/a.mp4",
}


def nested(levels: int) -> Any:
    return [nested(levels - 1)] if levels > 1 else []


def of_size(size: int) -> dict[str, str]:
    return {"é": "x" * (size - len('{"é": ""}'.encode()))}


@pytest.mark.parametrize(
    ("most", "too_much"),
    [
        ({"source_url": "x" * LONGEST}, {"source_url": "x" * (LONGEST + 1)}),
        ({"affiliation": "é" * LONGEST}, {"affiliation": "é" * (LONGEST + 1)}),
        ({"affiliation": None}, {"affiliation": "\0"}),
        ({"affiliation": ""}, {"affiliation": "\ud800"}),
        ({"parameters": of_size(MOST_PARAMETERS)}, {"parameters": of_size(MOST_PARAMETERS + 1)}),
        ({"parameters": {"a": nested(MOST_DEPTH - 1)}}, {"parameters": {"a": nested(MOST_DEPTH)}}),
    ],
)
def test_the_most_is_taken_and_no_more(most: dict[str, Any], too_much: dict[str, Any]) -> None:
    assert _read(ORDER | most)["parameters"] == most.get("parameters", {})
    with pytest.raises(Malformed):
        _read(ORDER | too_much)


def test_depth() -> None:
    values: list[Any] = [1, "[]", [], {}, [{}], {"a": [1, {"b": ()}]}, nested(300)]
    assert [depth_of(value) for value in values] == [0, 0, 1, 1, 2, 4, 300]
