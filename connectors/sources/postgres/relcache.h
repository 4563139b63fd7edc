/*
 * Relations as the log describes them: replaced on every RELATION message, never remembered over
 * connections, keyed by OID because names move. A relation knows how each column of the wire is
 * typed and where it goes in the stored row; excluded columns go nowhere, masked ones become ***.
 *
 *     RELATION ─▶ put ─▶ struct pg_relation ─▶ find ─▶ row ─▶ values for an event
 *
 * Ownership: relations live until the cache is reset; a row's values until the next row of the same
 * relation. Threads:   the source's.
 */
#ifndef POSTGRES_RELCACHE_H
#define POSTGRES_RELCACHE_H

#include <leat/event.h>

#include "sources/postgres/catalog.h"
#include "sources/postgres/pgoutput.h"
#include "sources/postgres/pgtype.h"

struct pg_wire_column {
    const struct pgtype *type;
    int32_t stored; /* index in the stored row; -1: excluded */
    bool masked;
    bool identity; /* part of the replica identity */
};

struct pg_relation {
    uint32_t oid;
    bool captured;       /* passes the table filter */
    bool moved;          /* has another schema name than it was announced with */
    bool binary_inexact; /* has a column whose binary form we do not know */
    uint64_t shape;      /* hash of the message, to ignore repeats */
    uint16_t wire_count;
    struct pg_wire_column *wire;
    struct leat_schema schema;
    struct leat_value *before, *after; /* schema.column_count each */
    struct leat_arena arena;
};

struct pg_relcache {
    struct pg_relation **slots; /* open addressing by OID */
    size_t slot_count, count;
    struct pg_relation *last; /* rows come in runs */
};

void pg_relcache_init(struct pg_relcache *cache);
void pg_relcache_reset(struct pg_relcache *cache); /* forgets all; also releases */

/* NULL: no RELATION message announced it. */
struct pg_relation *pg_relcache_find(struct pg_relcache *cache, uint32_t oid);

/* True when the message repeats what is known. */
bool pg_relcache_repeats(struct pg_relcache *cache, uint32_t oid, uint64_t shape);

/* Takes the message over; facts may be empty. *ret_relation has schema.ref 0. */
int pg_relcache_put(struct pg_relcache *cache, const struct pg_settings *settings,
                    struct leat_slice database, const struct pgoutput_message *message,
                    uint64_t shape, const struct pg_column_fact *facts, size_t fact_count,
                    struct pg_relation **ret_relation, struct leat_err *err) LEAT_MUST_CHECK;

/* Gives the relation another schema name, and with it another verdict of the table filter. */
void pg_relation_move(struct pg_relation *relation, const struct pg_settings *settings,
                      struct leat_slice schema);

/* Decodes a row into relation->before or ->after. `key_only`: columns that are not part of the
 * identity are absent. `complete` (may be NULL) fills unchanged TOAST values in. *ret_absent counts
 * what stays absent. */
int pg_relation_row(struct pg_relation *relation, const struct pgoutput_tuple *tuple, bool key_only,
                    const struct leat_value *complete, struct leat_arena *scratch,
                    struct leat_value *values, int64_t *ret_absent,
                    struct leat_err *err) LEAT_MUST_CHECK;

#endif
