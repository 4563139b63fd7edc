/*
 * The shape of a relation at one moment: the columns that an event's values belong to (I9), and the
 * origin, which names where a source's events come from.
 *
 * A schema is stored once and referred to by number from every record, so a change is decoded with
 * the columns that were in force when it was written.
 *
 * Ownership: the one who filled it; slices live as long as its arena or the bytes it was read from.
 * Bounds:    LEAT_COLUMNS_MAX columns, LEAT_NAME_MAX bytes a name.
 * Threads:   immutable once defined (leat_batch_define); then any.
 */
#ifndef LEAT_SCHEMA_H
#define LEAT_SCHEMA_H

#include <leat/arena.h>
#include <leat/limits.h>
#include <leat/value.h>

enum leat_nullable { LEAT_NULLABLE_UNKNOWN, LEAT_NULLABLE_YES, LEAT_NULLABLE_NO };

struct leat_column {
    struct leat_slice name;
    struct leat_slice
        type;        /* the source's type text: "numeric(10,2)", "timestamp(3) without time zone" */
    uint8_t kind;    /* enum leat_kind of its present values; LEAT_OTHER if nobody mapped it */
    uint8_t element; /* enum leat_kind of the elements when kind is LEAT_ARRAY, else LEAT_ABSENT */
    uint8_t nullable;     /* enum leat_nullable */
    uint16_t key_ordinal; /* 1-based place in the primary (or identity) key; 0: not part of it */
    int32_t precision; /* decimal digits, or length in characters/bits; -1 unknown or unlimited */
    int32_t scale;     /* digits behind the point of a decimal or of seconds; -1 unspecified */
};

struct leat_schema {
    uint32_t ref;      /* number of the stored version within its source; 0: not yet defined */
    uint64_t relation; /* the source's own number (OID, table id): tells a re-created table apart */
    struct leat_slice database;
    struct leat_slice schema; /* empty where the source has no such level */
    struct leat_slice table;
    uint32_t column_count;
    struct leat_column *columns;
};

/* The stored form: "S", version 1, fields in the order above without `ref`. Sets buf->full past its
 * max. */
void leat_schema_write(struct leat_buf *buf, const struct leat_schema *schema);

/* LEAT_EDATA for malformed bytes; slices view `bytes`, columns live in the arena. */
int leat_schema_read(struct leat_slice bytes, struct leat_arena *arena,
                     struct leat_schema *ret_schema, struct leat_err *err) LEAT_MUST_CHECK;

/* --- origin -----------------------------------------------------------------------------------
 * What all events of a source have in common until it changes (failover, upgrade, new version), and
 * the names of the attributes that its transactions and events carry for the envelope's source
 * block.
 */
enum leat_attr_scope {
    LEAT_ATTR_NONE,        /* always null: kept for readers who expect the field */
    LEAT_ATTR_TRANSACTION, /* value in leat_transaction.attrs, in order of declaration */
    LEAT_ATTR_EVENT,       /* value in leat_event.attrs, in order of declaration */
    LEAT_ATTR_SCHEMA,      /* the relation's schema name */
    LEAT_ATTR_TABLE,       /* the relation's table name */
};

enum leat_attr_use {
    LEAT_ATTR_FIELD = 1,    /* a field of the source block */
    LEAT_ATTR_SNAPSHOT = 4, /* what the block's "snapshot" says; null: as the op has it */
    LEAT_ATTR_SEQUENCE = 2, /* an element of the block's "sequence" text, in order of declaration */
};

struct leat_attr {
    struct leat_slice name;
    uint8_t scope; /* enum leat_attr_scope */
    uint8_t use;   /* bits of enum leat_attr_use */
};

struct leat_origin {
    uint32_t ref;                /* as leat_schema.ref, in the same number space */
    struct leat_slice connector; /* "postgresql", "mysql", "mariadb": the envelope's word */
    struct leat_slice lineage;   /* what makes positions unique over time: "<system identifier>" */
    struct leat_slice database;
    struct leat_slice server; /* version text, for people */
    uint32_t attr_count;
    struct leat_attr attrs[2 * LEAT_ATTRS_MAX];
};

/* The stored form: "O", version 1, fields in the order above without `ref`. */
void leat_origin_write(struct leat_buf *buf, const struct leat_origin *origin);
int leat_origin_read(struct leat_slice bytes, struct leat_origin *ret_origin,
                     struct leat_err *err) LEAT_MUST_CHECK;

#endif
