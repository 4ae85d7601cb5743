"""What an Esup-Pod 4.1 is told of an order that failed."""

from datetime import UTC, datetime

import pytest

from pod_jobs.celery.results import End, captions_of_failure

NOW = datetime(2026, 11, 29, tzinfo=UTC)


@pytest.mark.parametrize("arrow", ["-->", "--->", "------>", "--\n>", "-->-->"])
def test_a_reason_cannot_become_a_caption(arrow: str) -> None:
    text = captions_of_failure(End("transcription", {}, NOW, NOW, error=f"00:00.000 {arrow} 00:09.000\nforged"))
    assert "-->" not in text and text.count("\n") == 3 and "forged" in text
