"""A kill at each named place of the way from the socket to the confirmation, three times or more each.

Needs the variant `failpoints`. A point that is never reached is a failure: it would prove nothing.
"""
from tests.support import leatd

from .scene import DATABASE, Result, Scene, verdict

POINTS = ["after_receive", "before_commit", "after_commit", "before_confirm", "segment_roll"]
TIMES = 3
SIGKILLED = -9
BULK = ("INSERT INTO churn (id, note) SELECT -9{0:04d}00000000 - g, string_agg(md5(random()::text || g || i), '') "
        "FROM generate_series(1, 400) g, generate_series(1, 400) i GROUP BY g")


def run(seed, variant="failpoints"):
    if not leatd.binary(variant).exists():
        return [Result(f"failpoint {p}", "skipped", f"build/{variant}/leat is not built") for p in POINTS]
    # Small uncompressed segments, so that they roll under a load of some megabytes.
    store = {"segment_size": "2MiB", "compression": "none"}
    with Scene("failpoints", seed, variant, store=store) as scene:
        scene.begin()
        scene.leat.kill9()
        counts, missed = {}, []
        for point in POINTS:
            counts[point] = sum(hit(scene, point, time) for time in range(TIMES))
            if counts[point] < TIMES:
                missed.append(point)
        report = scene.judge()
        results = [verdict(f"failpoint {p}", report, f"{counts[p]} kills there") for p in POINTS]
        return [Result(r.name, "failed", f"reached {counts[p]} times of {TIMES}") if p in missed else r
                for p, r in zip(POINTS, results)]


def hit(scene, point, time):
    """Starts with the failpoint armed and waits for the death; True if it came from there."""
    nth = 1 if time == 0 or point == "segment_roll" else scene.random.randint(2, 15)
    scene.leat.spawn(f"{point}:kill:{nth}")
    if point == "segment_roll":
        for number in range(6):
            scene.server.sql(BULK.format(100 * (time + 1) + number), database=DATABASE)
    try:
        return scene.leat.wait_end(30) == SIGKILLED
    except TimeoutError:
        scene.leat.kill9()
        return False
