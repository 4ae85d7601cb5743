"""Nearly every web test makes an app of its own, and werkzeug compiles each of 160 routes to Python for it: 0.3 s of a
processor, 40 % of what such a test costs. Here equal routes are compiled once in a process.
"""

from collections.abc import Callable
from typing import Any

from werkzeug.routing import Rule

Builder = Callable[..., tuple[str, str]]


def compile_once() -> None:
    """From now on, for this process (werkzeug 3.1: the function that a rule compiles takes the rule as its first argument)."""
    compile_builder: Callable[[Rule, bool], Builder] = Rule._compile_builder
    known: dict[Any, Builder] = {}

    def remembered(rule: Rule, append_unknown: bool = True) -> Builder:
        key = rule.rule, tuple(rule._trace), repr(rule.defaults), append_unknown
        if key not in known:
            known[key] = compile_builder(rule, append_unknown)
        return known[key]

    Rule._compile_builder = remembered  # type: ignore[assignment, method-assign]
