/*
 * Where we are in a server's log, and its one-line text, which is the resume token (I1):
 *
 *     my1 flavour=mysql server=3e11fa47-… stamp=1700000000/8.4.3 id=2873465 uuid=9b1f… lineage=…
 *         file=binlog.000007 position=1234 gtids=3e11fa47-…:1-9000 transaction=- rows=0
 *         from_file=- from_position=0 from_gtids=- parked=-
 *
 *     server         MySQL's server_uuid, MariaDB's server_id: whose file and position these are
 *     stamp          of the file's format description: tells files of one name apart
 *     id, uuid       our own, as replica
 *     lineage        what makes transaction ids unique over time; kept over a failover by GTID
 *     file, position end of the last transaction that is stored whole, or of log that has none of
 * ours gtids          everything up to there, as MySQL's set or MariaDB's state transaction, rows
 * a transaction of which a beginning is stored, and how much: it is read again whole, and so many
 * rows are dropped from_…, parked  where reading must begin when prepared XA transactions from
 * before `file` and `position` are undecided; `parked` counts them
 *
 * Ownership: the two sets' texts are owned; release.
 * Threads:   pure.
 */
#ifndef MYSQL_POSITION_H
#define MYSQL_POSITION_H

#include <leat/buf.h>
#include <leat/limits.h>

#include "sources/mysql/catalog.h"

enum { MY_STAMP_MAX = 96, MY_LINEAGE_MAX = 64 };

struct my_place {
    char file[MY_FILE_MAX];
    uint64_t position;
};

struct my_position {
    bool mariadb;
    char server[MY_UUID_TEXT];
    char stamp[MY_STAMP_MAX];
    uint32_t id;
    char uuid[MY_UUID_TEXT];
    char lineage[MY_LINEAGE_MAX];
    struct my_place at;
    struct leat_buf gtids; /* as read from a token; the source keeps the living set beside it */
    char transaction[LEAT_TRANSACTION_ID_MAX + 1]; /* "": none */
    uint32_t rows;
    struct my_place from; /* file "": as `at` */
    struct leat_buf from_gtids;
    uint32_t parked;
};

void my_position_init(struct my_position *position);
void my_position_release(struct my_position *position);

void my_position_format(const struct my_position *position, struct leat_buf *buf);

/* LEAT_ECONFIG: not such a text. *ret_position was initialised. */
int my_position_parse(struct leat_slice text, struct my_position *ret_position,
                      struct leat_err *err) LEAT_MUST_CHECK;

/* < 0, 0, > 0: files by the number behind their last dot, then position. Only for files of one
 * server and one basename. */
int my_place_compare(const struct my_place *a, const struct my_place *b);

#endif
