"""Random histories of a tiny company, built to run into the corners of the rule: few instants, many coincidences."""

from datetime import UTC, date, datetime, timedelta
from random import Random
from zoneinfo import ZoneInfo

from app.domain.dates import BEGINNING, FOREVER
from app.domain.facts import (
    Completion,
    Employment,
    Equivalence,
    Exemption,
    Extension,
    Item,
    Leave,
    Membership,
    Order,
    Person,
    Release,
    Requirement,
    Retirement,
    Revocation,
    Verdict,
)
from tests.domain.oracle import World

ZONES = (
    "UTC",
    "America/New_York",
    "Europe/Berlin",
    "Asia/Kolkata",
    "Asia/Beirut",  # the clock jumps over midnight
    "America/Havana",  # midnight comes twice
    "Pacific/Auckland",
    "Australia/Lord_Howe",
)
FUNCTIONS = (1, 2, 3)
OTHER_UNITS = (11, 12)
EPOCH = datetime(2024, 1, 1, tzinfo=UTC)
DAYS = 800


def some_instant(random: Random, zone: str) -> datetime:
    """A local midnight of a few days near the turns of the clock, or any instant of two years."""
    kind = random.random()
    if kind < 0.55:
        day = date(2024, 1, 1) + timedelta(days=7 * random.randrange(DAYS // 7))
        return datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(zone)).astimezone(UTC)
    if kind < 0.7:
        day = random.choice([date(2024, 2, 29), date(2024, 3, 31), date(2024, 11, 3), date(2025, 1, 31)])
        return datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(zone)).astimezone(UTC)
    return EPOCH + timedelta(minutes=random.randrange(DAYS * 1440))


def _span(random: Random, zone: str, lasting: float = 0.5) -> tuple[datetime, datetime]:
    """An interval; ``lasting`` is how likely it starts early and stays open."""
    if random.random() < lasting:
        return EPOCH - timedelta(days=random.randrange(60)), FOREVER
    start, end = sorted((some_instant(random, zone), some_instant(random, zone)))
    return (start, FOREVER if random.random() < 0.5 or start == end else end)


def _knowledge(random: Random) -> dict[str, datetime]:
    """When a fact became known and was withdrawn: mostly always and never."""
    if random.random() < 0.75:
        return {"recorded_at": BEGINNING + timedelta(days=random.randrange(1000))}
    recorded = EPOCH + timedelta(days=random.randrange(DAYS))
    if random.random() < 0.5:
        return {"recorded_at": recorded}
    return {"recorded_at": recorded, "voided_at": recorded + timedelta(days=random.randrange(1, 400))}


def random_world(random: Random) -> World:
    """Return a company of two people and up to three items, with facts of every kind."""
    world = World()
    world.people = [Person(number, random.choice(ZONES)) for number in (1, 2)]
    world.items = [Item(number, f"SOP-{number}", lead_days=random.choice([0, 30, 90])) for number in (1, 2, 3)]
    zone = world.people[0].zone
    for item in world.items:
        _versions(world, random, item.id, zone)
        _rows(world, random, item.id, zone)
    for person in world.people:
        _person(world, random, person)
    if random.random() < 0.4:
        pair = random.sample([item.id for item in world.items], 2)
        world.equivalences.append(Equivalence(*pair, *_span(random, zone), **_knowledge(random)))
    return world


def _versions(world: World, random: Random, item: int, zone: str) -> None:
    effective = random.choice([some_instant(random, zone), EPOCH])
    for sequence in range(1, random.choice([1, 2, 3, 3, 4])):
        version = item * 10 + sequence
        revision = random.choice(["major", "major", "minor", "editorial"])
        approved = effective - timedelta(days=random.choice([0, 14, 30]))
        world.releases.append(
            Release(version, item, sequence, str(sequence), revision, approved, effective, **_knowledge(random))
        )
        for function in FUNCTIONS:
            if random.random() < 0.2:
                verdict = random.choice(["none", "notice", "read", "read_quiz", "ojt"])
                world.verdicts.append(Verdict(version, function, verdict, **_knowledge(random)))
        effective += timedelta(days=random.choice([7, 30, 90, 200]))
    if random.random() < 0.1:
        world.retirements.append(Retirement(item, some_instant(random, zone), **_knowledge(random)))


def _rows(world: World, random: Random, item: int, zone: str) -> None:
    for number in range(random.choice([0, 1, 2, 3])):
        units = tuple(sorted(random.sample(FUNCTIONS + OTHER_UNITS, random.choice([0, 1, 1, 1, 2]))))
        world.requirements.append(
            Requirement(
                item * 10 + number,
                item,
                units,
                tuple(unit for unit in units if unit in FUNCTIONS),
                *_span(random, zone),
                months=random.choice([None, None, 1, 6, 12]),
                yearly=random.choice([None, None, None, (2, 29), (6, 30)]),
                days_to_complete=random.choice([0, 7, 14, 60]),
                grace_days=random.choice([0, 0, 10]),
                revision_grace_days=random.choice([0, 0, 14]),
                **_knowledge(random),
            )
        )


def _person(world: World, random: Random, person: Person) -> None:
    number, zone = person
    for _ in range(random.choice([1, 1, 1, 2])):
        world.employments.append(Employment(number, *_span(random, zone, 0.7), **_knowledge(random)))
    for _ in range(random.randrange(1, 7)):
        unit = random.choice(FUNCTIONS + OTHER_UNITS)
        world.memberships.append(Membership(number, unit, *_span(random, zone, 0.6), **_knowledge(random)))
    for _ in range(random.choice([0, 0, 0, 1, 2])):
        world.leaves.append(Leave(number, *_span(random, zone, 0.05), **_knowledge(random)))
    versions = [(release.item, release.id) for release in world.releases]
    for _ in range(random.randrange(10) if versions else 0):
        item, version = random.choice(versions)
        done = Completion(
            len(world.completions) + 1, number, item, version, some_instant(random, zone), **_knowledge(random)
        )
        world.completions.append(done)
    for item in (1, 2, 3):
        _rare(world, random, number, item, zone)


def _rare(world: World, random: Random, person: int, item: int, zone: str) -> None:
    if random.random() < 0.1:
        world.exemptions.append(Exemption(person, item, *_span(random, zone, 0.1), **_knowledge(random)))
    if random.random() < 0.15:
        due = some_instant(random, zone).date()
        world.extensions.append(Extension(person, item, due, **_knowledge(random)))
    if random.random() < 0.15:
        world.revocations.append(Revocation(person, item, some_instant(random, zone), **_knowledge(random)))
    for _ in range(random.choice([0, 0, 0, 1, 2])):
        placed = some_instant(random, zone)
        due = placed.date() + timedelta(days=random.choice([0, 14, 60]))
        world.orders.append(
            Order(
                len(world.orders) + 1,
                person,
                item,
                placed,
                due,
                random.random() < 0.4,
                "CAPA-1",
                **_knowledge(random),
            )
        )
