import json
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pod_jobs.xapi import profile, session
from pod_jobs.xapi.actors import build_actor
from pod_jobs.xapi.formats import format_timestamp
from pod_jobs.xapi.statement import (
    Application,
    Frozen,
    Limits,
    Origin,
    Page,
    Problem,
    accept,
    canonical,
    is_resend,
    mapped_id,
    parse_request,
    plain_name,
)
from pod_jobs.xapi.validity import VOIDED
from tests.unit.xapi import samples
from tests.unit.xapi.samples import ACTOR, NOW, Statement, plain

PAGE = Page(ACTOR)
APPLICATION = Application()
OTHER = build_actor("https://univ.example", "another")
EXTENSION = "http://a.example/e"


def frozen(raw: Any, origin: Origin = PAGE, **options: Any) -> Frozen:
    result = accept(raw, origin, NOW, **options)
    assert isinstance(result, Frozen), result
    return result


def problem(raw: Any, origin: Origin = PAGE, **options: Any) -> Problem:
    result = accept(raw, origin, NOW, **options)
    assert isinstance(result, Problem)
    return result


def with_extension(value: Any) -> Statement:
    return plain(result={"extensions": {EXTENSION: value}})


def test_the_server_says_who_which_and_when() -> None:
    accepted = frozen(plain(actor=None, id=None, timestamp=None), new_id=lambda: UUID(samples.SESSION))
    body = json.loads(accepted.body)
    assert body["actor"] == ACTOR
    assert body["id"] == accepted.id == samples.SESSION
    assert body["timestamp"] == "2026-03-01T12:00:00.123Z" == format_timestamp(accepted.timestamp)


def test_what_only_an_lrs_may_say_is_taken_away() -> None:
    added = {"stored": "2026-01-01T00:00:00Z", "version": "1.0.0", "authority": OTHER}
    assert frozen(plain(**added)).body == frozen(plain()).body


def test_the_bytes_do_not_depend_on_spelling() -> None:
    body = frozen(plain()).body
    shuffled = dict(reversed(plain(timestamp="2026-03-01T13:00:00+02:00").items()))
    assert frozen(shuffled).body == body == canonical(json.loads(body))


def test_a_page_cannot_choose_an_id_that_somebody_else_will_use() -> None:
    accepted = frozen(plain())
    assert accepted.id != plain()["id"]
    assert accepted.id == frozen(plain(id=plain()["id"].upper())).id
    assert accepted.id != frozen(plain(actor=None), Page(OTHER)).id
    assert UUID(accepted.id).version == 4


def test_a_page_names_nobody_else() -> None:
    assert problem(plain(actor=OTHER)) == Problem("actor", "$.actor", "the server names the actor; leave it out")
    assert (
        problem(plain(verb={"id": VOIDED}, object={"objectType": "StatementRef", "id": samples.SESSION})).rule
        == "voiding"
    )


def test_an_application_names_whom_it_wants() -> None:
    accepted = frozen(plain(actor=OTHER), APPLICATION)
    assert json.loads(accepted.body)["actor"] == OTHER
    assert accepted.id == plain()["id"]
    assert problem(plain(actor=None), APPLICATION) == Problem("required", "$.actor", "missing")


def test_the_session_of_a_page_stays_whole_under_mapped_ids() -> None:
    raw = [{**statement, "actor": ACTOR} for statement in samples.session()]
    later = NOW + timedelta(minutes=1)
    accepted = [accept(statement, PAGE, later) for statement in raw]
    assert [a.labels for a in accepted if isinstance(a, Frozen)] == [()] * len(raw)
    bodies = [json.loads(a.body) for a in accepted if isinstance(a, Frozen)]
    assert [verdict for verdict in session.verdicts(bodies) if verdict.faults] == []
    assert bodies[0]["id"] == mapped_id(ACTOR, samples.SESSION) == profile.extension(bodies[7], "context", "session-id")
    assert raw[0]["id"] == samples.SESSION, "the raw statement is not changed"


def test_a_clock_a_little_ahead_is_set_right_and_a_wrong_date_is_refused() -> None:
    ahead = format_timestamp(NOW + timedelta(seconds=200))
    assert frozen(plain(timestamp=ahead)).timestamp == NOW.replace(microsecond=123_000)
    for wrong in ("2099-01-01T00:00:00Z", "tomorrow", 7, None):
        assert problem(plain() | {"timestamp": wrong}).path == "$.timestamp"


def test_a_resend_is_known_and_another_statement_under_its_id_too() -> None:
    stored = frozen(plain(timestamp=None))
    assert is_resend(plain(timestamp=None), PAGE, stored)
    assert not is_resend(plain(timestamp=None, object={"id": "http://a.example/o"}), PAGE, stored)
    assert not is_resend(plain(timestamp=None, actor=OTHER), PAGE, stored)


