"""SIGKILL at random moments, again and again, while the load runs.

Times are log-uniform, so that the first milliseconds of a start (locks, opening the store, connecting, the slot still
held by our own dead walsender) are hit as often as steady streaming. Three kills of ten come during the recovery from
the previous one.
"""
import subprocess

from .scene import Scene, verdict

RUNNING_MS = (5, 2000)
RECOVERING_MS = (5, 200)


def run(kills, seed, variant="release"):
    with Scene("kill", seed, variant, store={"segment_size": "4MiB"}) as scene:  # rolls happen too
        scene.begin()
        plan = [RECOVERING_MS if i % 10 in (2, 5, 8) else RUNNING_MS for i in range(kills)]
        scene.random.shuffle(plan)
        reached, own_exits = 0, []
        for number, span in enumerate(plan):
            if number:
                scene.leat.spawn()
            wait(scene.leat, scene.log_uniform(*span), own_exits)
            reached += scene.leat.streaming()
            scene.leat.kill9()
        recovering = sum(span is RECOVERING_MS for span in plan)
        report = scene.judge()
        if own_exits:
            report["ok"] = False
            report["failed"]["Exits"] = {"count": len(own_exits), "examples": own_exits[:5]}
        return [verdict("kill loop", report, f"{kills} kills, {recovering} of them during recovery, "
                                             f"{reached} while streaming")]


def wait(leat, seconds, own_exits):
    """Waits to kill; a daemon that ends by itself before that is a finding."""
    try:
        leat.process.wait(seconds)
        own_exits.append(f"exit code {leat.process.returncode}: {leat.log()[-300:]}")
    except subprocess.TimeoutExpired:
        pass
