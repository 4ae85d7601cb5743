"""The callbacks of ./run bench pod, in small: a Pod that is away for an hour, and then in a bad mood."""

import pytest

from benchmarks._pod_callbacks import measure_callbacks
from pod_jobs.catalog.site_models import SiteOrder
from pod_jobs.settings import Settings
from tests.integration.janitor.test_callbacks import TOKEN, catalog, order, settings  # noqa: F401  # two are fixtures

pytestmark = pytest.mark.usefixtures("catalog")


def test_each_end_is_told_once_after_an_hour_without_pod(settings: Settings) -> None:  # noqa: F811  # the fixture
    for number in range(12):
        order("http://127.0.0.1/", number)
    assert measure_callbacks(settings, TOKEN, 12) == {"callbacks_lost": 0, "callbacks_doubled": 0}
    rows = list(SiteOrder.select())
    assert {row.callback for row in rows} == {"delivered"} and min(row.tries for row in rows) > 3, "it was away"
