"""The rights of workers, by queue and by version of the server."""

import pytest

from pod_jobs.jobs import acl
from pod_jobs.jobs.table import JOB_TYPES


@pytest.mark.parametrize(
    ("server", "knows_setinfo", "reads_alone"),
    [((6, 2), False, False), ((7, 0), False, True), ((7, 1), False, True), ((7, 2), True, True), ((8, 0), True, True)],
)
def test_rights_are_as_fine_as_the_server_knows_them(
    server: tuple[int, int], knows_setinfo: bool, reads_alone: bool
) -> None:
    words = acl.acl_line(JOB_TYPES, "encoding", "u", "p", server=server).split()
    assert ("+client|setinfo" in words) is knows_setinfo
    assert any(word.startswith("%R~") for word in words) is reads_alone
    assert all(name in words for name in ("u", ">p", "-@all", "+eval"))


@pytest.mark.parametrize(
    ("queue", "on_web_host", "reports"),
    [("encoding", False, False), ("encoding", True, True), ("catalog", False, True)],
)
def test_only_workers_of_the_web_host_and_carriers_reach_reports(queue: str, on_web_host: bool, reports: bool) -> None:
    words = acl.acl_line(JOB_TYPES, queue, "u", "p", on_web_host=on_web_host).split()
    assert any(word.endswith("pod_jobs:reports") for word in words) is reports


def test_workers_of_a_queue_reach_its_kinds_alone() -> None:
    line = acl.acl_line(JOB_TYPES, "xapi", "u", "p")
    assert ":encode-*" not in line and "deliver" in line
