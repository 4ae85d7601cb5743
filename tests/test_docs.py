"""Checks the documents against the program: the links, paths, commands, settings and error codes that they name exist,
and the settings, commands and queues that exist are named in them. Files that comments name exist too.
"""

import ast
import io
import re
import shlex
import tokenize
import tomllib
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import click
import pytest
from pydantic import BaseModel

from pod_jobs import errors
from pod_jobs.cli.root import root as pod_jobs_command
from pod_jobs.jobs.table import JOB_TYPES
from pod_jobs.processes import lines
from pod_jobs.settings import QUEUES, Settings
from pod_jobs.settings.dressing import DressingSettings
from pod_jobs.settings.encode import RenditionSettings, TemplateRenditionSettings, TemplateSettings
from pod_jobs.settings.periodic import PeriodicSettings
from pod_jobs.settings.site import SiteSettings
from pod_jobs.settings.sources import PREFIX
from pod_jobs.settings.speech import CorrectionSettings, ModelSettings
from pod_jobs.settings.xapi import LaneSettings

ROOT = Path(__file__).parent.parent
DOCS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
LONGEST_LINE = 120
REPEATED: dict[str, type[BaseModel]] = {  # sections in double brackets
    "rendition": RenditionSettings,
    "template": TemplateSettings,
    "template.rendition": TemplateRenditionSettings,
    "dressing": DressingSettings,
    "periodic": PeriodicSettings,
    "site": SiteSettings,
    "xapi.lane": LaneSettings,
    "speech.model": ModelSettings,
    "speech.correction": CorrectionSettings,
}
NOT_IN_THE_FILE = {
    "xapi.passwords",
    "mail.password",
    "s3.secret_key",
}  # secrets come from variables or from files of their own
CHANGES = {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}  # keepachangelog.com

CODE = re.compile(r"`([^`\n]+)`")
BLOCK = re.compile(r"^ *```.*?^ *```", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\(([^)\s]+)\)")
INDENTED_COMMAND = re.compile(r"^ {4,}(\./run .*)$", re.MULTILINE)
A_PATH = re.compile(r"[\w.-]+(/[\w.-]+)+/?|[\w-]+/")
A_FILE = re.compile(r"[\w.-]+\.(py|yaml|html|toml|js|css)")
A_KEY = re.compile(r"([a-z_]+)\.([a-z_]+)( = .*)?")
A_SECTION = re.compile(r"\[\[?([a-z0-9_.]+)\]\]?( [a-z_]+)?( = .*)?")
A_VARIABLE = re.compile(rf"{PREFIX}([A-Z]+)__([A-Z_]+?)(__.*|=.*)?")
A_CODE = re.compile(r"(source|encode|worker|settings|warning|result|disk|service)(-[a-z]+)+")
Faults = Iterator[str]
DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)


@cache
def sections() -> dict[str, set[str]]:
    """Section -> its keys."""
    found = {name: set(model.model_fields) for name, model in REPEATED.items()}
    for name, field in Settings.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            found[name] = set(field.annotation.model_fields)
    return found


@cache
def file_names() -> set[str]:
    folders = ("pod_jobs", "tests", "benchmarks")
    return {path.name for folder in folders for path in (ROOT / folder).rglob("*.*")} | {p.name for p in ROOT.iterdir()}


def slug(heading: str) -> str:
    """As GitHub makes the anchor of a heading."""
    return re.sub(r"[^\w -]", "", heading.lower()).strip().replace(" ", "-")


def link_faults(text: str, folder: Path) -> Faults:
    for target in LINK.findall(BLOCK.sub("", text)):
        if target.startswith(("https://", "http://")):
            continue
        name, _, anchor = target.partition("#")
        path = folder / name if name else None
        if path is not None and not path.exists():
            yield f"no such file: {target}"
        elif anchor and path is not None:
            headings = re.findall(r"^#+ (.*)$", path.read_text(), re.MULTILINE)
            if anchor not in map(slug, headings):
                yield f"no such heading: {target}"