BAD: list[tuple[Any, str, str]] = [
    (7, "type", "$"),
    (with_extension("a\0b"), "text", f"$.result.extensions['{EXTENSION}']"),
    (with_extension({"a\0b": 1}), "text", f"$.result.extensions['{EXTENSION}']['a\\u0000b']"),
    (with_extension(["\ud800"]), "text", f"$.result.extensions['{EXTENSION}'][0]"),
    (with_extension({"\udfff": 1}), "text", f"$.result.extensions['{EXTENSION}']['\\udfff']"),
    (with_extension(float("nan")), "number", f"$.result.extensions['{EXTENSION}']"),
    (with_extension(float("-inf")), "number", f"$.result.extensions['{EXTENSION}']"),
    (with_extension(2**53), "number", f"$.result.extensions['{EXTENSION}']"),
    (with_extension(10**4000), "number", f"$.result.extensions['{EXTENSION}']"),
    (with_extension("x" * 70_000), "size", "$"),
    (plain(verb=None), "required", "$.verb"),
    (plain(verb="attended"), "required", "$.verb"),
    (plain(object={"id": "no iri"}), "iri", "$.object.id"),
    (plain(result={"response": None}) | {"result": {"response": None}}, "null", "$.result.response"),
    (plain(id="7"), "uuid", "$.id"),
    (plain() | {"id": ["7"]}, "uuid", "$.id"),
    (plain(context={"registration": "x"}), "uuid", "$.context.registration"),
]


@pytest.mark.parametrize(("raw", "rule", "path"), BAD, ids=[f"{rule} {path[:40]}" for _, rule, path in BAD])
@pytest.mark.parametrize("origin", [PAGE, APPLICATION], ids=["page", "application"])
def test_what_is_not_accepted_is_named_by_its_place(raw: Any, rule: str, path: str, origin: Origin) -> None:
    found = problem(raw, origin)
    assert (found.rule, found.path) == (rule, path)
    assert str(found).isascii(), "safe to log and to answer"


def test_nesting() -> None:
    value: Any = 1
    for _ in range(40):
        value = [value]
    assert problem(with_extension(value)).rule == "depth"
    assert frozen(with_extension(value), limits=Limits(depth=50))


def test_a_script_in_a_name_is_refused_and_a_tag_is_text() -> None:
    def named(name: str) -> dict[str, Any]:
        return plain(object={"id": "http://a.example/o", "definition": {"name": {"fr": name}}})

    text = "Les balises <script> et <b> ünï 🎓 \u2028"
    assert json.loads(frozen(named(text)).body)["object"]["definition"]["name"]["fr"] == text
    assert frozen(named(text)).labels == ()
    for script in ("<script>alert(1)</script>", '<img alt="x"\nsrc=x>', "<svg/ OnLoad\n=alert(1)>"):
        refusal = problem(named(script))
        assert (refusal.rule, refusal.path) == ("text", "$.object.definition.name.fr")
        assert isinstance(accept(named(plain_name(script)), PAGE, NOW), Frozen)
        assert isinstance(accept(plain(result={"response": script}), PAGE, NOW), Frozen), "an answer may hold one"


def test_faults_that_an_lrs_may_live_with_are_labels() -> None:
    accepted = frozen(plain(result={"success": "true"}, Extra=1))
    assert (accepted.labels, accepted.suspect, accepted.of_profile) == (("type", "property"), True, False)
    unwhole = frozen(samples.of_video(profile.PLAYED, 0, {"time": "0.000"}))
    assert (unwhole.labels, unwhole.suspect, unwhole.of_profile) == (("extension-type",), False, True)
    assert unwhole.registration == samples.REGISTRATION


@pytest.mark.parametrize(
    ("body", "rule"),
    [
        (b"", "json"),
        (b"{", "json"),
        (b"\xff\xfe", "json"),
        (b'"\xe9"', "json"),
        (b"[" * 100_000, "depth"),
        (b"9" * 5000, "number"),
    ],
)
def test_bodies_that_are_no_request(body: bytes, rule: str) -> None:
    found = parse_request(body)
    assert isinstance(found, Problem)
    assert found.rule == rule


def test_one_bad_statement_does_not_spoil_the_others() -> None:
    raw = parse_request(b'[{"verb": NaN}, 7, ' + json.dumps(plain()).encode() + b"]")
    assert isinstance(raw, list)
    assert [type(accept(one, PAGE, NOW)) for one in raw] == [Problem, Problem, Frozen]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters()),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(st.characters(), max_size=5), inner, max_size=4)
    ),
    max_leaves=20,
)
PARTS = st.sampled_from([*plain(), "result", "context", "attachments", "stored", "authority", "version", "Actor"])


@settings(max_examples=60, deadline=None)
@given(st.dictionaries(PARTS, JSON), st.sampled_from([PAGE, APPLICATION]))
def test_whatever_comes_is_frozen_or_refused(changes: dict[str, Any], origin: Origin) -> None:
    result = accept({**plain(), **changes}, origin, NOW)
    if isinstance(result, Frozen):
        body = json.loads(result.body)
        assert canonical(body) == result.body
        assert body["timestamp"] <= format_timestamp(NOW)
        assert not {"stored", "authority", "version"} & set(body)
        assert isinstance(origin, Application) or body["actor"] == origin.actor
    else:
        assert result.path.startswith("$")
        str(result).encode()


@pytest.mark.service
def test_the_statements_of_other_projects() -> None:
    accepted = [accept(case["statement"], APPLICATION, NOW) for case in samples.corpus("valid.jsonl")]
    assert [result for result in accepted if isinstance(result, Problem) or result.suspect] == []
    doubtful = [accept(case["statement"], APPLICATION, NOW) for case in samples.corpus("invalid.jsonl")]
    assert [result for result in doubtful if isinstance(result, Frozen) and not result.suspect] == []
