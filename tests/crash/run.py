"""Runs the crash tests and prints one line each: python3 -m tests.crash.run [KILLS] [--only kill,mysql] [--seed N]

The seed is printed first; the same seed gives the same load and the same plan of kills (moments still differ by what
the machine does in between).
"""
import argparse
import os
import random
import sys
import time
import traceback

from tests.support import leatd, mysqlversions

from . import bit_flips, disk_full, failpoints, kill_loop, webhooks
from .databases import MySql, MySql9
from .scene import Result

SHORT = 100  # kills; a run with fewer is a short one in its other parts too


def parts(kills, seed, variant):
    short = kills < SHORT
    return {
        "kill": lambda: kill_loop.run(kills, seed, variant),
        "failpoints": lambda: failpoints.run(seed),
        "mysql": lambda: kill_loop.run(kills, seed, variant, MySql) + failpoints.run(seed, database=MySql),
        "mysql9": lambda: kill_loop.run(kills, seed, variant, MySql9),
        "webhook": lambda: webhooks.run(kills, seed, variant),
        "disk": lambda: disk_full.run(6 if short else 20, seed, variant),
        "flips": lambda: bit_flips.run(40 if short else 300, seed, variant),
    }


def main():
    parser = argparse.ArgumentParser(description="crash tests")
    parser.add_argument("kills", nargs="?", type=int, default=300)
    parser.add_argument("--only", default="kill,failpoints,mysql,webhook,disk,flips")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 31))
    parser.add_argument("--variant", default="release")
    a = parser.parse_args()
    print(f"crash: seed {a.seed}, {a.kills} kills", flush=True)
    if not leatd.binary(a.variant).exists():
        sys.exit(f"crash: {leatd.binary(a.variant)} is not built")
    results = []
    available = parts(a.kills, a.seed, a.variant)
    for name in a.only.split(","):
        begun = time.monotonic()
        try:
            found = available[name]()
        except mysqlversions.Unavailable as e:
            found = [Result(name, "skipped", str(e))]
        except Exception:
            found = [Result(name, "failed", traceback.format_exc())]
        for result in found:
            print(result, flush=True)
        print(f"crash: {name} took {time.monotonic() - begun:.0f} s", flush=True)
        results += found
    count = {s: sum(r.state == s for r in results) for s in ("passed", "failed", "skipped")}
    print(f"crash: {count['passed']} passed, {count['failed']} failed, {count['skipped']} skipped, seed {a.seed}")
    if os.environ.get("SUMMARY"):
        with open(os.environ["SUMMARY"], "a") as out:
            out.write(f"{count['passed']} {count['failed']} {count['skipped']} crash\n")
    sys.exit(1 if count["failed"] or not results else 0)


if __name__ == "__main__":
    main()