def path_faults(text: str, _: Path) -> Faults:
    """Faults of paths that begin in the program's folder or in pod_jobs/, and of bare file names."""
    for span in CODE.findall(text):
        first = span.split("/")[0]
        if A_PATH.fullmatch(span) and any((base / first).is_dir() for base in (ROOT, ROOT / "pod_jobs")):
            is_test = re.fullmatch(r"(unit|integration|acceptance)/.*\.test_\w+", span)
            if not is_test and not any((base / span).exists() for base in (ROOT, ROOT / "pod_jobs")):
                yield f"no such path: {span}"
        elif A_FILE.fullmatch(span) and span not in file_names():
            yield f"no such file: {span}"


def command_lines(text: str) -> Iterator[str]:
    blocks = "\n".join(BLOCK.findall(text))
    in_blocks = re.findall(r"^ *(\./run [^#\n]*)", blocks, re.MULTILINE)
    for line in [*CODE.findall(BLOCK.sub("", text)), *INDENTED_COMMAND.findall(text), *in_blocks]:
        if line.startswith("./run"):
            yield line.split("#")[0].replace("\\|", "|").strip()


def command_faults(text: str, _: Path) -> Faults:
    words_of_run = set(re.findall(r"^    #: \./run ([\w-]+)", (ROOT / "run").read_text(), re.MULTILINE))
    for line in command_lines(text):
        words = shlex.split(line)[1:]
        if not words:
            continue
        if words[0] not in words_of_run:
            yield f"no such command: {line}"
        elif words[0] == "pod-jobs":
            yield from (f"{fault}: {line}" for fault in pod_jobs_faults(words[1:]))
        elif words[0] == "bench" and len(words) > 1 and words[1] != "NAME":
            if not (ROOT / "benchmarks" / f"{words[1]}.py").is_file():
                yield f"no such benchmark: {line}"
        elif words[0] == "test":
            yield from (f"no such tests: {one}" for one in words if "/" in one and not (ROOT / one).exists())


def pod_jobs_faults(words: list[str]) -> Faults:
    """Faults in the words after `pod-jobs`: a command, perhaps of a group (`add|list` are two), and options."""
    options = [word.strip("[]").split("=")[0] for word in words if word.strip("[").startswith("--")]
    command: click.Command = pod_jobs_command
    found = [command]
    for word in words:
        if not isinstance(command, click.Group) or word.startswith(("-", "[")):
            break
        if word != word.lower():
            break
        found = [command.commands[one] for one in word.split("|") if one in command.commands]
        if len(found) < len(word.split("|")):
            yield f"no command {word!r}"
            return
        command = found[0]
    known = {option for one in found for parameter in one.params for option in parameter.opts}
    yield from (f"no option {option!r}" for option in options if option not in known | {"--help"})


def setting_faults(text: str, _: Path) -> Faults:
    for span in CODE.findall(BLOCK.sub("", text)):
        if (named := A_KEY.fullmatch(span)) and named[1] in sections():
            if named[2] not in sections()[named[1]] | {"py", "toml"}:
                yield f"no such setting: {span}"
        elif named := A_SECTION.fullmatch(span):
            if named[1] not in sections():
                yield f"no such section: {span}"
            elif named[2] and named[2].strip() not in sections()[named[1]]:
                yield f"no such setting: {span}"
        elif (named := A_VARIABLE.fullmatch(span)) and not span.startswith(f"{PREFIX}TEST_"):
            if named[2].lower() not in sections().get(named[1].lower(), ()):
                yield f"no such setting: {span}"


def code_faults(text: str, _: Path) -> Faults:
    for span in CODE.findall(BLOCK.sub("", text)):
        if A_CODE.fullmatch(span) and span not in errors.SENTENCES:
            yield f"no such error code: {span}"
        if re.fullmatch(r"[A-Z]\w*(Error|Failed|Killed|Source|Rejected|Full)", span) and not hasattr(errors, span):
            yield f"no such error: {span}"


def line_faults(text: str, _: Path) -> Faults:
    for number, line in enumerate(text.splitlines(), 1):
        if len(line) > LONGEST_LINE:
            yield f"line {number} has {len(line)} characters"


CHECKS: tuple[Callable[[str, Path], Faults], ...] = (
    link_faults,
    path_faults,
    command_faults,
    setting_faults,
    code_faults,
    line_faults,
)


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_what_the_documents_name_exists(check: Callable[[str, Path], Faults]) -> None:
    found = {str(path.relative_to(ROOT)): list(check(path.read_text("utf-8"), path.parent)) for path in DOCS}
    assert {path: faults for path, faults in found.items() if faults} == {}


