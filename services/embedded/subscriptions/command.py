"""What the commands below `wirewatch subscriptions` do, beside whatever is running."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from pydantic import TypeAdapter

from schemas.folder import SubscriptionSpec
from schemas.subscriptions import Batch, Digest, Quiet, RuleSelection
from services.embedded.commands import FAILED, OK, Said, must_exist, open_database_in
from services.runtime.settings import Settings
from services.store import unsubscribed, written
from services.store.unsubscribed import EVERYBODY, Unsubscribed
from services.store.written import Kind

_SUBSCRIPTION = TypeAdapter(SubscriptionSpec)


async def list_subscriptions(state: Path, settings: Settings) -> Said:
    """The subscriptions in force, and who has left them."""
    must_exist(state, settings)
    async with open_database_in(state, settings) as database, database.read() as tx:
        stored = await written.items(tx, Kind.SUBSCRIPTIONS)
        left = await unsubscribed.listed(tx)
    specs = {i: _SUBSCRIPTION.validate_python(dict(item.spec)) for i, item in stored.items()}
    lines = [line for spec in specs.values() for line in _lines(spec, left)]
    lines += [_gone(one) for one in left if one.subscription_id not in specs]
    return Said(OK, lines or ["no subscriptions"])


async def bring_back(state: Path, settings: Settings, subscription_id: str, address: str) -> Said:
    """Undo that somebody has unsubscribed."""
    must_exist(state, settings)
    async with open_database_in(state, settings) as database, database.write() as tx:
        if await unsubscribed.come_back(tx, subscription_id, address):
            return Said(OK, [f"{subscription_id}: {address or 'everybody'} is sent messages again"])
    whom = f"{address} has not unsubscribed from" if address else "nobody has unsubscribed all of"
    return Said(FAILED, (), [f"{whom} {subscription_id}"])


def _lines(spec: SubscriptionSpec, left: Sequence[Unsubscribed]) -> Iterator[str]:
    yield f"{spec.id} -> {spec.channel}: {_what(spec)}"
    for one in left:
        if one.subscription_id == spec.id:
            who = (
                "nobody is sent anything" if one.address == EVERYBODY else f"without {one.address}"
            )
            yield f"    {who}: unsubscribed {one.since:%Y-%m-%d %H:%M} UTC ({one.how})"


def _what(spec: SubscriptionSpec) -> str:
    if spec.kind == "ops":
        return "notices to the operator"
    match spec.mode:
        case Batch(batch=length):
            mode = f"in batches of {length}"
        case Digest(digest=when):
            mode = f"digest {when} ({spec.zone})"
        case _:
            mode = "instant"
    chosen = spec.rules
    rules = "all rules"
    if isinstance(chosen, RuleSelection):
        keys = chosen.model_dump(mode="json", exclude_none=True)
        rules = "; ".join(f"{key} {', '.join(values)}" for key, values in keys.items())
    floor = f", {spec.min_severity.value} and above" if spec.min_severity else ""
    return f"{rules}{floor}, {mode}{_limits(spec)}"


def _limits(spec: SubscriptionSpec) -> str:
    cap = f", at most {spec.cap} of a rule in an hour" if spec.cap else ""
    return f"{cap}, quiet {_quiet(spec.quiet)} ({spec.zone})" if spec.quiet else cap


def _quiet(quiet: Quiet) -> str:
    days = f" on {', '.join(quiet.days)}" if len(set(quiet.days)) < 7 else ""
    urgent = ", for urgent alerts, too" if quiet.urgent == "hold" else ""
    return f"from {quiet.start} to {quiet.end}{days}{urgent}"


def _gone(one: Unsubscribed) -> str:
    who = one.address or "everybody"
    return f"{one.subscription_id} (not in the configuration): {who} has unsubscribed"
