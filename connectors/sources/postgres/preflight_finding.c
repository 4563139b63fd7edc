/*
 * Preflight: how a question is asked, and what becomes of one that the server refuses. How findings
 * are put into words is the business of <leat/finding.h>.
 */
#include "sources/postgres/preflight.h"

#include <stdio.h>

/* --- questions -------------------------------------------------------------------------------- */

bool pg_preflight_answered(struct pg_preflight *p, const char *id, int status)
{
    if (!status)
        return true;
    if (p->err->state[0])
        pg_finding(p, LEAT_FINDING_WARN, id, NULL, "could not be checked: %s", p->err->text);
    else
        p->lost = true;
    return false;
}

bool pg_preflight_ask(struct pg_preflight *p, const char *id, const char *sql,
                      const char *const *params, int param_count, PGresult **ret_result)
{
    if (p->lost)
        return false;
    char what[64];
    snprintf(what, sizeof what, "check %s", id);
    return pg_preflight_answered(p, id,
                                 pg_query_params(p->sql, sql, params, param_count,
                                                 p->patience_ms + PG_ANSWER_GRACE_MS, what,
                                                 ret_result, p->err));
}

const char *pg_preflight_setting(const struct pg_preflight *p, const char *name)
{
    for (int i = 0; i < PQntuples(p->gucs); i++)
        if (strcmp(PQgetvalue(p->gucs, i, 0), name) == 0)
            return PQgetvalue(p->gucs, i, 1);
    return NULL;
}

int64_t pg_preflight_setting_int(const struct pg_preflight *p, const char *name, int64_t fallback)
{
    for (int i = 0; i < PQntuples(p->gucs); i++)
        if (strcmp(PQgetvalue(p->gucs, i, 0), name) == 0)
            return pg_int(p->gucs, i, 1);
    return fallback;
}

/* --- answers ---------------------------------------------------------------------------------- */

bool pg_taken(const struct pg_preflight *p, const char *schema, const char *table)
{
    return leat_filter_table(&p->settings->filter, leat_slice_text(schema), leat_slice_text(table));
}

bool pg_true(const PGresult *result, int row, int column)
{
    return PQgetvalue(result, row, column)[0] == 't';
}
