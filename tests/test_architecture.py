"""Imports go down only: the layers of docs/architecture.md, checked on the source."""

import ast
import tomllib
from pathlib import Path

import pod_jobs

PACKAGE = Path(__file__).parent.parent / "pod_jobs"

# module prefix -> what it may never import (prefixes); the longest matching prefix counts
FOREIGN = ("rq", "redis", "flask", "peewee", "requests", "playhouse")
LIBRARIES = ("pod_jobs.media", "pod_jobs.xapi", "pod_jobs.catalog")
SETTINGS = (
    "pod_jobs.settings",
    "pod_jobs.settings_faults",
    "pod_jobs.settings_sources",
    "pod_jobs.section",
    "pod_jobs.encode_settings",
    "pod_jobs.dressing_settings",
    "pod_jobs.periodic_settings",
    "pod_jobs.xapi_settings",
)
ABOVE_SETTINGS = (
    "pod_jobs.jobs",
    "pod_jobs.janitor",
    "pod_jobs.web",
    "pod_jobs.cli",
    "pod_jobs.processes",
    "pod_jobs.doctor",
    "pod_jobs.home",
    "pod_jobs.instance",
    "pod_jobs.traces",
)
ABOVE_LIBRARIES = (*SETTINGS, *ABOVE_SETTINGS)
FOR_ANY_LAYER = (
    "pod_jobs.errors",
    "pod_jobs.identity",
    "pod_jobs.parentage",
    "pod_jobs.durable",
    "pod_jobs.media_names",
    "pod_jobs.layouts",
)


def others(own: str) -> tuple[str, ...]:
    return tuple(library for library in LIBRARIES if library != own)


FORBIDDEN: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(FOR_ANY_LAYER, ("pod_jobs", *FOREIGN)),
    "pod_jobs.sniff": (*ABOVE_LIBRARIES, *LIBRARIES, *FOREIGN),
    "pod_jobs.media": (*ABOVE_LIBRARIES, *others("pod_jobs.media"), *FOREIGN),
    "pod_jobs.xapi": (*ABOVE_LIBRARIES, *others("pod_jobs.xapi"), "rq", "redis", "flask", "peewee"),
    "pod_jobs.catalog": (*ABOVE_LIBRARIES, *others("pod_jobs.catalog"), "rq", "redis", "flask"),
    **dict.fromkeys(SETTINGS, (*LIBRARIES, *ABOVE_SETTINGS, *FOREIGN)),
    "pod_jobs.jobs": (
        "flask",
        "peewee",
        "pod_jobs.catalog.models",
        "pod_jobs.catalog.store",
        "pod_jobs.traces",  # opens the database too
        "pod_jobs.instance",
        "pod_jobs.janitor",
        "pod_jobs.web",
        "pod_jobs.cli",
        "pod_jobs.processes",
        "pod_jobs.doctor",
    ),
    "pod_jobs.janitor": (
        "flask",
        "pod_jobs.media",
        "pod_jobs.web",
        "pod_jobs.cli",
        "pod_jobs.processes",
        "pod_jobs.doctor",
    ),
    "pod_jobs.doctor": ("flask", "rq", "pod_jobs.janitor", "pod_jobs.web", "pod_jobs.cli", "pod_jobs.processes"),
    "pod_jobs.web": (
        "pod_jobs.media",
        "subprocess",
        "rq.registry",
        "pod_jobs.janitor",
        "pod_jobs.cli",
        "pod_jobs.processes",
    ),
    "pod_jobs.processes": (*LIBRARIES, *FOREIGN, "pod_jobs.cli"),
    "pod_jobs.cli": ("rq", "redis", "flask", "peewee", "subprocess", "pod_jobs.janitor"),
}


def imports(source: str) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return found


def under(name: str, prefix: str) -> bool:
    return name == prefix or name.startswith(prefix + ".")


def faults(module: str, source: str) -> list[str]:
    rules = [rule for prefix, rule in sorted(FORBIDDEN.items()) if under(module, prefix)]
    return [
        f"{module} imports {name}"
        for rule in rules[-1:]
        for name in sorted(imports(source))
        if any(under(name, forbidden) for forbidden in rule)
    ]


def test_imports_go_down_only() -> None:
    found = []
    for path in sorted(PACKAGE.rglob("*.py")):
        module = ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts).removesuffix(".__init__")
        found += faults(module, path.read_text())
    assert found == []


def test_the_check_itself_can_fail() -> None:
    assert faults("pod_jobs.media.probe", "from redis import Redis") == [
        "pod_jobs.media.probe imports redis",
        "pod_jobs.media.probe imports redis.Redis",
    ]
    assert faults("pod_jobs.jobs.encode", "import pod_jobs.catalog.store")
    assert not faults("pod_jobs.jobs.encode", "from pod_jobs.catalog.client import CatalogClient")


def test_files_stay_short_enough_to_read() -> None:
    files = (*PACKAGE.rglob("*.py"), *PACKAGE.rglob("*.js"))
    long = {str(p): n for p in files if (n := len(p.read_text().splitlines())) > 300}
    assert long == {}


def test_the_package_and_the_program_are_of_one_version() -> None:
    project = tomllib.loads((PACKAGE.parent / "pyproject.toml").read_text())["project"]
    assert project["version"] == pod_jobs.__version__
