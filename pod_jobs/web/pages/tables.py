"""What pages with figures share: the period that their address names, and their tables as CSV."""

import csv
import io
from collections.abc import Collection, Iterable, Sequence

from flask import Response, request

USUAL_DAYS = 30
FORMULA = ("=", "+", "-", "@", "\t", "\r")  # a spreadsheet would run a text that begins like this


def wanted_days(periods: Collection[int]) -> int:
    """The period in the address (?days=), if it is one of `periods`; else 30."""
    given = request.args.get("days", "")
    return int(given) if given in {str(days) for days in periods} else USUAL_DAYS


def csv_answer(name: str, rows: Iterable[Sequence[object]]) -> Response:
    """A file `name`.csv for a spreadsheet, which must not take a text for a formula."""
    text = io.StringIO()
    writer = csv.writer(text)
    for row in rows:
        writer.writerow([f"'{cell}" if isinstance(cell, str) and cell.startswith(FORMULA) else cell for cell in row])
    response = Response(text.getvalue(), mimetype="text/csv")
    response.headers["Content-Disposition"] = f'attachment; filename="{name}.csv"'
    response.headers["Cache-Control"] = "private, no-store"
    return response
