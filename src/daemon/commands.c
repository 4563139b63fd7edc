/*
 * What a user may type. conf/leat.1 says the same at more length; a test compares the two.
 */
#include "daemon/commands.h"

#include <stdlib.h>

#include "daemon/connectors.h"
#include "daemon/show.h"

#define OPTION_CONFIG {"config", 'c', "FILE", "configuration; default " COMMANDS_CONFIG_DEFAULT}
#define OPTION_STORE {"store", 0, "DIR", "the store's directory, instead of a configuration"}
#define OPTION_JSON {"json", 0, NULL, "JSON instead of text for people"}
#define OPTION_END {NULL, 0, NULL, NULL}

static const struct command_option RUN_OPTIONS[] = {OPTION_CONFIG, OPTION_END};

static const struct command_option CHECK_OPTIONS[] = {
    OPTION_CONFIG,
    OPTION_JSON,
    {"fix-sql", 0, NULL, "only the statements that mend what was found"},
    {"apply", 0, NULL, "make what emitters need at their destinations: tables, indexes"},
    OPTION_END,
};

static const struct command_option STATUS_OPTIONS[] = {OPTION_CONFIG, OPTION_JSON, OPTION_END};

static const struct command_option SNAPSHOT_OPTIONS[] = {
    OPTION_CONFIG,
    {"where", 0, "SQL", "only rows that meet this condition, in the database's language"},
    {"from", 0, "KEY", "from this key on; the columns of a longer key with commas between"},
    {"to", 0, "KEY", "up to and with this key"},
    {"status", 0, NULL, "how far copies are"},
    {"pause", 0, NULL, "let copies of the source, or of one table, wait"},
    {"resume", 0, NULL, "let them go on"},
    {"cancel", 0, NULL, "end them; what was copied stays"},
    OPTION_JSON,
    OPTION_END,
};

static const struct command_option TAIL_OPTIONS[] = {
    OPTION_CONFIG,
    OPTION_STORE,
    {"format", 0, "FORM", "native (default: exact, with our sequence) or debezium"},
    {"schema", 0, NULL, "with debezium: each event wrapped with its schema"},
    {"from", 0, "SEQ", "from this sequence on"},
    {"since", 0, "TIME", "stored since then: 10m, 2h, 2026-11-21T03:41:00Z (UTC unless it says)"},
    {"source", 0, "NAME", "of this source only"},
    {"external-id", 0, "TEXT", "with --source: posts with this external id, found without reading the others"},
    {"table", 0, "S.T", "of this table only; * and ? stand for any text and any letter"},
    {"op", 0, "LIST", "these operations only: create,update,delete,truncate,read,message,…"},
    {"follow", 'f', NULL, "wait for more, until interrupted"},
    {"limit", 0, "N", "end after so many events"},
    OPTION_END,
};

static const struct command_option OFFSETS_OPTIONS[] = {
    OPTION_CONFIG,
    OPTION_STORE,
    OPTION_JSON,
    {"yes", 0, NULL, "set: do it"},
    OPTION_END,
};

static const struct command_option VERIFY_OPTIONS[] = {
    OPTION_CONFIG, OPTION_STORE, OPTION_JSON, OPTION_END,
};

static const struct command_option KEYS_OPTIONS[] = {
    OPTION_CONFIG,
    OPTION_STORE,
    OPTION_JSON,
    {"tenant", 0, "NAME", "create: for this tenant only"},
    {"source", 0, "NAME", "create: for this source only"},
    {"rights", 0, "LIST", "create: write (default), read, admin"},
    {"label", 0, "TEXT", "create: whose it is, for people"},
    OPTION_END,
};

static const struct command_option EMITTERS_OPTIONS[] = {
    OPTION_CONFIG, OPTION_STORE, OPTION_JSON, {"yes", 0, NULL, "rewind: do it"}, OPTION_END,
};

static const struct command_option DLQ_OPTIONS[] = {
    OPTION_CONFIG, OPTION_STORE, OPTION_JSON, {"yes", 0, NULL, "drop: do it"}, OPTION_END,
};

