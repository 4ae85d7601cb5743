"""What a log would show of a value that holds a secret."""

import pytest

from pod_jobs.catalog.client import Order
from pod_jobs.outside.mail import Account
from pod_jobs.storage import Run
from pod_jobs.storage.signed_links import S3Place

SECRET = "a-secret-of-the-tests"
HOLDERS = [
    Run(3, "encode", 7, 1, "web", key=SECRET),
    Order(7, 1, 1, 0, "encode", "web", 3, "t", "s", "f", key=SECRET, settings={"password": SECRET}),
    Account("mail.univ.example", 587, "starttls", "pod", SECRET, "pod@univ.example", ()),
    S3Place("https://s3.univ.example", "eu", "pod", "an-access-key", SECRET),
]


@pytest.mark.parametrize("holder", HOLDERS, ids=lambda holder: type(holder).__name__)
def test_no_secret_is_shown(holder: object) -> None:
    assert SECRET in str(vars(holder)) and SECRET not in f"{holder} {holder!r}"
