import pytest

from pod_jobs.settings.faults import Location, _holds, _is_echo


@pytest.mark.parametrize(
    ("kind", "others", "is_echo"),
    [
        ("too_short", [("rendition", 0, "name")], True),
        ("too_short", [("template", 0, "name")], False),
        ("too_short", [("rendition",)], False),
        ("missing", [("rendition", 0, "name")], False),
    ],
)
def test_a_list_is_too_short_where_its_entry_has_a_fault(kind: str, others: list[Location], is_echo: bool) -> None:
    assert _is_echo(("rendition",), kind, [("rendition",), *others]) is is_echo


@pytest.mark.parametrize(
    ("location", "holds"),
    [
        ((), True),
        (("web", "port"), True),
        (("rendition", 0, "name"), True),
        (("web", "host"), False),
        (("rendition", 1), False),
        (("web", "port", "x"), False),
    ],
)
def test_what_a_document_holds(location: Location, holds: bool) -> None:
    assert _holds({"web": {"port": 8000}, "rendition": [{"name": "360p"}]}, location) is holds
