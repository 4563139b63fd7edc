"""SIGKILL at random moments, again and again, while the load runs.

Times are log-uniform, so that the first milliseconds of a start (locks, opening the store, connecting, the slot still
held by our own dead walsender) are hit as often as steady streaming. Three kills of leat in ten come during the recovery
from the previous one. Where the database loses nothing by it, its server is killed in between, with leat running or
starting: leat has to wait for it, and to drop what the server had begun to write. A daemon that ends by itself, or that
asks for the operator (ERROR), is a finding.
"""
import subprocess

from .databases import Postgres
from .scene import Scene, verdict

RUNNING_MS = (5, 2000)
RECOVERING_MS = (5, 200)
SERVER_KILLS_MIN = 2
SIGKILLED = -9


def run(kills, seed, variant="release", database=Postgres):
    with Scene("kill", seed, variant, database, store={"segment_size": "4MiB"}) as scene:  # rolls happen too
        scene.begin()
        plan, reached, strange = planned(scene, kills), 0, []
        for victim, span in plan:
            if not scene.leat.alive:
                scene.spawn()
            wait(scene.leat, scene.log_uniform(*span))
            if victim == "server":
                scene.database.kill_server(lambda: scene.random.random() < 0.5 and start_again(scene))
            else:
                reached += scene.leat.streaming()
                scene.leat.kill9()
            if not scene.leat.alive and scene.leat.process.returncode != SIGKILLED:
                strange.append(f"ended with {scene.leat.process.returncode}: {scene.leat.log()[-300:]}")
        report = scene.judge()
        strange += [line for line in scene.leat.log().splitlines() if " ERROR " in line]
        if strange:
            report["ok"], scene.kept = False, True
            report["failed"]["Daemon"] = {"count": len(strange), "examples": strange[:5]}
        recovering = sum(span is RECOVERING_MS for _, span in plan)
        servers = len(plan) - kills
        return [verdict(f"{database.title}kill loop", report,
                        f"{kills} kills, {recovering} of them during recovery, {reached} while streaming" +
                        (f", {servers} kills of the server" if servers else ""))]


def planned(scene, kills):
    """[(who is killed, after how long), …]"""
    plan = [("leat", RECOVERING_MS if i % 10 in (2, 5, 8) else RUNNING_MS) for i in range(kills)]
    if scene.database.server_kills:
        plan += [("server", RUNNING_MS)] * max(SERVER_KILLS_MIN, kills // scene.database.server_kills)
    scene.random.shuffle(plan)
    return plan


def start_again(scene):
    """Against a server that is not there."""
    scene.leat.kill9()
    scene.spawn()


def wait(leat, seconds):
    """Waits to kill; less, if the daemon ends by itself."""
    try:
        leat.process.wait(seconds)
    except subprocess.TimeoutExpired:
        pass
