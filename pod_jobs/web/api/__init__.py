"""The REST API, /api/v1, with one file per noun. openapi.yaml describes it, and a test compares both."""

from flask import Flask

from pod_jobs.web.api import (
    activity,
    callbacks,
    caption_corrections,
    captions,
    drains,
    errors,
    far_help,
    figures,
    filters,
    inspections,
    joining,
    lanes,
    me,
    overview,
    results,
    run_bodies,
    run_files,
    runner,
    schedule,
    speech,
    tasks,
    traces,
    videos,
    waiting_reports,
)

BLUEPRINTS = (
    videos.blueprint,
    tasks.blueprint,
    filters.blueprint,
    callbacks.blueprint,
    waiting_reports.blueprint,
    drains.blueprint,
    schedule.blueprint,
    overview.blueprint,
    errors.blueprint,
    figures.blueprint,
    activity.blueprint,
    results.blueprint,
    inspections.blueprint,
    run_files.blueprint,
    run_bodies.blueprint,
    far_help.blueprint,
    me.blueprint,
    joining.blueprint,
    captions.blueprint,
    caption_corrections.blueprint,
    speech.blueprint,
    traces.blueprint,
    lanes.blueprint,
)
PREFIX = "/api/v1"


def register(app: Flask) -> None:
    for blueprint in BLUEPRINTS:
        app.register_blueprint(blueprint, url_prefix=PREFIX + (blueprint.url_prefix or ""))
    app.register_blueprint(runner.blueprint)  # its addresses are those that an Esup-Pod calls