static const struct command_option READERS_OPTIONS[] = {
    OPTION_CONFIG, OPTION_STORE, OPTION_JSON, OPTION_END,
};

static const struct command_option FILE_OPTIONS[] = {
    OPTION_CONFIG,
    OPTION_STORE,
    {"output", 'o', "FILE", "where to; there is nothing under this name until all of it fits"},
    {"json", 0, NULL, "with --output: what is known of the file, as JSON"},
    OPTION_END,
};

static const struct command_option CONFIG_OPTIONS[] = {OPTION_END};

const struct command commands[] = {
    {"run", "the daemon: read the sources, store their changes", "run [-c FILE]\n",
     "Runs in the foreground and logs to standard error. SIGTERM and SIGINT end it after what was\n"
     "read is durable; SIGHUP reads the configuration again.",
     RUN_OPTIONS, 0, cmd_run},
    {"check", "would `leat run` work? What is missing, and what mends it",
     "check [-c FILE] [--json | --fix-sql] [--apply]\n",
     "Reads the configuration, then asks the store's directory, every database and every destination.\n"
     "Changes nothing, unless --apply.\n"
     "Ends with 2 when the configuration is wrong, with 3 when `leat run` would fail.",
     CHECK_OPTIONS, 0, cmd_check},
    {"status", "sources, lag, offsets and disk", "status [-c FILE] [--json]\n",
     "Asks the running daemon over its HTTP port. When it is down, shows what the store knows.",
     STATUS_OPTIONS, 0, cmd_status},
    {"snapshot", "copy a table beside the stream; how far copies are",
     "snapshot SOURCE SCHEMA.TABLE [--where SQL] [--from KEY] [--to KEY] [-c FILE]\n"
     "snapshot --status [--json]\n"
     "snapshot --pause | --resume | --cancel SOURCE [SCHEMA.TABLE]\n",
     "The rows come into the stream as `read` events, chunk by chunk, while changes go on. The request is\n"
     "stored: a daemon that is down serves it when it starts, one that is killed goes on with it.",
     SNAPSHOT_OPTIONS, 2, cmd_snapshot},
    {"tail", "stored events as JSON lines",
     "tail [-c FILE | --store DIR] [--from SEQ] [--since TIME] [--follow] [selection]\n",
     "One JSON text a line, in the order of the store. Works beside a running daemon and without one.\n"
     "Damage ends it with 3 and is named; nothing damaged is ever shown.",
     TAIL_OPTIONS, 0, cmd_tail},
    {"offsets", "where each source goes on; set by hand",
     "offsets list [-c FILE | --store DIR] [--json]\n"
     "offsets show NAME\n"
     "offsets export\n"
     "offsets set NAME TOKEN --yes\n"
     "offsets set - --yes               (lines of `offsets export` on standard input)\n",
     "An offset is stored with the events before it. Setting one by hand makes the source repeat or\n"
     "leave out changes: the daemon must be stopped for it.",
     OFFSETS_OPTIONS, 3, cmd_offsets},
    {"verify", "read everything in the store and check it",
     "verify [-c FILE | --store DIR] [--json]\n",
     "Checks hashes, the chain, sequences, every record and long value, and that transactions are\n"
     "whole and in order. Works beside a running daemon. Ends with 3 when there is damage.",
     VERIFY_OPTIONS, 0, cmd_verify},
    {"keys", "who may bring events and read them",
     "keys create [-c FILE | --store DIR] [--tenant NAME] [--source NAME] [--rights LIST]\n"
     "keys list [--json]\n"
     "keys revoke ID\n",
     "create prints the key, once: only a salted hash is kept. Several keys may be valid at a time, so\n"
     "that one can be exchanged without a pause. A running daemon follows within a second. list tells\n"
     "when a key was last used, to the hour.",
     KEYS_OPTIONS, 2, cmd_keys},
    {"emitters", "where each emitter stands; pause, resume, rewind",
     "emitters list [-c FILE | --store DIR] [--json]\n"
     "emitters pause NAME\n"
     "emitters resume NAME\n"
     "emitters rewind NAME beginning|now|SEQ|TIME --yes\n",
     "A rewound emitter goes on with the event of that sequence or time. A running daemon follows within\n"
     "a second; without one, the next one does.",
     EMITTERS_OPTIONS, 3, cmd_emitters},
    {"dlq", "dead letters: events that a destination refused",
     "dlq list [NAME] [-c FILE | --store DIR] [--json]\n"
     "dlq show NAME SEQ\n"
     "dlq retry NAME SEQ|all\n"
     "dlq drop NAME SEQ|all --yes\n",
     "An event that was refused `tries` times is put aside with the reason, and those behind it go on.\n"
     "show prints its text as it was to be delivered, with --json as base64. retry encodes it anew and\n"
     "delivers it out of order; it stays until it has arrived.",
     DLQ_OPTIONS, 3, cmd_dlq},
    {"readers", "who follows the stream under a name, and how far",
     "readers list [-c FILE | --store DIR] [--json]\n"
     "readers show NAME\n"
     "readers drop NAME\n",
     "A reader is made by its first commit over HTTP. One that is dropped is forgotten: under its name\n"
     "reading begins anew, and nothing is kept for it any more. Works beside a running daemon.",
     READERS_OPTIONS, 2, cmd_readers},
    {"file", "files that were brought over HTTP", "file get ID [-o FILE [--json]] [-c FILE | --store DIR]\n",
     "Puts a file together from its events, by the id of any of them, and checks its SHA-256. Without\n"
     "--output it goes to standard output. Works beside a running daemon. Ends with 3 when it is damaged:\n"
     "then nothing is left under FILE, and what went to standard output is not all of it.",
     FILE_OPTIONS, 2, cmd_file},
    {"config", "the manual of the configuration", "config reference\n",
     "Prints the text of conf/leat.yaml: every option with its meaning, range and default.",
     CONFIG_OPTIONS, 1, cmd_config},
    {NULL, NULL, NULL, NULL, NULL, 0, NULL},
};

