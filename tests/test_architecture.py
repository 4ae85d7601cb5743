"""The map of the house: which room may import which. Checked on the source of every module.

Each table is a list of floors, from the top down. A module may import from the floors below its own and from its own
room, never from a room beside it or above it. A package with rooms of its own has a table of its own.
"""

import ast
import re
import tomllib
from collections.abc import Iterable, Iterator
from importlib import metadata
from pathlib import Path

import pytest

import pod_jobs

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "pod_jobs"
LONGEST_FILE = 400  # lines; 300 is what to aim for
LONGEST_LINE = 120  # characters

# package -> its floors from the top down; a floor's rooms do not see each other
FLOORS = {
    "pod_jobs": (
        "cli",
        "processes",  # supervisors, embedded key-value server, launcher
        "web janitor bridge",  # bridge: what an Esup-Pod 4.1 puts on its Celery broker becomes tasks
        "hand_over",  # gives RQ the next few of the tasks that wait in the catalog
        "instance",  # the instance folder, its preparation, its doctor
        "jobs",  # one file or folder per job type, and what enqueues and runs them
        "settings",
        "media speech storage xapi outside catalog celery",  # libraries that do not know one another
        "captions answers http_session",  # caption files; what answers of the web app mean, and how it is called
        "errors media_folder system",
    ),
    "pod_jobs.media": (
        "encode",
        "outputs sharing",  # what a finished folder holds; chunks for several workers
        "probing",  # reading a file in a child process
        "work",  # what one encode carries along
        "command hls",  # arguments of ffmpeg; playlists and their checks
        "process",  # running and guarding a process
        "planning",  # pure decisions
        "facts",  # plain values
    ),
    "pod_jobs.web": (
        "app",
        "api pages health media_files browser_files",
        "overview",  # everything at a glance
        "intake run_logs failed_parts polls watched",  # what comes in; what both pages and API show
        "alive",  # who gives signs of life
        "guards",  # who may, how much, how slowly
        "services",  # settings, database, Redis and job types of the instance
    ),
    "pod_jobs.jobs": (
        "table",  # every job type: imported by what starts web app, workers and janitor, which hand it on
        "worker pod acl",  # pod: what an Esup-Pod orders
        "speech",
        "inspect",
        "encode verify",
        "runtime deliver_statements colleagues far_helper",
        "far_owner",
        "kept_reports",  # for workers of other hosts than the web host
        "report",
        "context",  # what a running job is given
        "workforce dead_workers snapshot gate hosts",
        "queue drains",
        "rq_classes",
        "connection job_type keys ticks drain_scope",
        "sentinel",
    ),
    "pod_jobs.jobs.speech": ("assist", "transcribe", "far_pieces", "sharing", "plan wish"),
    "pod_jobs.catalog": (
        "store client copying",
        "lanes_client database",
        "revisions",  # sees every change that a database executes
        "trace_models caption_models site_models team_models",
        "models",
        "figures new_task permissions fingerprints id_lists kept_connections lane_filter seals site_words waiting_order",
    ),
    "pod_jobs.instance": ("doctor backup joining", "prepare", "home learning_traces numbers people redis_owner sites"),
}

# room -> what it may not import although it lies on a floor below, or is foreign; the longest name that fits counts
RQ, REDIS, FLASK, PEEWEE, HTTP = "rq", "redis", "flask", "peewee", "requests"
NEVER = {
    "pod_jobs": (),
    "pod_jobs.errors": (RQ, REDIS, FLASK, PEEWEE, HTTP),
    "pod_jobs.answers": (RQ, REDIS, FLASK, PEEWEE),
    "pod_jobs.http_session": (RQ, REDIS, FLASK, PEEWEE),
    "pod_jobs.media_folder": (RQ, REDIS, FLASK, PEEWEE, HTTP),
    "pod_jobs.system": (RQ, REDIS, FLASK, PEEWEE, HTTP),
    "pod_jobs.settings": (RQ, REDIS, FLASK, PEEWEE, HTTP),
    "pod_jobs.captions": (RQ, REDIS, FLASK, PEEWEE, HTTP),
    "pod_jobs.speech": (RQ, REDIS, FLASK, PEEWEE, HTTP),
    "pod_jobs.media": (RQ, REDIS, FLASK, PEEWEE, HTTP),
    "pod_jobs.outside": (RQ, REDIS, FLASK, PEEWEE),
    # where files are: it knows names, errors and the system, and nothing of who asks
    "pod_jobs.storage": (RQ, REDIS, FLASK, PEEWEE),
    "pod_jobs.xapi": (RQ, REDIS, FLASK, PEEWEE),
    "pod_jobs.catalog": (RQ, REDIS, FLASK),
    # workers never open the database
    "pod_jobs.jobs": (
        FLASK,
        PEEWEE,
        "pod_jobs.catalog.models",
        "pod_jobs.catalog.trace_models",
        "pod_jobs.catalog.caption_models",
        "pod_jobs.catalog.site_models",
        "pod_jobs.catalog.team_models",
        "pod_jobs.catalog.store",
    ),
    "pod_jobs.instance": (FLASK, RQ),
    "pod_jobs.hand_over": (RQ, FLASK, PEEWEE),
    "pod_jobs.janitor": (FLASK, "pod_jobs.media"),
    "pod_jobs.bridge": (RQ, FLASK, "pod_jobs.media"),
    "pod_jobs.celery": (RQ, FLASK, PEEWEE, HTTP),
    "pod_jobs.web": (
        "rq.registry",
        "subprocess",
        *(f"pod_jobs.media.{room}" for room in ("encode", "process", "probing", "outputs")),
    ),
    "pod_jobs.processes": (RQ, REDIS, FLASK, PEEWEE, HTTP, "pod_jobs.media", "pod_jobs.xapi", "pod_jobs.catalog"),
    "pod_jobs.cli": (RQ, REDIS, FLASK, PEEWEE, "subprocess", "pod_jobs.janitor"),
}


