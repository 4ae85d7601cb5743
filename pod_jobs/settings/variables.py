"""The variables of the environment with which a service was started, for the command line."""

import os
from collections.abc import Mapping

from pod_jobs.settings import Settings
from pod_jobs.settings.sources import tree_of


def setting_variables() -> dict[str, str]:
    """The variables of this process's environment that set something."""
    return settings_among(os.environ)


def settings_among(variables: Mapping[str, str]) -> dict[str, str]:
    """Those that set something. No other one is taken from a file: LD_PRELOAD and the like would run foreign code."""
    sections = Settings.model_fields
    return {name: value for name, value in variables.items() if tree_of({name: value}, sections)}


def adopt(variables: Mapping[str, str]) -> list[str]:
    """Take these variables into this process's environment, where it lacks them. Returns their names."""
    lacking = sorted(variables.keys() - os.environ.keys())
    os.environ.update({name: variables[name] for name in lacking})
    return lacking
