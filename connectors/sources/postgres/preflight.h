/*
 * What the preflight files share: one look at the server, and how a finding is made.
 *
 *     preflight.c               the server, our role, both connections, settings
 *     preflight_publication.c   what is asked for against what is published
 *     preflight_tables.c        each published table, its columns and types
 *     preflight_slot.c          our slot, and what makes the server keep its log
 *     preflight_finding.c       questions and their answers
 *
 * A check is a function: it asks one question and reports what it found, good or bad. A question
 * that the server refuses is a finding too; a connection that breaks ends the look, and
 * pg_preflight() returns its error.
 *
 * Order:     begun by pg_preflight(); pg_preflight_publications() before pg_preflight_slot(), so
 * that the statements come in the order in which they must be run: a publication has to be older
 * than its slot. Ownership: everything in struct pg_preflight is pg_preflight()'s. Threads:   one
 * owner.
 */
#ifndef POSTGRES_PREFLIGHT_H
#define POSTGRES_PREFLIGHT_H

#include <leat/finding.h>

#include "sources/postgres/postgres.h"

/* The row about ourselves that many checks need. */
struct pg_session {
    bool in_recovery;
    bool superuser, replication;
    bool vendor_role, vendor_member; /* rds_replication exists; we are in it */
    bool may_create;                 /* CREATE on the database */
    bool sees_others;                /* sessions of other roles are not hidden from us */
    int64_t backend_pid;
    int64_t clock_offset_us;  /* server's clock less ours */
    int64_t clock_doubt_us;   /* half of the round trip */
    int64_t connection_limit; /* of the role; -1: none */
    int64_t slot_count, sender_count;
    char user[PG_NAME_BYTES];
};

enum { PG_ANSWER_GRACE_MS = 2000 }; /* the server ends a question first */

struct pg_preflight {
    struct pg_source *source;
    const struct pg_settings *settings;
    struct leat_report *report;
    struct leat_err *err; /* set when `lost` */
    bool lost;            /* the connection is gone: no further questions */
    PGconn *sql;
    int version;
    int64_t patience_ms;
    PGresult *gucs; /* name, setting in base units */
    struct pg_session session;
    struct pg_slot slot;
    bool slot_known;
    bool unpublished; /* the publication does not exist */
    char application[PG_NAME_BYTES + 8];
    char insert_publication[PG_NAME_BYTES + 8];
};

void pg_preflight_publications(struct pg_preflight *p);
void pg_preflight_tables(struct pg_preflight *p);
void pg_preflight_slot(struct pg_preflight *p);

/* Asks; false when there is no answer, which has been reported under `id`. */
bool pg_preflight_ask(struct pg_preflight *p, const char *id, const char *sql,
                      const char *const *params, int param_count,
                      PGresult **ret_result) LEAT_MUST_CHECK;

/* The same for a question of catalog.h that was already asked with p->err: true when `status` is
 * fine. */
bool pg_preflight_answered(struct pg_preflight *p, const char *id, int status) LEAT_MUST_CHECK;

/* A finding, and one whose fix works after a restart of the server only: <leat/finding.h>. */
#define pg_finding(p, ...)         leat_finding((p)->report, __VA_ARGS__)
#define pg_finding_restart(p, ...) leat_finding_restart((p)->report, __VA_ARGS__)

/* A server setting in its base unit; NULL where this server has none of the name. */
const char *pg_preflight_setting(const struct pg_preflight *p, const char *name);
int64_t pg_preflight_setting_int(const struct pg_preflight *p, const char *name, int64_t fallback);

/* Whether the source's patterns take the table. */
bool pg_taken(const struct pg_preflight *p, const char *schema, const char *table);

/* A boolean of a result; NULL is false. */
bool pg_true(const PGresult *result, int row, int column);

/* Appends what is known to be wrong with a release, by its number (150008); *ret_fixed is the first
 * minor release without any of it, 0 when there is nothing. */
void pg_version_defects(int version, struct leat_buf *list, int *ret_fixed);

/* Whether synchronous_standby_names has our name or "*". Names are compared without case, as the
 * server does. */
bool pg_standbys_include(const char *list, const char *us);

#endif