int command_failed(const struct leat_err *err)
{
    show_error(err);
    if (err->code == LEAT_ECONFIG)
        return EXIT_USAGE;
    return err->code == LEAT_EDATA ? EXIT_FINDINGS : EXIT_FAILURE;
}

static int read_config(const char *path, struct leat_config **ret_config)
{
    struct leat_config_problems problems;
    struct leat_err err;
    struct leat_buf text;
    leat_config_problems_init(&problems);
    leat_buf_init(&text, 256 << 10);
    int status = path ? connectors_load(path, ret_config, &problems, &err)
                      : connectors_parse("defaults", leat_slice_text(""), ret_config, &problems, &err);
    if (status && problems.count) {
        leat_config_problems_text(&problems, &text);
        show_lines(stderr, 0, leat_buf_text(&text));
    } else if (status) {
        show_error(&err);
    }
    leat_buf_release(&text);
    leat_config_problems_release(&problems);
    return status ? EXIT_USAGE : EXIT_SUCCESS;
}

int command_load(const struct command_line *line, struct leat_config **ret_config)
{
    const char *path = command_text(line, "config");
    return read_config(path ? path : COMMANDS_CONFIG_DEFAULT, ret_config);
}

int command_settings(const struct command_line *line, struct leat_config **ret_config,
                     struct leat_settings *ret_settings)
{
    const char *store = command_text(line, "store");
    if (store && command_text(line, "config")) {
        struct leat_err err;
        leat_fail(&err, LEAT_ECONFIG, "--config and --store exclude each other");
        return command_failed(&err);
    }
    int exit_code = store ? read_config(NULL, ret_config) : command_load(line, ret_config);
    if (exit_code)
        return exit_code;
    *ret_settings = *leat_config_settings(*ret_config);
    if (store)
        ret_settings->store.path = store;
    return EXIT_SUCCESS;
}