@pytest.mark.parametrize(
    ("check", "text"),
    [
        (link_faults, "[a](nowhere.md)"),
        (link_faults, "[a](README.md#no-such-heading)"),
        (path_faults, "`pod_jobs/no_such_file.py`"),
        (path_faults, "`media/planning/no_such_file.py`"),
        (path_faults, "`no_such_file.py`"),
        (command_faults, "`./run fly`"),
        (command_faults, "`./run pod-jobs fly`"),
        (command_faults, "`./run pod-jobs user add|fly NAME`"),
        (command_faults, "`./run pod-jobs list --fly`"),
        (command_faults, "text\n\n    ./run bench fly\n"),
        (command_faults, "```sh\n./run test tests/fly\n```"),
        (setting_faults, "`web.fly`"),
        (setting_faults, "`[fly]`"),
        (setting_faults, "`[web] fly`"),
        (setting_faults, "`POD_JOBS_WEB__FLY=1`"),
        (code_faults, "`source-fly`"),
        (code_faults, "`FlyError`"),
        (line_faults, "x" * (LONGEST_LINE + 1)),
    ],
)
def test_each_check_can_fail(check: Callable[[str, Path], Faults], text: str) -> None:
    assert list(check(text, ROOT))


@pytest.mark.parametrize("name", ["settings.toml", "Procfile"])
def test_lines_of_other_files_that_people_read_are_short(name: str) -> None:
    assert list(line_faults((ROOT / name).read_text("utf-8"), ROOT)) == []


def test_every_setting_is_explained_in_settings_toml() -> None:
    """By a comment beside it or right above it."""
    explained: set[str] = set()
    section, is_below_comment = "", False
    for line in (ROOT / "settings.toml").read_text("utf-8").splitlines():
        if head := re.match(r"(?:# )?\[\[?([a-z0-9_.]+)\]\]?(?:\s|$)", line):
            section = head[1]
        elif key := re.match(r"(?:# )?([a-z_0-9]+) = \S.*?( # .*\w.*)?$", line):
            if key[2] or is_below_comment:
                explained.add(f"{section}.{key[1]}")
        is_below_comment = line.startswith("# ")
    needed = {f"{name}.{key}" for name, keys in sections().items() for key in keys}
    elsewhere = NOT_IN_THE_FILE | set(REPEATED)
    elsewhere |= {f"{section}.{queue}" for section in ("workers", "fleet") for queue in QUEUES}  # their heading says it
    elsewhere |= {f"template.rendition.{key}" for key in RenditionSettings.model_fields}  # as in [[rendition]]
    elsewhere |= {"rendition.name", "template.title"}
    assert needed - explained - elsewhere == set()


def test_every_section_and_command_is_documented() -> None:
    text = "\n".join(path.read_text("utf-8") for path in DOCS)
    named = "\n".join(command_lines(text))
    missing = [name for name in pod_jobs_command.commands if not re.search(rf"run (pod-jobs )?{name}\b", named)]
    for group in ("user", "token", "xapi"):
        command = pod_jobs_command.commands[group]
        assert isinstance(command, click.Group)
        missing += [f"{group} {one}" for one in command.commands if not re.search(rf"{group} (\S*\|)?{one}\b", named)]
    spans = set(CODE.findall(text))
    missing += [name for name in sections() if not spans & {f"[{name}]", f"[[{name}]]"} and "." not in name]
    assert missing == []


def test_the_queues_have_the_same_names_everywhere() -> None:
    """In the settings, the job types, the Procfile and the documentation; the code writes a name only in a job type."""
    settings = tomllib.loads((ROOT / "settings.toml").read_text("utf-8"))
    assert tuple(settings["workers"]) == tuple(settings["fleet"]) == QUEUES
    assert {one.queue for one in JOB_TYPES.values()} == set(QUEUES)
    named = re.findall(r"^(\w+): exec \S+ worker\.py (\w+)$", (ROOT / "Procfile").read_text(), re.MULTILINE)
    assert named == [(name, name) for name in QUEUES]
    members = re.findall(r"^([\w-]+): exec", (ROOT / "Procfile").read_text(), re.MULTILINE)
    assert members == list(lines.NAMES)
    for page in ("README.md", "docs/administration.md"):
        assert set(members) <= set(CODE.findall((ROOT / page).read_text())), page
    literal = re.compile(rf"""(?i)queue\w*\s*(?:[!=]?=|in)\s*[(\[]?["'](?:{"|".join(QUEUES)})["']""")
    places = [path for path in (ROOT / "pod_jobs").rglob("*.py") if literal.search(path.read_text("utf-8"))]
    assert {path.relative_to(ROOT / "pod_jobs").parts[0] for path in places} == {"jobs"}


