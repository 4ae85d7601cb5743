"""Does a test notice when a comparison, a truth or a bound of the code is turned round?

All unit and integration tests run once, to learn which of them runs which line. Then a sample of such changes is made, one at a
time, in a copy of the repository. For each, the tests that run the changed line run, the quickest first; where none was seen (the
line runs in a program that a test starts, or once at import), the tests nearest to it: those that import the changed module and
those of its room (the folder of the same name below tests/unit and tests/integration), unit tests first, and those of THROUGH,
then those of OF_ALL.
A change is
    killed       when a test fails that passes without the change;
    equivalent   when mutants_equivalent.txt says that it makes no difference, and why;
    survived     otherwise. It is printed: it needs a test, or the line can go.
"""

import argparse
import ast
import hashlib
import itertools
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue
from typing import Any

from benchmarks import _contained, _lines_run
from benchmarks._lines_run import LinesRun

SUMMARY = "does a test notice a comparison, a truth or a bound that is turned round? --sample N, --seed S"
ROOT = Path(__file__).resolve().parents[1]
EQUIVALENT = Path(__file__).with_name("mutants_equivalent.txt")
LINKED = (".venv", "node_modules")
NOT_COPIED = (*LINKED, ".git", "var", "__pycache__", ".mypy_cache", ".ruff_cache", ".pytest_cache")
LEFT_OUT = ("migrations",)
WALL_S = 150.0  # for the tests of one mutant
HANGS_S = 45  # a test that takes longer fails
TESTS_S = 90.0  # as much of the tests that run a line is tried, by what they took without a change
AT_ONCE = 2  # mutants, each in a copy of its own
THROUGH = {  # room -> tests that reach it through another program, or through the web app
    "web": ("integration/storage/test_over_http.py", "acceptance/test_xapi_cli.py"),
    "cli": ("acceptance/test_cli.py", "acceptance/test_up.py", "acceptance/test_xapi_cli.py"),
    "jobs": ("integration/web/intake",),
    "instance": ("acceptance/test_up.py",),
    "storage": ("integration/web",),
    "catalog": ("integration/web/api", "integration/web/intake"),
}
OF_ALL = ["tests/test_architecture.py", "tests/test_docs.py"]  # they read every module
UNIT = "tests/unit/"
SUITE = (UNIT, "tests/integration")
SUITE_S = 3600.0
PASSED = (0, 5)  # exit codes of pytest: all passed; there was nothing to run
TO_THE_END = (0, 1)  # every test ran, and all or some of them passed

TURNED = {  # an operator, as it is written and what it becomes
    ast.Lt: ("<", "<="),
    ast.LtE: ("<=", "<"),
    ast.Gt: (">", ">="),
    ast.GtE: (">=", ">"),
    ast.Eq: ("==", "!="),
    ast.NotEq: ("!=", "=="),
    ast.Is: ("is", "is not"),
    ast.IsNot: ("is not", "is"),
    ast.In: ("in", "not in"),
    ast.NotIn: ("not in", "in"),
}
OF_CLOCKS = {  # that a clock shows exactly a given instant is nothing that happens
    ast.Lt: ("<", ">="),
    ast.LtE: ("<=", ">"),
    ast.Gt: (">", "<="),
    ast.GtE: (">=", "<"),
}
CLOCKS = ("monotonic", "time")
# Arguments: zip's asserts what holds anyway; a pipeline's is about what it costs
OF_NO_RESULT = ("strict", "transaction")


@dataclass(frozen=True)
class Mutant:
    """The characters from `start` to `end` of a file become `text`."""

    path: Path  # relative to the repository
    line: int
    start: int
    end: int
    text: str
    source: str  # the whole line as it was

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.source.strip()}  →  {self.text}"

    @property
    def key(self) -> str:
        """As in mutants_equivalent.txt; without the number of the line, which changes."""
        return f"{self.path}: {self.source.strip()}  →  {self.text.strip()}".strip()


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--sample", type=int, default=60, help="mutants tried (60)")
    parser.add_argument("--seed", type=int, default=1, help="which ones (1)")
    parser.add_argument("--only", default="pod_jobs", help="folder or file below which they lie (pod_jobs)")
    parser.add_argument("--lines", type=Path, help="folder that keeps which test runs which line, for the next run")


