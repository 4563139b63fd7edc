"""A kill at each named place of the way from the socket to the confirmation.

Needs the variant `failpoints`. A point that is never reached is a failure: it would prove nothing.
"""
from tests.support import leatd

from .databases import Postgres
from .scene import Result, Scene, verdict

POINTS = ["after_receive", "before_commit", "after_commit", "before_confirm", "segment_roll"]
SIGKILLED = -9
BULKS = 6  # large transactions, until a segment is full


def run(seed, variant="failpoints", database=Postgres):
    names = {point: f"{database.title}failpoint {point}" for point in POINTS}
    if not leatd.binary(variant).exists():
        return [Result(name, "skipped", f"build/{variant}/leat is not built") for name in names.values()]
    # Small uncompressed segments, so that they roll under a load of some megabytes.
    store = {"segment_size": "2MiB", "compression": "none"}
    times = database.failpoint_times
    with Scene("failpoints", seed, variant, database, store=store) as scene:
        scene.begin()
        scene.leat.kill9()
        counts = {point: sum(hit(scene, point, time) for time in range(times)) for point in POINTS}
        report = scene.judge()
        return [verdict(name, report, f"{counts[point]} kills there") if counts[point] == times
                else Result(name, "failed", f"reached {counts[point]} times of {times}")
                for point, name in names.items()]


def hit(scene, point, time):
    """Starts with the failpoint armed and waits for the death; True if it came from there."""
    nth = 1 if time == 0 or point == "segment_roll" else scene.random.randint(2, 15)
    scene.spawn(f"{point}:kill:{nth}")
    if point == "segment_roll":
        for number in range(BULKS):
            scene.database.bulk(-90_000_000_000_000 - (BULKS * time + number) * 1000)
    try:
        return scene.leat.wait_end(30) == SIGKILLED
    except TimeoutError:
        scene.leat.kill9()
        return False
