"""pod-jobs broker: what waits on the Celery brokers of sites, for the change-over from Celery's workers to ours."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

from pod_jobs.cli.base import Fault, InstanceGroup, demand_instance, echo_json, echo_table, load_settings
from pod_jobs.errors import ServiceUnavailable
from pod_jobs.settings import Settings

if TYPE_CHECKING:
    from pod_jobs.celery.broker import Broker

HEAD = ("SITE", "BROKER", "QUEUE", "WAITING", "TAKEN", "REFUSED")


@click.group(cls=InstanceGroup)
def broker() -> None:
    """The Celery brokers of sites of kind "celery": an Esup-Pod 4.1 orders by them."""


@broker.command()
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
def show(as_json: bool) -> None:
    """Show how many messages wait, were taken and not finished yet, and are kept aside because they cannot be carried out."""
    rows, reserved = [], []
    for site, number, celery_broker in _brokers(_settings()):
        rows += [
            (site, number, *(queue.name, queue.waiting, queue.taken, queue.refused))
            for queue in celery_broker.figures()
        ]
        reserved.append((site, number, celery_broker.count_reserved()))
    if as_json:
        for row in rows:
            echo_json(dict(zip(map(str.lower, HEAD), row, strict=True)))
        for site, number, count in reserved:
            echo_json({"site": site, "broker": number, "reserved_by_celery": count})
        return
    echo_table(rows, HEAD)
    for site, number, count in reserved:
        if count:
            click.echo(
                f"{count} messages on broker {number} of {site} were taken by Celery's own workers: broker take-over"
            )


@broker.command("take-over")
@click.argument("site")
@click.option("--yes", is_flag=True, help="No worker of Celery's runs any more.")
def take_over(site: str, yes: bool) -> None:
    """Take over what Celery's own workers of SITE took and never finished. Stop them first: it would be done twice."""
    if not yes:
        click.confirm("Is no worker of Celery's running any more?", abort=True)
    click.echo(
        f"{sum(celery_broker.offer_reserved() for _, _, celery_broker in _brokers(_settings(), site))} messages wait again."
    )


@broker.command("offer-refused")
@click.argument("site")
def offer_refused(site: str) -> None:
    """Try what was kept aside of SITE once more, for instance after an update."""
    click.echo(
        f"{sum(celery_broker.offer_refused() for _, _, celery_broker in _brokers(_settings(), site))} messages wait again."
    )


def _settings() -> Settings:
    settings = load_settings()
    demand_instance(settings)
    return settings


def _brokers(settings: Settings, name: str = "") -> "Iterator[tuple[str, int, Broker]]":
    """Site, number of the broker in its file from 1, broker. Errors: Fault; ServiceUnavailable."""
    from pod_jobs.celery.broker import Broker  # importing redis takes 0.1 s, and only this command needs it

    sites = [site for site in settings.site if site.is_celery and name in ("", site.name)]
    if not sites:
        raise Fault("There is no such site.", "The settings have no [[site]] of kind celery with this name.")
    for site in sites:
        for number, address in enumerate(settings.site_broker_urls(site), 1):
            try:
                yield site.name, number, Broker(address)
            except ServiceUnavailable as error:
                raise Fault(f"Broker {number} of {site.name} does not answer.", error.reason) from error
