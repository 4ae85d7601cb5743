"""What ./run bench mutants changes, and which tests it then runs."""

from pathlib import Path

import pytest

from benchmarks import mutants

PATH = Path("pod_jobs/x.py")


@pytest.mark.parametrize(
    ("source", "changed"),
    [
        ("a < 3\n", ["a <= 3\n", "a < 4\n"]),
        ("é >= b\n", ["é > b\n"]),
        ("a is not None\n", ["a is None\n"]),
        ("a  not in (b)\n", []),  # a bracket is in between
        ("a and b and c\n", ["a or b and c\n", "a and b or c\n"]),
        ("if not a:\n    b = True\n", ["if a:\n    b = True\n", "if not a:\n    b = False\n"]),
        ("@dataclass(frozen=True)\nclass A:\n    b: int = 3\n", []),
        ("zip(a, b, strict=True)\n", []),
        ("search(a, strict=True)\n", ["search(a, strict=False)\n"]),
        ("redis.pipeline(transaction=False)\n", []),
        ("time.monotonic() - a > b\n", ["time.monotonic() - a <= b\n"]),
        ("monotonic() < a\n", ["monotonic() >= a\n"]),
        ("a < b < c\n", []),
        ("'a < b'  # not a\n", []),
    ],
)
def test_one_thing_is_turned_round_at_a_time(source: str, changed: list[str]) -> None:
    found = [source[: one.start] + one.text + source[one.end :] for one in mutants.mutants_of(PATH, source)]
    assert sorted(found) == sorted(changed)


def test_a_seed_chooses_the_same_changes_after_other_lines_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mutants, "ROOT", tmp_path)
    module = tmp_path / "pod_jobs" / "x.py"
    module.parent.mkdir()
    lines = [f"a{number} < b\n" for number in range(20)]

    def chosen(seed: int) -> list[str]:
        return [mutant.key for mutant in mutants.choose("pod_jobs", 10, seed)]

    module.write_text("".join(lines), "utf-8")
    before, of_another_seed = chosen(1), chosen(2)
    assert len(before) == 10
    assert set(before) != set(of_another_seed)
    gone = before[3].split(": ")[1].split("  ")[0]
    module.write_text("import re\n\n" + "".join(line for line in lines if gone != line.strip()), "utf-8")
    assert [key for key in before if f" {gone} " not in key] == chosen(1)[:9]


def test_unit_tests_come_first_and_those_of_a_module_before_those_of_its_room() -> None:
    quick, direct, beyond, room = mutants.tests_near(Path("pod_jobs/catalog/trace_models.py"))
    assert all(test.startswith("tests/unit/") for test in quick) and "tests/unit/catalog/test_models.py" in quick
    assert "tests/integration/catalog/test_statements.py" in direct
    assert beyond == ["tests/integration/web/api", "tests/integration/web/intake"]
    assert "tests/integration/catalog/test_error_groups.py" in room
    assert len({*quick, *direct, *room}) == len(quick) + len(direct) + len(room)


def test_a_file_that_only_imports_from_a_room_is_found() -> None:
    _, direct, *_ = mutants.tests_near(Path("pod_jobs/catalog/store/reports.py"))
    assert "tests/integration/catalog/test_tasks.py" in direct


def test_failed_tests_are_read_from_what_pytest_says() -> None:
    summary = """
FAILED tests/unit/a/test_b.py::test_one - assert 1 == 2
FAILED tests/unit/a/test_b.py::test_two[a b-[c]] - ValueError: no - dash
ERROR tests/unit/a/test_c.py
!!!!!!!! stopping after 1 failures !!!!!!!!
FAILED tests/unit/a/test_b.py::test_one - assert 1 == 2
"""
    assert mutants.failures_in(summary) == [
        "tests/unit/a/test_b.py::test_one",
        "tests/unit/a/test_b.py::test_two[a b-[c]]",
        "tests/unit/a/test_c.py",
    ]


@pytest.mark.parametrize("source", ["if a > b:  # a comment\n    c = 1\n", "if not a:\n    c = 1\n"])
def test_a_change_that_is_named_as_equivalent_is_recognised(source: str) -> None:
    (one,) = mutants.mutants_of(PATH, source)
    assert mutants.equivalents(f"# A head\n{one.key}  # because\n") == {one.key}
    assert one.key not in mutants.equivalents(f"{one.key}\n")  # a reason is asked for


def test_what_is_named_as_equivalent_is_still_in_the_code() -> None:
    for key in mutants.equivalents(mutants.EQUIVALENT.read_text("utf-8")):
        path = Path(key.partition(": ")[0])
        proposed = {one.key for one in mutants.mutants_of(path, (mutants.ROOT / path).read_text("utf-8"))}
        assert key in proposed, f"mutants_equivalent.txt: the code has this no more: {key}"