class _Source:
    """The text of a module, and its places as the syntax tree gives them: line, and byte in the line."""

    def __init__(self, path: Path, text: str) -> None:
        self.path, self.text = path, text
        self._lines = text.splitlines(keepends=True)
        self._starts = [0]
        for line in self._lines:
            self._starts.append(self._starts[-1] + len(line))

    def _place(self, line: int, column: int) -> int:
        return self._starts[line - 1] + len(self._lines[line - 1].encode()[:column].decode())

    def start(self, node: ast.expr) -> int:
        return self._place(node.lineno, node.col_offset)

    def end(self, node: ast.expr) -> int:
        return self._place(node.end_lineno or node.lineno, node.end_col_offset or 0)

    def mutant(self, node: ast.expr, start: int, end: int, text: str) -> Mutant:
        return Mutant(self.path, node.lineno, start, end, text, self._lines[node.lineno - 1])

    def between(self, left: ast.expr, right: ast.expr, words: str, text: str) -> Iterator[Mutant]:
        """The operator `words` between two nodes becomes `text`; nothing where there is a bracket or a comment too."""
        start, end = self.end(left), self.start(right)
        if self.text[start:end].split() == words.split():
            yield self.mutant(left, start, end, f" {text} ")


def mutants_of(path: Path, text: str) -> Iterator[Mutant]:
    """All of one file."""
    source = _Source(path, text)
    tree = ast.parse(text)
    left_out = {id(inner) for inner in (*_in_decorators(tree), *_without_result(tree))}
    for node in (one for one in ast.walk(tree) if id(one) not in left_out):
        if isinstance(node, ast.Compare) and len(node.ops) == 1:
            operator = type(node.ops[0])
            words, turned = OF_CLOCKS.get(operator, TURNED[operator]) if _reads_a_clock(node) else TURNED[operator]
            yield from source.between(node.left, node.comparators[0], words, turned)
            yield from _bounds(source, node)
        elif isinstance(node, ast.BoolOp):
            words, turned = ("and", "or") if isinstance(node.op, ast.And) else ("or", "and")
            for left, right in itertools.pairwise(node.values):
                yield from source.between(left, right, words, turned)
        elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
            yield source.mutant(node, source.start(node), source.start(node.operand), "")
        elif isinstance(node, ast.Constant) and isinstance(node.value, bool):
            yield source.mutant(node, source.start(node), source.end(node), str(not node.value))


def _in_decorators(tree: ast.AST) -> Iterator[ast.AST]:
    """Whether a class is frozen is nothing that tests ask."""
    for node in ast.walk(tree):
        for decorator in getattr(node, "decorator_list", ()):
            yield from ast.walk(decorator)


def _without_result(tree: ast.AST) -> Iterator[ast.AST]:
    calls = (node for node in ast.walk(tree) if isinstance(node, ast.Call) and _name(node.func) in ("zip", "pipeline"))
    return (keyword.value for call in calls for keyword in call.keywords if keyword.arg in OF_NO_RESULT)


def _reads_a_clock(node: ast.Compare) -> bool:
    return any(isinstance(inner, ast.Call) and _name(inner.func) in CLOCKS for inner in ast.walk(node))


def _name(called: ast.expr) -> str:
    return called.attr if isinstance(called, ast.Attribute) else called.id if isinstance(called, ast.Name) else ""


def _bounds(source: _Source, node: ast.Compare) -> Iterator[Mutant]:
    """A whole number that something is compared with becomes one more."""
    for side in (node.left, node.comparators[0]):
        if isinstance(side, ast.Constant) and type(side.value) is int:
            start, end = source.start(side), source.end(side)
            if source.text[start:end] == str(side.value):
                yield source.mutant(side, start, end, str(side.value + 1))


def choose(only: str, sample: int, seed: int) -> list[Mutant]:
    """A seed stands for the same mutants when other lines change, so that survivors are tried again when they got a test."""
    top = ROOT / only
    paths = sorted(top.rglob("*.py")) if top.is_dir() else [top]
    found = [
        mutant
        for path in paths
        if not set(LEFT_OUT) & set(path.parts)
        for mutant in mutants_of(path.relative_to(ROOT), path.read_text("utf-8"))
    ]
    return sorted(found, key=lambda mutant: hashlib.sha256(f"{seed} {mutant.key}".encode()).digest())[:sample]


