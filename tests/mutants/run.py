"""Breaks the sources one line at a time and expects one test to notice: python3 -m tests.mutants.run [RULE …]

    copy of the tree ──▶ build ──▶ all named tests pass? ──▶ per mutant: replace, build, its test fails? restore

The tree itself is never touched. Two copies work side by side, because integration tests mostly wait; their objects
stay, so that a mutant costs the compilation of one file. Every test runs once on the copy as it is, and must pass:
a test that fails anyway would kill everything.
"""
import argparse
import collections
import concurrent.futures
import filecmp
import os
import queue
import re
import shutil
import signal
import subprocess
import sys
import time
import xml.etree.ElementTree as xml
from pathlib import Path

from .rules import LATER, MUTANTS, RULES

ROOT = Path(__file__).resolve().parents[2]
PLACE = ROOT / "build" / "mutants"
PARTS = ["Makefile", "include", "src", "connectors", "tests", "conf", "scripts"]
MAKE = ["make", "--no-print-directory", "-s", "BUILD=build/x", "OPT=-O1 -DLEAT_FAILPOINTS", "WARN=-w"]
LANES = 2
BUILD_SECONDS, TEST_SECONDS = 300, 180

Outcome = collections.namedtuple("Outcome", "passed text")


class Lane:
    """A copy of the tree with objects of its own, in which one thing at a time is tried."""

    def __init__(self, number):
        self.root = PLACE / f"lane{number}"
        self.root.mkdir(parents=True, exist_ok=True)
        for part in PARTS:
            mirror(ROOT / part, self.root / part)

    def environment(self):
        leat = str(self.root / "build/x/leat")
        self.scratch.mkdir(parents=True, exist_ok=True)
        return {**os.environ, "LEAT": leat, "LEAT_FAILPOINTS": leat, "PYTHONPATH": str(self.root),
                "PYTHONDONTWRITEBYTECODE": "1", "LEAT_TEST_DIR": str(self.scratch)}

    @property
    def scratch(self):
        return self.root / "build" / "tests"

    def clean(self):
        """Removes what failed tests keep for a look, but not the data directory that servers are copied from."""
        for path in self.scratch.glob("it-*"):
            shutil.rmtree(path, ignore_errors=True)

    def call(self, command, seconds):
        """Exit code and output; a test that does not end is interrupted, so that it still ends its servers."""
        process = subprocess.Popen(command, cwd=self.root, env=self.environment(), text=True, errors="replace",
                                   stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        for patience in (seconds, 60):
            try:
                text, _ = process.communicate(timeout=patience)
                return process.returncode, text
            except subprocess.TimeoutExpired:
                process.send_signal(signal.SIGINT)
        process.kill()
        return None, f"no end within {seconds} s\n" + process.communicate()[0]

    def build(self, *targets):
        code, text = self.call(MAKE + [*targets], BUILD_SECONDS)
        if code != 0:
            raise RuntimeError(f"make {' '.join(targets)} failed:\n{text[-3000:]}")

    def run(self, test):
        """One test of pytest or cmocka, and what it said."""
        path, name = test.split("::")
        return self.run_unit(path, name) if path.endswith(".c") else self.run_pytest([test])[test]

    def run_unit(self, path, name):
        program = f"build/x/{path[:-2]}"
        self.build(program)
        _, text = self.call([program], TEST_SECONDS)
        if f"[ RUN      ] {name}\n" not in text:
            raise RuntimeError(f"{path} has no test {name}:\n{text[-1000:]}")
        return Outcome(f"[       OK ] {name}\n" in text, text)

    def run_pytest(self, tests):
        """Outcomes by test id; a parametrized test passes when all its cases do. An error that is no failure of the
        test itself (a server that did not start) is an error here too."""
        results = self.root / "build" / "results.xml"
        results.unlink(missing_ok=True)
        _, text = self.call(["/usr/bin/python3", "-m", "pytest", "-p", "no:cacheprovider", "-q", "--tb=short",
                             f"--junit-xml={results}", *tests], TEST_SECONDS * len(tests))
        if not results.exists():
            raise RuntimeError(f"pytest gave no results:\n{text[-3000:]}")
        found = {}
        for case in xml.parse(results).getroot().iter("testcase"):
            if case.find("error") is not None or case.find("skipped") is not None:
                raise RuntimeError(f"{case.get('name')} did not run:\n{text[-3000:]}")
            test = next((t for t in tests if belongs(case, t)), None)
            passed = case.find("failure") is None and found.get(test, Outcome(True, "")).passed
            found[test] = Outcome(passed, text)
        missing = [t for t in tests if t not in found]
        if missing:
            raise RuntimeError(f"there is no test {missing}:\n{text[-3000:]}")
        return found


def belongs(case, test):
    path, name = test.split("::")
    inside = case.get("classname").split(".")[-1] == Path(path).stem
    return inside and (case.get("name") == name or case.get("name").split("[")[0] == name)


def mirror(source, target):
    """Makes `target` equal to `source`; what is equal already keeps its time, so that make has little to do."""
    if source.is_dir():
        target.mkdir(exist_ok=True)
        names = {p.name for p in source.iterdir() if p.name != "__pycache__"}
        for stale in [p for p in target.iterdir() if p.name not in names]:
            shutil.rmtree(stale) if stale.is_dir() else stale.unlink()
        for name in names:
            mirror(source / name, target / name)
    elif not target.exists() or not filecmp.cmp(source, target, shallow=False):
        shutil.copyfile(source, target)
        shutil.copymode(source, target)


# --- the table -----------------------------------------------------------------------------------------------


def faults(mutants):
    """What is wrong with the table itself."""
    for mutant in mutants:
        times = (ROOT / mutant.file).read_text().count(mutant.old)
        if times != 1:
            yield f"rule {mutant.rule}: {mutant.name}: its text stands {times} times in {mutant.file}, not once"
        if mutant.old == mutant.new:
            yield f"rule {mutant.rule}: {mutant.name}: changes nothing"
        if not (ROOT / mutant.test.split("::")[0]).exists():
            yield f"rule {mutant.rule}: {mutant.name}: there is no {mutant.test.split('::')[0]}"
    covered = {m.rule for m in MUTANTS} | set(LATER)
    for rule in RULES.keys() - covered:
        yield f"rule {rule}: {RULES[rule]}: neither a mutant nor a reason"


# --- running -------------------------------------------------------------------------------------------------


def prepare():
    """The copies, built once; the second one takes the first one's objects over."""
    lanes = [Lane(n) for n in range(LANES)]
    for i, lane in enumerate(lanes):
        if i and not (lane.root / "build").exists():
            shutil.copytree(lanes[0].root / "build", lane.root / "build", copy_function=shutil.copy2)
            for part in PARTS:  # newer objects than sources, as in the first copy
                age(lanes[0].root / part, lane.root / part)
        lane.build("-j2", "all")
    return lanes


def age(source, target):
    """Gives the files of one copy the times of the other."""
    for path in [source, *source.rglob("*")] if source.is_dir() else [source]:
        twin = target / path.relative_to(source) if path != source else target
        stat = path.stat()
        os.utime(twin, ns=(stat.st_atime_ns, stat.st_mtime_ns))


def run_baseline(lanes, mutants):
    """Every named test on the unbroken copy, dealt out to the lanes; returns those that fail."""
    tests = sorted({m.test for m in mutants})
    integration = [t for t in tests if t.split("::")[0].endswith(".py")]

    def one(number):
        lane = lanes[number]
        mine = integration[number::len(lanes)]
        failed = {t: o for t, o in (lane.run_pytest(mine) if mine else {}).items() if not o.passed}
        for test in (tests if number == 0 else []):
            if test not in integration:
                outcome = lane.run(test)
                failed.update({} if outcome.passed else {test: outcome})
        return failed
    with concurrent.futures.ThreadPoolExecutor(len(lanes)) as pool:
        return {t: o for part in pool.map(one, range(len(lanes))) for t, o in part.items()}, len(tests)


def log_of(mutant):
    """Where a look tells whether the test failed for the right reason."""
    words = "_".join(re.findall(r"\w+", mutant.name))
    return PLACE / f"rule{mutant.rule}-{words}.log"


def try_mutant(lane, mutant):
    """True if the test noticed."""
    path = lane.root / mutant.file
    whole = path.read_text()
    begun = time.monotonic()
    try:
        path.write_text(whole.replace(mutant.old, mutant.new))
        if mutant.test.split("::")[0].endswith(".py"):
            lane.build("all")
        outcome = lane.run(mutant.test)
        killed = not outcome.passed
        log_of(mutant).write_text(outcome.text)
        how = f"killed by {mutant.test.split('::')[1]}" if killed else f"SURVIVED {mutant.test}"
    except RuntimeError as e:
        killed, how = False, f"NOT TRIED: {e}"
    finally:
        path.write_text(whole)
        lane.clean()
    print(f"rule {mutant.rule}: {mutant.name} … {how} ({time.monotonic() - begun:.1f} s)", flush=True)
    return killed


def run_mutants(lanes, mutants):
    free = queue.SimpleQueue()
    for lane in lanes:
        free.put(lane)

    def one(mutant):
        lane = free.get()
        try:
            return try_mutant(lane, mutant)
        finally:
            free.put(lane)
    with concurrent.futures.ThreadPoolExecutor(len(lanes)) as pool:
        return sum(pool.map(one, mutants))


def main():
    parser = argparse.ArgumentParser(prog="scripts/mutants", description="break each rule, and see a test fail")
    parser.add_argument("rules", nargs="*", type=int, metavar="RULE", help="only these (all)")
    parser.add_argument("--check", action="store_true", help="only see whether the table fits the sources")
    a = parser.parse_args()
    if set(a.rules) - RULES.keys():
        parser.error(f"there are rules 1 to {max(RULES)}")
    mutants = [m for m in MUTANTS if not a.rules or m.rule in a.rules]
    rules = {r: t for r, t in RULES.items() if not a.rules or r in a.rules}
    wrong = list(faults(mutants))
    for line in wrong:
        print(f"mutants: {line}")
    if wrong or a.check:
        print(f"mutants: the table has {len(wrong)} faults")
        sys.exit(1 if wrong else 0)
    begun = time.monotonic()
    try:
        lanes = prepare()
        failed, count = run_baseline(lanes, mutants)
    except RuntimeError as e:
        sys.exit(f"mutants: on the unbroken tree {e}")
    for text in sorted({outcome.text for outcome in failed.values()}):
        print(text[-6000:])
    for test in sorted(failed):
        print(f"mutants: {test} fails on the unbroken tree")
    if failed:
        sys.exit(1)
    print(f"mutants: {count} tests pass on the unbroken tree ({time.monotonic() - begun:.0f} s)", flush=True)
    killed = run_mutants(lanes, mutants)
    for rule in sorted(LATER.keys() & rules.keys()):
        print(f"rule {rule}: {rules[rule]}: later; {LATER[rule]}")
    print(f"mutants: {len(rules)} rules, {len(mutants)} mutants, {killed} killed, {len(mutants) - killed} survived; "
          f"{len(LATER.keys() & rules.keys())} rules later ({time.monotonic() - begun:.0f} s)")
    sys.exit(0 if killed == len(mutants) else 1)


if __name__ == "__main__":
    main()