def test_the_index_lists_every_page() -> None:
    linked = set(LINK.findall((ROOT / "docs" / "README.md").read_text()))
    pages = {str(path.relative_to(ROOT / "docs")) for path in (ROOT / "docs").rglob("*.md")} - {"README.md"}
    assert pages - linked == set()


def test_the_changelog_keeps_its_form() -> None:
    text = (ROOT / "CHANGELOG.md").read_text("utf-8")
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    heads = re.findall(r"^## (.*)$", text, re.MULTILINE)
    assert heads[0] == "[Unreleased]"
    assert all(re.fullmatch(r"\[\d+\.\d+\.\d+\] - \d{4}-\d\d-\d\d", head) for head in heads[1:])
    assert f"[{version}]" in heads[1] if heads[1:] else f"version {version}" in text
    assert set(re.findall(r"^### (.*)$", text, re.MULTILINE)) <= CHANGES


def test_every_test_that_the_page_on_reliability_names_is_there() -> None:
    page = (ROOT / "docs" / "reliability.md").read_text()
    section = page.split("## Faults of RQ and the remedies")[1].split("\n## ")[0]
    holes = re.split(r"^- ", section, flags=re.MULTILINE)[1:]
    assert len(holes) > 25
    for hole in holes:
        named = re.findall(r"`(\w+/[\w/]+)\.(test_\w+)`", hole)
        assert named, hole
        for path, test in named:
            assert f"def {test}(" in (ROOT / "tests" / f"{path}.py").read_text(), hole


A_NAMED_FILE = re.compile(r"(?<![\w./<>*-])(?:[\w-]+/)*[\w-]+\.(?:py|md)\b(?![/(])")
OF_OTHERS = {"settings_local.py", "_exceptions.py", "x.py"}  # files of other projects, and of examples


def prose(source: str) -> str:
    """The comments and docstrings of a module."""
    comments = [
        token.string
        for token in tokenize.generate_tokens(io.StringIO(source).readline)
        if token.type == tokenize.COMMENT
    ]
    nodes = [node for node in ast.walk(ast.parse(source)) if isinstance(node, DOCUMENTED)]
    return "\n".join([*comments, *(ast.get_docstring(node) or "" for node in nodes)])


def missing_files(text: str, known: set[str]) -> list[str]:
    """Files that `text` names and that are not `known`."""
    return [name for name in A_NAMED_FILE.findall(text) if name not in known | OF_OTHERS]


def test_files_that_comments_and_docstrings_name_exist() -> None:
    """By the last parts of their paths alone, too."""
    folders = ("pod_jobs", "tests", "benchmarks", "docs")
    paths = [path.relative_to(ROOT).parts for folder in folders for path in (ROOT / folder).rglob("*.*")]
    known = {"/".join(parts[start:]) for parts in paths for start in range(len(parts))}
    known |= {path.name for path in ROOT.iterdir()}
    assert missing_files("see media/no_such.py", known) == ["media/no_such.py"]
    found = {}
    for path in (path for folder in folders for path in (ROOT / folder).rglob("*.py")):
        source = path.read_text("utf-8")
        if missing_files(source, known):  # perhaps in code: a closer look takes time
            found[str(path.relative_to(ROOT))] = missing_files(prose(source), known)
    assert {path: names for path, names in found.items() if names} == {}


def test_the_tests_that_the_documents_name_exist() -> None:
    """Names such as `unit/jobs/test_keys.test_no_key_is_written_anywhere_else`."""
    named = {
        name
        for path in DOCS
        for name in re.findall(r"`((?:unit|integration|acceptance)/[\w/]+\.test_\w+)`", path.read_text())
    }
    assert len(named) > 30
    missing = []
    for name in sorted(named):
        file, _, test = name.rpartition(".")
        path = ROOT / "tests" / f"{file}.py"
        if not path.exists() or f"def {test}(" not in path.read_text():
            missing.append(name)
    assert missing == []
