"""To Python `\\d` and `isdigit` take the digits of every script, and `int` not all of them: what is read as a number is ASCII."""

import ast
from pathlib import Path

import pytest

import pod_jobs

PACKAGE = Path(pod_jobs.__file__).parent
OF_PEOPLE = {"captions/typography.py", "speech/cleaning.py", "captions/parsing.py"}  # look at words, read no number


def faults(source: str) -> list[str]:
    """Patterns and lines that take other digits than 0 to 9. A pattern may say re.ASCII; one of bytes does."""
    tree = ast.parse(source)
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call) and "re.ASCII" in ast.unparse(node)]
    of_ascii = {id(node) for call in calls for node in ast.walk(call)}
    texts = [node for node in ast.walk(tree) if isinstance(node, ast.Constant) and id(node) not in of_ascii]
    patterns = [node.value for node in texts if isinstance(node.value, str) and "\\d" in node.value]
    lines = [line for line in source.splitlines() if ".isdigit(" in line or ".isdecimal(" in line]
    return patterns + [line for line in lines if "isascii" not in line]


def test_numbers_are_ascii() -> None:
    sources = {path.relative_to(PACKAGE).as_posix(): path.read_text() for path in PACKAGE.rglob("*.py")}
    found = {name: found for name, source in sources.items() if name not in OF_PEOPLE and (found := faults(source))}
    assert found == {}


@pytest.mark.parametrize("line", ['re.compile(r"\\d+")', 're.match(r"a\\d", x)', "text.isdigit()"])
def test_the_search_finds_them(line: str) -> None:
    assert faults(line)