def tests_near(path: Path) -> list[list[str]]:
    """Test files in stages: unit tests, then others that import the module or bear its name, then those that reach it otherwise,
    then others of its room."""
    module = ".".join(path.with_suffix("").parts).removesuffix(".__init__")
    parent, _, name = module.rpartition(".")
    direct, room = [], []
    room_parts = path.parts[1:-1]
    for test in sorted((ROOT / "tests").rglob("test_*.py")):
        place = test.relative_to(ROOT / "tests")
        text = test.read_text("utf-8")
        imports = f"{module} import" in text or f"import {module}\n" in text or _imports_name(text, parent, name)
        if imports or (test.stem == f"test_{path.stem}" and place.parts[1 : 1 + len(room_parts)] == room_parts):
            direct.append(str(Path("tests") / place))
        elif place.parts[0] != "acceptance" and place.parts[1 : 1 + len(room_parts[:1])] == room_parts[:1]:
            room.append(str(Path("tests") / place))
    quick = [test for test in (*direct, *room) if test.startswith(UNIT)]
    others = [[test for test in stage if test not in quick] for stage in (direct, room)]
    beyond = [f"tests/{one}" for one in THROUGH.get(path.parts[1], ())]
    return [stage for stage in (quick, others[0], beyond, others[1]) if stage]


def _imports_name(text: str, parent: str, name: str) -> bool:
    """`from PARENT import …, NAME, …` on one line."""
    start = f"from {parent} import "
    named = [line.removeprefix(start) for line in text.splitlines() if line.startswith(start)]
    return any(name in {one.strip().partition(" as ")[0] for one in line.split(",")} for line in named)


def stages_of(mutant: Mutant, lines_run: LinesRun) -> list[list[str]]:
    """Tests to run, in stages: those that run the line, or those near to it."""
    known = lines_run.tests_of(mutant.path, mutant.line)
    if not known:
        return [*tests_near(mutant.path), OF_ALL]
    spent = itertools.accumulate(lines_run.seconds(test) for test in known)
    # a line that runs at import counts as run by whichever test imported it first
    at_import = [test for test in itertools.chain(*tests_near(mutant.path)) if test.startswith(UNIT)]
    beyond = [f"tests/{one}" for one in THROUGH.get(mutant.path.parts[1], ()) if one.startswith("acceptance")]
    return [
        [test for test, seconds in zip(known, spent, strict=True) if seconds < TESTS_S] or known[:1],
        at_import,
        beyond,
        OF_ALL,
    ]


def is_killed(mutant: Mutant, stages: list[list[str]], copy: Path) -> bool:
    """Does one of the tests fail within WALL_S, and pass without the change? One that hangs fails too, by pytest's time-out."""
    target = copy / mutant.path
    original = target.read_text("utf-8")
    target.write_text(original[: mutant.start] + mutant.text + original[mutant.end :], "utf-8")
    until = time.monotonic() + WALL_S
    try:
        failed = next(filter(None, (_failures(stage, copy, until) for stage in stages if stage)), [])
    finally:
        target.write_text(original, "utf-8")
    return bool(failed) and not _failures(failed, copy, time.monotonic() + WALL_S)


def _failures(tests: list[str], copy: Path, until: float) -> list[str]:
    """Run the tests up to the first failure. Returns what failed; all of them when pytest ends without a word about it."""
    code, told = _pytest(["-x", f"--timeout={HANGS_S}", *tests], copy, {}, until)
    return [] if code in PASSED else failures_in(told) or tests


