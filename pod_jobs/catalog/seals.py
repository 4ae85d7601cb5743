"""Seals on reports. A report may wait in the key-value server and be carried by other workers. Its seal proves who wrote it:
only the run that was given the attempt, and the web app, know the attempt's key."""

import hashlib
import hmac
import json
from collections.abc import Mapping
from typing import Any

HEADER = "X-Report-Seal"


def seal_of(key: str, report: Mapping[str, Any]) -> str:
    """The seal of a report, in hex; "" without a key. `report`: as JSON has it."""
    if not key:
        return ""
    text = json.dumps(report, sort_keys=True, separators=(",", ":"))
    return hmac.new(key.encode(), text.encode(), hashlib.sha256).hexdigest()
