/* The registry of external forms, and what they have in common. A new form is a line in FORMS. */
#include "form.h"

#include "debezium.h"
#include "native.h"

static const struct leat_form *const FORMS[] = {&leat_form_debezium, &leat_form_native};

const struct leat_form *leat_form_at(unsigned n)
{
    return n < sizeof FORMS / sizeof *FORMS ? FORMS[n] : NULL;
}

const struct leat_form *leat_form_find(const char *name)
{
    const struct leat_form *form;
    for (unsigned n = 0; (form = leat_form_at(n)); n++)
        if (strcmp(form->name, name) == 0)
            return form;
    return NULL;
}

static int check_row(const struct leat_schema *relation, const struct leat_row *row, const char *which,
                     struct leat_err *err)
{
    if (row->count == 0 || (relation && row->count == relation->column_count))
        return LEAT_OK;
    if (!relation)
        return leat_fail(err, LEAT_EDATA, "%s row of %u values without a relation", which, row->count);
    return leat_fail(err, LEAT_EDATA, "%s row of %u values, but %.*s.%.*s has %u columns", which,
                     row->count, LEAT_SLICE_ARG(relation->schema), LEAT_SLICE_ARG(relation->table),
                     relation->column_count);
}

int leat_form_check(const struct leat_form_input *in, struct leat_err *err)
{
    const struct leat_event *e = in->event;
    if (!e->transaction || !e->transaction->origin)
        return leat_fail(err, LEAT_EBUG, "event %llu has no transaction or origin",
                         (unsigned long long)in->sequence);
    int rc = check_row(e->relation, &e->before, "before", err);
    return rc ? rc : check_row(e->relation, &e->after, "after", err);
}

int leat_form_end(struct leat_buf *buf, size_t start, int rc, struct leat_err *err)
{
    if (rc == LEAT_OK && buf->full)
        rc = leat_fail(err, LEAT_ELIMIT, "the text of one event is longer than %zu bytes", buf->max - start);
    if (rc < 0) {
        buf->len = start;
        buf->full = false;
    }
    return rc;
}

const struct leat_column *leat_form_key_column(const struct leat_schema *relation, uint32_t n)
{
    for (uint32_t i = 0; relation && i < relation->column_count; i++)
        if (relation->columns[i].key_ordinal == n)
            return &relation->columns[i];
    return NULL;
}

const struct leat_value *leat_form_key_value(const struct leat_event *e, const struct leat_column *column)
{
    static const struct leat_value none = {.kind = LEAT_NULL};
    size_t i = (size_t)(column - e->relation->columns);
    if (e->after.count && e->after.values[i].kind != LEAT_ABSENT)
        return &e->after.values[i];
    return e->before.count ? &e->before.values[i] : &none;
}

static struct leat_value carried(const struct leat_value *values, uint32_t count, uint32_t *next)
{
    uint32_t n = (*next)++;
    return n < count && n < LEAT_ATTRS_MAX ? values[n] : (struct leat_value){.kind = LEAT_NULL};
}

static struct leat_value name_of(const struct leat_schema *relation, bool table)
{
    struct leat_value v = {.kind = LEAT_STRING, .text = {NULL, 0}};
    if (relation)
        v.text = table ? relation->table : relation->schema;
    return v;
}

bool leat_form_next_attr(struct leat_form_attrs *a, const struct leat_attr **ret_attr,
                         struct leat_value *ret_value)
{
    const struct leat_event *e = a->event;
    const struct leat_transaction *t = e->transaction;
    if (a->next >= t->origin->attr_count)
        return false;
    const struct leat_attr *attr = &t->origin->attrs[a->next++];
    struct leat_value v = {.kind = LEAT_NULL};
    switch ((enum leat_attr_scope)attr->scope) {
    case LEAT_ATTR_TRANSACTION:
        v = carried(t->attrs, t->attr_count, &a->from_transaction);
        break;
    case LEAT_ATTR_EVENT:
        v = carried(e->attrs, e->attr_count, &a->from_event);
        break;
    case LEAT_ATTR_SCHEMA:
    case LEAT_ATTR_TABLE:
        v = name_of(e->relation, attr->scope == LEAT_ATTR_TABLE);
        break;
    case LEAT_ATTR_NONE:
        break;
    }
    *ret_attr = attr;
    *ret_value = v;
    return true;
}
