"""Long lists of ids in queries. peewee makes an object and a parameter of each value, which takes longer than the query."""

from collections.abc import Iterable
from typing import Any

from peewee import OP, SQL, Expression


class IdList(SQL):
    """Whole numbers as text: they need no quoting."""

    def __init__(self, ids: Iterable[int]) -> None:
        self.ids = [int(number) for number in ids]
        super().__init__(f"({','.join(map(str, self.ids))})")


def among(column: Any, ids: Iterable[int]) -> Any:
    """The condition that a column has one of these numbers; never true when there are none."""
    return Expression(column, OP.IN, IdList(ids))
