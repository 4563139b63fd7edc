"""The style gates must be able to fail: each planted fault in a small tree is named, and the clean tree passes."""
import shutil
import subprocess

import pytest

from . import places

CLEAN = {
    "src/README.md": "arrows\n",
    "src/base/README.md": "base\n",
    "src/event/README.md": "event\n",
    "src/base/a.c": "/* An idea. */\n#include <leat/thing.h>\n\nint f(void)\n{\n    return 0;\n}\n",
    "src/event/e.c": "/* An idea. */\n#include <leat/thing.h>\n\n#include \"base/a.h\"\n",
    "src/base/a.h": "/* An idea. */\n",
    "include/leat/thing.h": "#ifndef A\n#define A\n#include <stdint.h>\n#endif\n",
    "connectors/sources/pg/README.md": "pg\n",
    "connectors/sources/pg/p.c": "/* An idea. */\n#include \"sources/pg/p.h\"\n",
    "connectors/sources/pg/p.h": "/* An idea. */\n#include <leat/thing.h>\n",
}
BODY = "/* An idea. */\nint f(char *a);\nint f(char *a)\n{\n%s}\n"
STYLE_FAULTS = [
    ("src/base/a.c", BODY % "    strcpy(a, a);\n", "strcpy is banned"),
    ("src/base/a.c", BODY % "    return atoi(a);\n", "atoi is banned"),
    ("src/base/a.c", BODY % "    usleep(1);\n", "usleep is banned"),
    ("src/base/a.c", BODY % '    printf("x");\n', "output belongs to src/daemon"),
    ("src/base/a.c", "int x;\n", "starts neither with a comment"),
    ("src/base/a.c", "#include <leat/b.h>\n", "nor its own header"),
    ("src/base/a.c", "/* An idea. */\nint x; \n", "trailing blanks"),
    ("src/base/a.c", "/* An idea. */\n\tint x;\n", "a tab"),
    ("src/base/a.c", "/* An idea. */\n/* " + "x" * 110 + " */\n", "columns, at most"),
    ("src/base/a.c", "/* An idea. */", "no newline at the end"),
    ("src/base/a.c", BODY % ("    a++;\n" * 101), "a function of 101 lines"),
    ("src/codec/c.c", "/* An idea. */\n", "no README.md"),
]
STYLE_FINE = [
    ("src/base/a.c", BODY % '    g(a, "strcpy(a, b)"); /* atoi() */\n'),
    ("src/base/a.c", BODY % "    leat_clock_sleep(a);\n    a->printf(a);\n    snprintf(a, 1, a);\n"),
    ("src/base/a.c", "/* An idea. */\n/* long: wire switch */\nint f(int a)\n{\n" + "    a++;\n" * 120 + "}\n"),
    ("src/base/a.c", "#include <leat/a.h>\n"),
    ("tests/unit/base/test_a.c", BODY % "    strtoul(a, 0, 10);\n"),
    ("src/base/a.c", '/* An idea. */\nconst char *a = "' + "x" * 120 + '";\n'),
]
LAYER_FAULTS = [
    ("src/base/a.c", '/* */\n#include "event/e.h"\n', "the arrow points the other way"),
    ("src/base/a.c", "/* */\n#include <leat/event.h>\n", "which belongs to event"),
    ("src/event/e.c", '/* */\n#include "sources/pg/p.h"\n', "knows no connector"),
    ("src/odd/o.c", "/* */\n", "is not in the picture"),
    ("connectors/sources/pg/p.c", '/* */\n#include "base/a.h"\n', "a connector may include only"),
    ("connectors/sources/pg/p.c", '/* */\n#include "sources/other/o.h"\n', "a connector may include only"),
    ("include/leat/thing.h", "#ifndef A\n#define A\nuint64_t x;\n#endif\n", "does not compile alone"),
]


@pytest.fixture
def tree(tmp_path):
    (tmp_path / "scripts").mkdir()
    for name in ("check-style", "check-layers"):
        shutil.copy(places.ROOT / "scripts" / name, tmp_path / "scripts" / name)
    for name, text in CLEAN.items():
        write(tmp_path, name, text)
    return tmp_path


def write(tree, name, text):
    (tree / name).parent.mkdir(parents=True, exist_ok=True)
    (tree / name).write_text(text)


def run(tree, gate):
    done = subprocess.run([tree / "scripts" / gate], capture_output=True, text=True, env={"PATH": "/usr/bin:/bin"})
    return done.returncode, done.stdout + done.stderr


@pytest.mark.parametrize("gate", ["check-style", "check-layers"])
def test_gates__a_clean_tree_passes(tree, gate):
    assert run(tree, gate)[0] == 0, run(tree, gate)[1]


@pytest.mark.parametrize("name, text, finding", STYLE_FAULTS, ids=[f[2] for f in STYLE_FAULTS])
def test_gates__style_names(tree, name, text, finding):
    write(tree, name, text)
    code, output = run(tree, "check-style")
    assert code == 1 and finding in output, output


@pytest.mark.parametrize("name, text", STYLE_FINE)
def test_gates__style_lets_pass(tree, name, text):
    write(tree, name, text)
    code, output = run(tree, "check-style")
    assert code == 0, output


@pytest.mark.parametrize("name, text, finding", LAYER_FAULTS, ids=[f[2] for f in LAYER_FAULTS])
def test_gates__layers_name(tree, name, text, finding):
    write(tree, name, text)
    code, output = run(tree, "check-layers")
    assert code == 1 and finding in output, output
