/*
 * The reading half of `leat verify`: runs in a child, and says what it finds in a page of shared
 * memory.
 *
 * Checked are, by the store's reader, both hashes of every block, the chain, the density of
 * sequences, parts and schemas (I7); by the stream, that every record can be decoded; by writing
 * each event as JSON, that every value can; and here, per source (I4): the events of one
 * transaction stand together, their ordinals rise, and none passes the transaction's total. Of look-up
 * runs every page, their order and their number.
 *
 * Threads: the child writes, the parent reads `at`, `events` and `last_sequence` meanwhile; the
 * rest after its end.
 */
#ifndef DAEMON_VERIFY_H
#define DAEMON_VERIFY_H

#include <stdatomic.h>
#include <stdint.h>

enum verify_what { VERIFY_OFFSETS, VERIFY_LOG, VERIFY_RUNS };

struct verify_page {
    enum verify_what what;
    _Atomic uint64_t at;            /* the sequence to be read next; set by the parent for the beginning */
    _Atomic uint64_t last_sequence; /* of the store, when the child began; 0: not known */
    _Atomic uint64_t events;
    uint64_t transactions;
    uint64_t json_bytes;            /* what the events are as text */
    uint32_t sources;               /* VERIFY_OFFSETS */
    int done;                       /* set last */
    int code;                       /* enum leat_code */
    char text[640];
};

/* Reads what the page asks for; the answer stands there. */
void verify_run(const char *store_path, struct verify_page *page);

#endif
