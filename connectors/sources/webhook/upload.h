/*
 * A file on its way: out of a form into a spool on disk, and from there into the store as events.
 *
 *     pool thread     upload_new ─▶ upload_take … ─▶ upload_end ─▶ upload_name
 *     source thread   upload_ahead (until LEAT_OK) ─▶ upload_add for each part
 *     anybody         upload_free
 *
 * Each event is one part of UPLOAD_PART_BYTES of the file:
 *
 *     {"fileId":…,"fileName":…,"fileType":…,"fileSize":N,"checksum":"<SHA-256,
 * hex>","hashType":"SHA256", …what else the form said…,"part":1,"totalParts":N,"data":"<base64>"}
 * data is always the last
 *
 * The checksum is that of the whole file and stands in each part, so the file must be here, whole,
 * before the first part can be written. It is computed again while the parts are made: what is
 * stored is what came.
 *
 * Ownership: the spool has no name in the file system, so nothing of it is left after a crash.
 * Bounds:    two parts and the form's fields in memory, whatever the file; the fields and their
 * names UPLOAD_FIELDS_MAX. The disk: `file_max`, and what it can spare. Threads:   one after the
 * other, as above. Everything blocks on the disk.
 */
#ifndef WEBHOOK_UPLOAD_H
#define WEBHOOK_UPLOAD_H

#include <leat/batch.h>

#include "sources/webhook/multipart.h"

enum {
    UPLOAD_PART_BYTES = 512 << 10,
    UPLOAD_FIELDS_MAX = 64 << 10,
    UPLOAD_FORM_BYTES = 1 << 20,   /* of a request, beside its file */
    UPLOAD_SPARE_BYTES = 64 << 20, /* of the disk, that are left free */
};

struct upload;

/* The spool is made in `directory`; `length` is that of the request, or -1. 0, or refused: status
 * and a sentence of ours. `content_type` is of multipart/form-data. */
unsigned upload_new(const char *content_type, const char *directory, int64_t file_max,
                    int64_t length, struct upload **ret_upload,
                    const char **ret_why) LEAT_MUST_CHECK;
void upload_free(struct upload *upload); /* accepts NULL */

unsigned upload_take(struct upload *upload, struct leat_slice piece,
                     const char **ret_why) LEAT_MUST_CHECK;

/* The form has ended. */
unsigned upload_end(struct upload *upload, const char **ret_why) LEAT_MUST_CHECK;

/* What all parts say alike, as JSON members; the same for the same form. */
struct leat_slice upload_members(const struct upload *upload);

/* Of the file, when the form did not say one: a copy. */
void upload_name(struct upload *upload, const char *file_id);

int64_t upload_bytes(const struct upload *upload);
size_t upload_parts(const struct upload *upload);
const char *upload_checksum(const struct upload *upload); /* 64 digits */

/* Stores the long parts ahead, as far as there is room. LEAT_AGAIN: there is none now. LEAT_EDATA,
 * LEAT_ERETRY: the spool does not give back what was put in; what is ahead must be dropped. */
int upload_ahead(struct upload *upload, struct leat_batch *batch,
                 struct leat_err *err) LEAT_MUST_CHECK;

/* The event of one part, from 0, in their order; its body is filled in. */
int upload_add(struct upload *upload, struct leat_batch *batch, struct leat_event *event,
               size_t part, struct leat_err *err) LEAT_MUST_CHECK;

#endif
