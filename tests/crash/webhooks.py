"""SIGKILL of a leat that takes events over HTTP, again and again, while clients bring them and retry.

What was answered 2xx is there once, with the same bytes; what was sent until it was answered is there once, however often
its answer was lost; no request is there in part. And a client that sends an old request again after all the kills
is told the ids of then.
"""
import random
import subprocess

from tests.support import places
from tests.support.hookload import Load
from tests.support.hooks import Hooks

from .kill_loop import RECOVERING_MS, RUNNING_MS, SIGKILLED
from .scene import Result

CLIENTS, AGAIN = 6, 200
NAME = "webhooks kill loop"


def run(kills, seed, variant="release"):
    directory = places.scratch("crash-webhooks")
    hooks = Hooks(directory, store={"segment_size": "4MiB"}, variant=variant)
    load = Load(hooks, seed, [("open", {}), ("acme", {"Authorization": hooks.key()})], CLIENTS)
    hooks.start()
    load.start()
    try:
        strange, listening = kill(hooks, kills, random.Random(f"{seed}/webhooks"))
        hooks.start()
        load.finish()
        strange += load.again(AGAIN)
        if hooks.stop() != 0:
            strange.append("leat did not end with 0 on SIGTERM")
        return [verdict(hooks, load, strange, f"{kills} kills, {listening} of them while it took requests")]
    finally:
        if hooks.process.poll() is None:
            hooks.kill9()


def kill(hooks, kills, chance):
    """(what should not have been, how many kills met a daemon that listened)"""
    strange, listening = [], 0
    for number in range(kills):
        low, high = RECOVERING_MS if number % 10 in (2, 5, 8) else RUNNING_MS
        try:
            hooks.process.wait(low / 1000 * (high / low) ** chance.random())
        except subprocess.TimeoutExpired:
            listening += hooks.listening()
            hooks.kill9()
        if hooks.process.returncode != SIGKILLED:
            strange.append(f"ended with {hooks.process.returncode}: {hooks.log()[-300:]}")
        hooks.spawn()
    hooks.kill9()
    return strange, listening


def verdict(hooks, load, strange, text):
    figures, wrong = load.check(hooks.tail("--op", "post"))
    strange += wrong + [line for line in hooks.log().splitlines() if " ERROR " in line][:5]
    verified = hooks.command("verify", seconds=300)
    if verified.returncode != 0:
        strange.append(f"verify: {verified.stdout[-300:]}")
    text += (f"; {figures['requests']} requests, {figures['retried']} retried, {figures['duplicates']} answered as known; "
             f"{figures['events']} events, {figures['answered']} of them answered 2xx: {figures['lost']} lost, "
             f"{figures['repeated']} repeated, {figures['torn']} torn")
    if figures["answered"] == 0 or figures["duplicates"] == 0:
        strange.append("too little happened to prove anything")
    if not strange:
        places.remove(hooks.directory)
        return Result(NAME, "passed", text)
    return Result(NAME, "failed", f"{text}\n" + "\n".join(strange[:10]) + f"\nevidence is kept in {hooks.directory}")