def modules() -> dict[str, Path]:
    paths = sorted(PACKAGE.rglob("*.py"))
    return {".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path for path in paths}


def imports(source: str) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def under(name: str, prefix: str) -> bool:
    return name == prefix or name.startswith(prefix + ".")


def faults(module: str, source: str) -> list[str]:
    found = sorted(imports(source))
    return [*_against_the_floors(module, found), *_never(module, found)]


def _against_the_floors(module: str, found: Iterable[str]) -> Iterator[str]:
    for package, floors in FLOORS.items():
        number = {room: number for number, floor in enumerate(floors) for room in floor.split()}
        own = _room(module, package)
        for name in found if own else ():
            other = _room(name, package)
            if other and other != own and number[other] <= number[own]:
                yield f"{module} imports {name}, which is not below it"


def _room(name: str, package: str) -> str:
    """The room of `package` that holds `name`, "" for what is elsewhere or in the package's own __init__."""
    rest = name.removeprefix(package + ".")
    room = rest.split(".")[0]
    return room if rest != name and any(room in floor.split() for floor in FLOORS[package]) else ""


def _never(module: str, found: Iterable[str]) -> Iterator[str]:
    longest = max((prefix for prefix in NEVER if under(module, prefix)), key=len)
    return (f"{module} imports {name}" for name in found if any(under(name, prefix) for prefix in NEVER[longest]))


def test_imports_go_down_only() -> None:
    assert [fault for module, path in modules().items() for fault in faults(module, path.read_text())] == []


@pytest.mark.parametrize("package", FLOORS)
def test_every_room_has_a_floor(package: str) -> None:
    folder = ROOT / package.replace(".", "/")
    rooms = {path.stem for path in folder.iterdir() if path.suffix == ".py" or list(path.glob("*.py"))}
    assert {room for floor in FLOORS[package] for room in floor.split()} == rooms - {
        "__init__",
        "__main__",
        "migrations",
    }


def test_no_import_goes_round_in_a_circle() -> None:
    known = modules()
    graph = {
        module: {_module_of(name, known) for name in imports(path.read_text())} - {module, ""}
        for module, path in known.items()
    }
    while ends := {module for module in graph if not graph[module] or not any(module in one for one in graph.values())}:
        graph = {module: needed - ends for module, needed in graph.items() if module not in ends}
    assert sorted(graph) == []  # what is left stands in a circle, or between two


def _module_of(name: str, known: dict[str, Path]) -> str:
    return next((one for one in (name, name.rpartition(".")[0]) if one in known), "")


def test_the_check_itself_can_fail() -> None:
    assert faults("pod_jobs.media.probing.probe", "from redis import Redis") == [
        "pod_jobs.media.probing.probe imports redis.Redis"
    ]
    assert faults("pod_jobs.jobs.encode", "import pod_jobs.catalog.store")
    assert not faults("pod_jobs.jobs.encode", "from pod_jobs.catalog.client import CatalogClient")
    assert faults("pod_jobs.media.facts.times", "from pod_jobs.media.planning.cut import Range")
    assert faults("pod_jobs.xapi.lrs", "from pod_jobs import media")
    assert not faults("pod_jobs.media.planning.cut", "from pod_jobs.media.facts import times")


def test_only_the_settings_name_the_media_folder_and_only_to_hand_it_to_storage() -> None:
    named = {
        module
        for module, path in modules().items()
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Attribute) and node.attr == "media_folder"
    }
    assert named == {"pod_jobs.settings"}


def test_paths_in_the_media_folder_leave_storage_only_to_be_shown() -> None:
    """`submit` and `list` print where an output is; nothing else may know."""
    named = {
        module
        for module, path in modules().items()
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Attribute) and node.attr == "path_of" and not under(module, "pod_jobs.storage")
    }
    assert named == {"pod_jobs.cli.videos"}


# They read and write what an encoder that an upload has taken over may have replaced by a link or a pipe
AMONG_PLANTED = ("encode", "work", "hls", "outputs", "sharing", "process.journal", "facts.mp4_boxes")
OPENERS = (
    "open",
    "read_text",
    "write_text",
    "read_bytes",
    "write_bytes",
    "touch",
    "copyfile",
    "copy2",
    "copytree",
    "move",
)


