"""Each reason of a dead letter has words on the page."""

import re
from pathlib import Path

import pod_jobs
from pod_jobs.xapi import delivery

PAGE = Path(pod_jobs.__file__).parent / "web" / "static" / "js" / "pages" / "traces.js"
GIVEN = re.compile(r'"(?:dead|skipped)", code="([a-z-]+)"|"code": "([a-z-]+)"|Fate\.DEAD, "([a-z-]+)"')


def test_the_page_has_words_for_every_code_of_a_dead_letter() -> None:
    (table,) = re.findall(r"const CODES = \{(.*?)\};", PAGE.read_text("utf-8"), re.S)
    assert set(re.findall(r'^ +"?([a-z-]+)"?: _\("', table, re.M)) == {*delivery.DEAD, "skipped"}


def test_the_list_of_codes_is_the_one_that_is_given() -> None:
    given = set()
    for name in ("xapi/delivery.py", "catalog/store/dead_letters.py"):
        text = Path(pod_jobs.__file__).parent.joinpath(name).read_text("utf-8")
        given |= {code for found in GIVEN.findall(text) for code in found if code}
    assert given <= {*delivery.DEAD, "skipped"} and {"conflict", "skipped"} <= given