def _pytest(arguments: list[str], copy: Path, more: dict[str, str], until: float) -> tuple[int, str]:
    """Exit code and output; an exit code of 0 and no output when the time is over. Nothing that the tests started is left."""
    # programs that the tests start import the copy too; what contains them imports this folder's code, which is unchanged
    within = ["env", f"--chdir={copy}", f"PYTHONPATH={copy}"]
    command = [*within, str(copy / ".venv/bin/python"), "-m", "pytest", "-q", "-p", "no:cacheprovider", *arguments]
    none = subprocess.DEVNULL
    with (
        tempfile.TemporaryFile("w+") as told,
        subprocess.Popen(
            _contained.command(command), cwd=ROOT, env=os.environ | more, stdin=none, stdout=told, stderr=none
        ) as running,
    ):
        try:
            code = running.wait(max(1.0, until - time.monotonic()))
        except subprocess.TimeoutExpired:
            return 0, ""
        finally:
            running.terminate()
        told.seek(0)
        return code, told.read()


def failures_in(output: str) -> list[str]:
    """The tests that pytest's summary names."""
    found = re.findall(r"^(?:FAILED|ERROR) (tests/\S+?\.py(?:::\w+(?:\[.*?\])?)*)(?: - .*)?$", output, re.MULTILINE)
    return list(dict.fromkeys(found))


def equivalents(text: str) -> set[str]:
    """The changes that a text like mutants_equivalent.txt names with a reason, as `Mutant.key` writes them."""
    lines = (line for line in text.splitlines() if not line.startswith("#"))
    return {change.strip() for change, hash_sign, _ in (line.rpartition("  # ") for line in lines) if hash_sign}


def measure(options: argparse.Namespace) -> dict[str, Any]:
    known = equivalents(EQUIVALENT.read_text("utf-8"))
    found: dict[str, list[str]] = {"killed": [], "survived": [], "equivalent": []}
    with tempfile.TemporaryDirectory(prefix="mutants-") as folder:
        copies: SimpleQueue[Path] = SimpleQueue()
        for name in map(str, range(AT_ONCE)):
            copies.put(_copy(Path(folder) / name))
        lines_run = _lines_run_in(Path(folder) / "0", options.lines or Path(folder) / "lines")

        def judge(mutant: Mutant) -> None:
            copy = copies.get()
            try:
                killed = mutant.key not in known and is_killed(mutant, stages_of(mutant, lines_run), copy)
            finally:
                copies.put(copy)
            outcome = "equivalent" if mutant.key in known else "killed" if killed else "survived"
            found[outcome].append(str(mutant))
            print(f"{sum(map(len, found.values())):3} {outcome:10} {mutant}", file=sys.stderr, flush=True)

        with ThreadPoolExecutor(AT_ONCE) as pool:
            list(pool.map(judge, choose(options.only, options.sample, options.seed)))
    counts = {outcome: len(mutants) for outcome, mutants in found.items()}
    changing = counts["killed"] + counts["survived"]
    return {
        "sample": options.sample,
        "seed": options.seed,
        **counts,
        "killed_percent": round(100 * counts["killed"] / changing, 1) if changing else None,
        "survivors": sorted(found["survived"]),
    }


def _copy(folder: Path) -> Path:
    shutil.copytree(ROOT, folder, ignore=shutil.ignore_patterns(*NOT_COPIED, ".venv-*"))
    for name in LINKED:
        (folder / name).symlink_to((ROOT / name).resolve())
    return folder


def _lines_run_in(copy: Path, folder: Path) -> LinesRun:
    """Which test runs which line: as the folder has it from an earlier run, or by a run of the tests in the copy."""
    if not folder.exists():
        unfinished = folder.with_name(f"{folder.name}.part")  # of a run that was ended, nothing is taken
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir(parents=True)
        arguments = ["-p", _lines_run.__name__, "-n", str(2 * (os.cpu_count() or 1)), "--dist", "worksteal"]
        until = time.monotonic() + SUITE_S
        code, told = _pytest([*arguments, *SUITE], copy, {_lines_run.FOLDER: str(unfinished)}, until)
        # each process of the tests writes its own file as it ends
        if code not in TO_THE_END or not any(unfinished.glob("*.json")):
            raise SystemExit(f"Not all tests were run to learn their lines: pytest's exit code {code}\n{told[-2000:]}")
        unfinished.rename(folder)
    return LinesRun(folder)


def table(figures: dict[str, Any]) -> str:
    head = "killed {killed} · survived {survived} · equivalent {equivalent} · {killed_percent} % of those that matter"
    return "\n".join([head.format(**figures), *figures["survivors"]])
