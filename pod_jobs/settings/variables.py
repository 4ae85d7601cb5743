"""The variables of the environment with which a service was started, for the command line."""

import os
from collections.abc import Mapping

from pod_jobs.settings import Settings
from pod_jobs.settings.sources import tree_of


def setting_variables() -> dict[str, str]:
    """The variables of this process's environment that set something."""
    sections = Settings.model_fields
    return {name: value for name, value in os.environ.items() if tree_of({name: value}, sections)}


def adopt(variables: Mapping[str, str]) -> list[str]:
    """Take these variables into this process's environment, where it lacks them. Returns their names."""
    lacking = sorted(variables.keys() - os.environ.keys())
    os.environ.update({name: variables[name] for name in lacking})
    return lacking
