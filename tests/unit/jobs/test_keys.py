"""Keys of the key-value server have one place, jobs/keys.py, with their type, expiry and meaning."""

import ast
import re
from pathlib import Path

import pytest

import pod_jobs
from pod_jobs.jobs import keys

PACKAGE = Path(pod_jobs.__file__).parent
KEY = re.compile(r"(pod_jobs|rq):")


def stray_keys(source: str) -> list[str]:
    """Texts of `source` that begin as a key does; what is written for people begins otherwise."""
    texts = (node.value for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Constant))
    return [text for text in texts if isinstance(text, str) and KEY.match(text) and len(text.split()) == 1]


def test_no_key_is_written_anywhere_else() -> None:
    sources = [path for path in PACKAGE.rglob("*.py") if path != Path(keys.__file__)]
    assert {str(path): found for path in sources if (found := stray_keys(path.read_text()))} == {}


@pytest.mark.parametrize("text", ['f"rq:job:{x}"', '"pod_jobs:reports"', "get('rq:workers')"])
def test_the_search_finds_them(text: str) -> None:
    assert stray_keys(text)


def test_the_table_lists_each_of_ours() -> None:
    table = re.findall(r"^    (pod_jobs:\S+) +(?:string|hash) +\S", keys.__doc__ or "", re.MULTILINE)
    made = [keys.REPORTS, keys.OWNER, keys.DRAINS, keys.JANITOR, keys.JANITOR_LOCK, keys.progress(1), keys.cancel(1)]
    made += [keys.HOSTS, keys.interrupt(1), keys.sightings("x"), keys.sign_in_tries("both", "0a")]
    patterns = {re.sub(r"<\w+>", "[^:]+", line) for line in table}
    assert len(table) == len(made)
    assert all(sum(bool(re.fullmatch(pattern, key)) for pattern in patterns) == 1 for key in made)
