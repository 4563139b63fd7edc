/*
 * Where each emitter stands, and what it could not deliver, in <store>/meta.mdb.
 *
 *     emitters  name → version u8 = 1, cursor u64, reported u64, paused u8, rewinds u64,
 * updated_at_us i64, hash (layout.h) dead      name, 0, sequence BE8 → version u8 = 1, again u8,
 * code i8, tries varint, failed_at_us i64, counted reason, counted topic, counted key, counted
 * value, hash
 *
 * Two write to it: the runner moves its cursor, an operator's command (another process) pauses,
 * rewinds and asks for dead letters to be tried again. Each change is one read-modify-write
 * transaction under LMDB's lock, and a cursor moves only while `rewinds` is what its runner knows,
 * so a rewind is never undone.
 *
 * Order:   open → get, update, … → close. Within the writer's process pass `store`: an environment
 * is opened once per process. Threads: any; one at a time per object. Writing waits for LMDB's lock
 * and the disk. Errors:  LEAT_ECONFIG no store, or no rights; LEAT_ERETRY no space; LEAT_EDATA a
 * damaged record; LEAT_ELIMIT too many dead letters.
 */
#ifndef STORE_DELIVERY_H
#define STORE_DELIVERY_H

#include "store/store.h"

#define LEAT_DEAD_BYTES_MAX ((int64_t)512 << 20) /* all dead letters: half of meta.mdb's map */

struct leat_delivery;

struct leat_delivery_state {
    char name[LEAT_INSTANCE_MAX + 1];
    uint64_t cursor;   /* everything up to it is delivered, dead or passed over */
    uint64_t reported; /* highest that a destination with a cursor of its own has told; 0: none */
    bool paused;
    uint64_t rewinds; /* how often an operator has set the cursor */
    int64_t updated_at_us;
};

struct leat_dead_letter {
    uint64_t sequence;
    bool again; /* an operator wants it tried again */
    int code;   /* enum leat_code */
    uint64_t tries;
    int64_t failed_at_us;
    struct leat_slice reason, topic, key, value; /* value: as it was to be delivered; empty if it
                                                    could not even be encoded */
};

/* `store` NULL: another process than the writer's. */
int leat_delivery_open(const char *path, struct leat_store *store,
                       struct leat_delivery **ret_delivery, struct leat_err *err) LEAT_MUST_CHECK;
void leat_delivery_close(struct leat_delivery *delivery); /* accepts NULL */

/* LEAT_EOF: it never ran. */
int leat_delivery_get(struct leat_delivery *delivery, const char *name,
                      struct leat_delivery_state *ret_state, struct leat_err *err) LEAT_MUST_CHECK;

/* Reads (a zeroed state with the name, if there is none), lets `change` alter it, and writes it
 * durably, all in one transaction. `change` gives false to leave it as it is. ret_state is what
 * stands then. */
typedef bool (*leat_delivery_change_fn)(void *arg, struct leat_delivery_state *state);
int leat_delivery_update(struct leat_delivery *delivery, const char *name,
                         leat_delivery_change_fn change, void *arg,
                         struct leat_delivery_state *ret_state,
                         struct leat_err *err) LEAT_MUST_CHECK;

typedef int (*leat_delivery_state_fn)(void *arg, const struct leat_delivery_state *state,
                                      struct leat_err *err);
int leat_delivery_each(struct leat_delivery *delivery, leat_delivery_state_fn each, void *arg,
                       struct leat_err *err) LEAT_MUST_CHECK;

/* Adds or replaces, durably. */
int leat_delivery_bury(struct leat_delivery *delivery, const char *name,
                       const struct leat_dead_letter *letter, struct leat_err *err) LEAT_MUST_CHECK;

/* Durably. LEAT_EOF: there is none. */
int leat_delivery_drop(struct leat_delivery *delivery, const char *name, uint64_t sequence,
                       struct leat_err *err) LEAT_MUST_CHECK;

/* Calls back in the order of sequences, from `from` on, in one short read transaction; slices live
 * for the call. A positive answer of `each` ends it without an error. */
typedef int (*leat_dead_letter_fn)(void *arg, const struct leat_dead_letter *letter,
                                   struct leat_err *err);
int leat_delivery_letters(struct leat_delivery *delivery, const char *name, uint64_t from,
                          leat_dead_letter_fn each, void *arg,
                          struct leat_err *err) LEAT_MUST_CHECK;

/* Changes whenever something in meta.mdb was committed, by any process. */
uint64_t leat_delivery_version(struct leat_delivery *delivery);

#endif