def _opened_by_name(source: str) -> list[str]:
    calls = [node.func for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call)]
    named = [ast.unparse(func) for func in calls]
    return [name for name in named if name.split(".")[-1] in OPENERS and not name.startswith("plain_files.")]


def test_files_in_a_work_folder_are_opened_by_plain_files_alone() -> None:
    prefixes = ("pod_jobs.storage", *(f"pod_jobs.media.{room}" for room in AMONG_PLANTED))
    checked = {name: path for name, path in modules().items() if any(under(name, prefix) for prefix in prefixes)}
    assert len(checked) > len(prefixes)
    found = {name: calls for name, path in checked.items() if (calls := _opened_by_name(path.read_text()))}
    assert found == {}
    by_name = (
        "open(path); path.read_text(); plain_files.read_text(path); shutil.copyfile(path, to); shutil.copyfileobj(a, b)"
    )
    assert _opened_by_name(by_name) == ["open", "path.read_text", "shutil.copyfile"]


def _following(source: str) -> list[str]:
    """Requests by the library requests that would follow a redirect."""
    calls = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call)]
    asking = re.compile(r"(requests|\w*session(\(\))?)\.(request|get|post|put|patch|delete)")
    requests = [call for call in calls if asking.search(ast.unparse(call.func))]
    refusing = "allow_redirects=False"
    return [ast.unparse(one) for one in requests if refusing not in [ast.unparse(word) for word in one.keywords]]


def test_no_request_with_a_secret_is_sent_on_to_where_an_answer_says() -> None:
    asking = {name: path.read_text() for name, path in modules().items() if "requests" in imports(path.read_text())}
    assert len(asking) > 5
    assert {name: found for name, text in asking.items() if (found := _following(text))} == {}
    assert _following("self._session().get(url, allow_redirects=True); session.post(url)")


def test_files_stay_short_enough_to_read() -> None:
    files = (*PACKAGE.rglob("*.py"), *PACKAGE.rglob("*.js"), *PACKAGE.rglob("*.css"))
    long = {str(p): n for p in files if (n := len(p.read_text().splitlines())) > LONGEST_FILE}
    assert long == {}


def test_lines_of_pages_stay_short_enough_to_read() -> None:
    """ruff checks those of Python, and tests/test_docs.py those of the documents."""
    files = [path for ending in ("*.js", "*.css", "*.html") for path in PACKAGE.rglob(ending)]
    assert files
    long = [
        f"{p}:{n}" for p in files for n, line in enumerate(p.read_text().splitlines(), 1) if len(line) > LONGEST_LINE
    ]
    assert long == []


def test_the_package_and_the_program_are_of_one_version() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert project["version"] == pod_jobs.__version__


# adapter -> the library that it is written against: it overrides methods or replaces names of it that are not its public API
WRITTEN_AGAINST = {
    "web/pages/rq_dashboard.py": ("rq-dashboard", "0.9"),
    "processes/patient_worker.py": ("gunicorn", "27."),
    "jobs/rq_classes.py": ("rq", "3.0"),
    "jobs/worker.py": ("rq", "3.0"),
    "processes/launcher.py": ("honcho", "2."),
    "catalog/revisions.py": ("peewee", "4."),
}


@pytest.mark.parametrize("adapter", WRITTEN_AGAINST)
def test_an_adapter_is_read_again_when_its_library_changes(adapter: str) -> None:
    library, version = WRITTEN_AGAINST[adapter]
    assert (PACKAGE / adapter).exists()
    assert metadata.version(library).startswith(version), f"read {adapter} beside the new {library}, then name it here"


def test_names_of_a_library_are_replaced_only_in_its_adapter() -> None:
    replacing = re.compile(
        r"\bvars\([\w.]+\)(\.update|\[)|\b\w+\.__dict__|\bsetattr\((?!track,)|^\s*[a-z_][\w.]*\.[A-Z][A-Z_]+ = ", re.M
    )
    places = {
        str(path.relative_to(PACKAGE)) for path in PACKAGE.rglob("*.py") if replacing.search(path.read_text("utf-8"))
    }
    assert places == {"web/pages/rq_dashboard.py", "processes/launcher.py"}


# folders of tests that are not named after a room: what they test
OTHER_TESTS = {
    "benchmarks": "benchmarks/",
    "deploy": "deploy/",
    "traces": "the way of a statement through web, catalog, jobs and xapi",
}


def test_tests_mirror_the_rooms() -> None:
    for kind in ("unit", "integration"):
        top = ROOT / "tests" / kind
        folders = {path.parent.relative_to(top) for path in top.rglob("test_*.py")} - {Path()}
        unknown = {one for one in folders if not (PACKAGE / one).is_dir() and str(one) not in OTHER_TESTS}
        assert not unknown, f"tests/{kind}: no room of pod_jobs is called {sorted(map(str, unknown))}"
