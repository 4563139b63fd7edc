/*
 * Who may bring events to a source: everybody, who has a key, or who signs.
 *
 *     open ─▶ begin (head: method, key, is there a signature?) ─▶ finish (body: is it valid?) ─▶ close
 *
 * Secrets are read again every GATE_FRESH_MS, so that a new one beside an old one needs no restart.
 * While they cannot be read nobody gets in, with 503: what a sender tries again is not lost.
 *
 * Ownership: settings and instance outlive the gate. Secrets are wiped when they are replaced.
 * Threads:   begin and finish any, at once; open and close main.
 */
#ifndef WEBHOOK_GATE_H
#define WEBHOOK_GATE_H

#include <leat/ingest.h>

#include "sources/webhook/settings.h"

#include <pthread.h>

enum { GATE_FRESH_MS = 1000 };

struct gate {
    const struct webhook_settings *settings;
    const char *instance, *tenant;
    struct signature_scheme scheme;
    pthread_rwlock_t lock; /* over those below */
    struct signature_secret secrets[SIGNATURE_SECRETS_MAX];
    size_t secret_count; /* 0: they cannot be read */
    _Atomic int64_t fresh_until_ms;
};

/* LEAT_ECONFIG: a secret cannot be read. */
int gate_open(struct gate *gate, const struct webhook_settings *settings, const char *instance,
              struct leat_err *err) LEAT_MUST_CHECK;
void gate_close(struct gate *gate); /* accepts a zeroed one */

/* What open would refuse of the secrets, without any effect. */
int gate_check(const struct webhook_settings *settings, struct leat_err *err) LEAT_MUST_CHECK;

/* How requests are signed; NULL: they are not. */
const struct signature_scheme *gate_scheme(const struct gate *gate);

/* 0: let in. Else the answer is filled in. */
unsigned gate_begin(struct gate *gate, struct leat_ingest_request *request) LEAT_MUST_CHECK;
unsigned gate_finish(struct gate *gate, struct leat_ingest_request *request) LEAT_MUST_CHECK;

/* In place of finish, for a body that comes in pieces, each of which goes through signature_update().
 * Without signatures the check is left zeroed. */
unsigned gate_pieces_begin(struct gate *gate, struct leat_ingest_request *request,
                           struct signature_check *ret_check) LEAT_MUST_CHECK;
unsigned gate_pieces_end(const struct gate *gate, struct leat_ingest_request *request,
                         struct signature_check *check) LEAT_MUST_CHECK;

#endif
