/*
 * Ids are nowhere indexed. But an id says its millisecond, a block the times of its events, and an
 * event is stored soon after its time unless its sender said otherwise: so a search begins there,
 * goes to the end, and only then through what is older. While it searches no long value is read.
 *
 * The events of a transaction have sequences without gaps between them.
 */
#include "pipeline/stored_file.h"

#include <leat/clock.h>

#include <inttypes.h>
#include <jansson.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>

enum { HEAD_BYTES_MAX = 1 << 20, SLACK_US = 1000 * 1000 /* clocks may step back a little */ };
#define GREGORIAN_MS INT64_C(12219292800000) /* from 1582-10-15 to 1970 */

enum phase { BEGIN, LATER_BLOCKS, OLDER_BLOCKS, FOUND };

struct leat_stored_file {
    struct leat_stream *stream;
    uint8_t id[LEAT_STORED_FILE_ID_BYTES];
    int64_t ms; /* of the id, since 1970 */
    enum phase phase;
    uint64_t since; /* where the search began */
    struct leat_stored_file_about about;
    char *instance, *tenant, *transaction;
    json_t *head; /* of the first part: owns the texts of `about` */
    EVP_MD_CTX *hash;
    uint64_t part; /* given so far */
    int64_t bytes;
    uint8_t *data;
    size_t data_capacity;
};

/* --- ids
 * ------------------------------------------------------------------------------------------ */

static int digit(char c)
{
    return c >= '0' && c <= '9'                     ? c - '0'
           : (c | 0x20) >= 'a' && (c | 0x20) <= 'f' ? (c | 0x20) - 'a' + 10
                                                    : -1;
}

bool leat_stored_file_id(const char *text, uint8_t *ret_id)
{
    for (int i = 0, at = 0; i < LEAT_STORED_FILE_ID_BYTES; i++, at += 2) {
        if ((i == 4 || i == 6 || i == 8 || i == 10) && text[at++] != '-')
            return false;
        int high = digit(text[at]), low = high < 0 ? -1 : digit(text[at + 1]);
        if (low < 0)
            return false;
        ret_id[i] = (uint8_t)(high << 4 | low);
    }
    return strlen(text) == 36 && ret_id[6] >> 4 == 1 && ret_id[8] >> 6 == 2;
}

static int64_t id_ms(const uint8_t *id)
{
    static const uint8_t ORDER[] = {6, 7, 4, 5, 0, 1, 2, 3};
    uint64_t ticks = 0;
    for (size_t i = 0; i < sizeof ORDER; i++)
        ticks = ticks << 8 | id[ORDER[i]];
    return (int64_t)((ticks & ((UINT64_C(1) << 60) - 1)) / 10000) - GREGORIAN_MS;
}

static bool is_wanted(const struct leat_stored_file *f, const struct leat_event *e)
{
    return e->op == LEAT_OP_POST && e->attr_count && e->attrs[0].kind == LEAT_UUID &&
           leat_slice_equal(e->attrs[0].text, leat_slice_of(f->id, sizeof f->id));
}

/* --- life
 * ----------------------------------------------------------------------------------------- */

static int no_memory(struct leat_err *err)
{
    return leat_fail(err, LEAT_ERETRY, "out of memory for a file");
}

int leat_stored_file_open(const char *path, struct leat_store *store, const uint8_t *id,
                          struct leat_stored_file **ret_file, struct leat_err *err)
{
    struct leat_stored_file *f = calloc(1, sizeof *f);
    if (!f)
        return no_memory(err);
    memcpy(f->id, id, sizeof f->id);
    f->ms = id_ms(id);
    f->hash = EVP_MD_CTX_new();
    int status = f->hash && EVP_DigestInit_ex(f->hash, EVP_sha256(), NULL)
                     ? leat_stream_open(path, store, &f->stream, err)
                     : no_memory(err);
    if (status) {
        leat_stored_file_close(f);
        return status;
    }
    *ret_file = f;
    return LEAT_OK;
}

void leat_stored_file_close(struct leat_stored_file *f)
{
    if (!f)
        return;
    if (f->stream)
        leat_stream_close(f->stream);
    EVP_MD_CTX_free(f->hash);
    json_decref(f->head);
    free(f->instance);
    free(f->tenant);
    free(f->transaction);
    free(f->data);
    free(f);
}

const struct leat_stored_file_about *leat_stored_file_about(const struct leat_stored_file *f)
{
    return &f->about;
}

/* --- a part
 * --------------------------------------------------------------------------------------- */

struct part {
    json_t *head;           /* everything but the data; the reader's to release */
    struct leat_slice data; /* base64 */
};

static const struct leat_slice DATA = LEAT_SLICE_LITERAL(",\"data\":\"");

/* base64 has no quote: the last but one begins the data. */
static bool part_open(struct leat_slice body, struct part *ret_part)
{
    if (body.len < DATA.len + 3 || memcmp(body.ptr + body.len - 2, "\"}", 2) != 0)
        return false;
    const uint8_t *quote = memrchr(body.ptr, '"', body.len - 2);
    size_t before = quote ? (size_t)(quote + 1 - body.ptr) : 0;
    if (before < DATA.len + 1 || before > HEAD_BYTES_MAX ||
        memcmp(body.ptr + before - DATA.len, DATA.ptr, DATA.len) != 0)
        return false;
    size_t len = before - DATA.len;
    char *text = malloc(len + 1);
    if (!text)
        return false;
    memcpy(text, body.ptr, len);
    text[len] = '}';
    ret_part->head = json_loadb(text, len + 1, JSON_ALLOW_NUL, NULL);
    free(text);
    ret_part->data = leat_slice_of(body.ptr + before, body.len - before - 2);
    return ret_part->head != NULL;
}

static const char *text_of(const json_t *head, const char *name)
{
    const char *text = json_string_value(json_object_get(head, name));
    return text ? text : "";
}

static int64_t number_of(const json_t *head, const char *name)
{
    return json_integer_value(json_object_get(head, name));
}

static bool is_first(const json_t *head)
{
    return number_of(head, "part") == 1 && number_of(head, "totalParts") > 0 &&
           json_is_integer(json_object_get(head, "fileSize")) && number_of(head, "fileSize") >= 0 &&
           strcmp(text_of(head, "hashType"), "SHA256") == 0 &&
           strlen(text_of(head, "checksum")) == LEAT_STORED_FILE_CHECKSUM_TEXT - 1;
}

static bool is_next(const struct leat_stored_file *f, const json_t *head)
{
    return number_of(head, "part") == (int64_t)f->part + 1 &&
           number_of(head, "totalParts") == (int64_t)f->about.parts &&
           number_of(head, "fileSize") == f->about.bytes &&
           strcmp(text_of(head, "checksum"), f->about.checksum) == 0;
}

/* --- finding it
 * ----------------------------------------------------------------------------------- */

static int search_begin(struct leat_stored_file *f, struct leat_err *err)
{
    int status = leat_stream_find_since(f->stream, f->ms * 1000 - SLACK_US, &f->since, err);
    if (status)
        return status;
    leat_stream_without_longs(f->stream, true);
    leat_stream_between(f->stream, f->ms * 1000, f->ms * 1000 + 999);
    f->phase = LATER_BLOCKS;
    return leat_stream_seek(f->stream, f->since, err);
}

static char *copy(struct leat_slice text)
{
    return strndup((const char *)text.ptr, text.len);
}

/* Attributes stand where the source of webhooks puts them: the tenant first. */
static int about_read(struct leat_stored_file *f, const struct leat_stream_event *e,
                      struct leat_err *err)
{
    const struct leat_transaction *t = e->event.transaction;
    bool has_tenant = t->attr_count && t->attrs[0].kind == LEAT_STRING;
    f->instance = strdup(e->instance ? e->instance : "");
    f->tenant = copy(has_tenant ? t->attrs[0].text : leat_slice_of("", 0));
    f->transaction = copy(t->id);
    if (!f->instance || !f->tenant || !f->transaction)
        return no_memory(err);
    f->about = (struct leat_stored_file_about){
        .instance = f->instance,
        .tenant = f->tenant,
        .sequence = e->sequence,
        .id = text_of(f->head, "fileId"),
        .name = text_of(f->head, "fileName"),
        .type = text_of(f->head, "fileType"),
        .bytes = number_of(f->head, "fileSize"),
        .parts = (uint64_t)number_of(f->head, "totalParts"),
    };
    memcpy(f->about.checksum, text_of(f->head, "checksum"), LEAT_STORED_FILE_CHECKSUM_TEXT);
    return LEAT_OK;
}

/* Goes to the first event of the transaction of `e`. LEAT_EOF: it is not of a file. */
static int found(struct leat_stored_file *f, const struct leat_stream_event *e,
                 struct leat_err *err)
{
    struct leat_stream_event first;
    struct part part;
    uint64_t from = e->sequence - e->event.ordinal;
    bool possible = e->event.transaction && e->event.ordinal < e->sequence;
    leat_stream_without_longs(f->stream, false);
    leat_stream_between(f->stream, INT64_MIN, INT64_MAX);
    int status = possible ? leat_stream_seek(f->stream, from, err) : LEAT_EOF;
    if (!status)
        status = leat_stream_next(f->stream, &first, err);
    if (status)
        return status;
    if (first.sequence != from || first.event.ordinal || !first.event.transaction ||
        !part_open(first.event.body, &part))
        return LEAT_EOF;
    f->head = part.head;
    if (!is_first(f->head))
        return LEAT_EOF;
    status = about_read(f, &first, err);
    if (!status)
        status = leat_stream_seek(f->stream, from, err);
    f->phase = FOUND;
    return status;
}

/* LEAT_AGAIN: go on. */
static int search_step(struct leat_stored_file *f, struct leat_err *err)
{
    struct leat_stream_event e;
    int status = leat_stream_next(f->stream, &e, err);
    if (!status && is_wanted(f, &e.event))
        return found(f, &e, err);
    bool past =
        status == LEAT_EOF || (!status && f->phase == OLDER_BLOCKS && e.sequence >= f->since);
    if (!past)
        return status ? status : LEAT_AGAIN;
    if (f->phase == OLDER_BLOCKS)
        return LEAT_EOF;
    f->phase = OLDER_BLOCKS;
    status = leat_stream_seek(f->stream, 1, err);
    return status ? status : LEAT_AGAIN;
}

int leat_stored_file_find(struct leat_stored_file *f, int64_t until_ms, struct leat_err *err)
{
    int status = f->phase == BEGIN ? search_begin(f, err) : LEAT_OK;
    if (status || f->phase == FOUND)
        return status;
    do
        status = search_step(f, err);
    while (status == LEAT_AGAIN && leat_clock_monotonic_ms() < until_ms);
    return status;
}

/* --- reading it
 * ----------------------------------------------------------------------------------- */

/* EVP_DecodeBlock() counts what was padded too. */
static int data_decode(struct leat_stored_file *f, struct leat_slice text, size_t *ret_len,
                       struct leat_err *err)
{
    size_t padded = 0, needed = text.len / 4 * 3;
    while (padded < 2 && padded < text.len && text.ptr[text.len - 1 - padded] == '=')
        padded++;
    if (needed > f->data_capacity) {
        uint8_t *more = realloc(f->data, needed);
        if (!more)
            return no_memory(err);
        f->data = more;
        f->data_capacity = needed;
    }
    *ret_len = 0;
    if (!text.len)
        return LEAT_OK;
    if (text.len % 4 || text.len > INT32_MAX ||
        EVP_DecodeBlock(f->data, text.ptr, (int)text.len) != (int)needed)
        return leat_fail(err, LEAT_EDATA, "its data is not base64");
    *ret_len = needed - padded;
    return LEAT_OK;
}

static int is_whole(struct leat_stored_file *f, struct leat_err *err)
{
    uint8_t digest[EVP_MAX_MD_SIZE];
    char text[LEAT_STORED_FILE_CHECKSUM_TEXT];
    if (!EVP_DigestFinal_ex(f->hash, digest, NULL))
        return no_memory(err);
    for (size_t i = 0; i < (LEAT_STORED_FILE_CHECKSUM_TEXT - 1) / 2; i++)
        snprintf(text + 2 * i, 3, "%02x", digest[i]);
    if (f->bytes != f->about.bytes)
        return leat_fail(err, LEAT_EDATA, "the file has %" PRId64 " bytes, not %" PRId64, f->bytes,
                         f->about.bytes);
    if (strcmp(text, f->about.checksum) != 0)
        return leat_fail(err, LEAT_EDATA, "the file's SHA-256 is %s, not %s", text,
                         f->about.checksum);
    return LEAT_OK;
}

static int part_take(struct leat_stored_file *f, struct leat_slice data,
                     struct leat_slice *ret_bytes, struct leat_err *err)
{
    size_t len = 0;
    int status = data_decode(f, data, &len, err);
    if (status)
        return status;
    if (len && !EVP_DigestUpdate(f->hash, f->data, len))
        return no_memory(err);
    f->bytes += (int64_t)len;
    if (++f->part == f->about.parts)
        status = is_whole(f, err);
    else if (f->bytes >= f->about.bytes) /* who got these would have all that were announced */
        status =
            leat_fail(err, LEAT_EDATA, "the file has more than %" PRId64 " bytes", f->about.bytes);
    if (!status)
        *ret_bytes = leat_slice_of(f->data, len);
    return status;
}

int leat_stored_file_next(struct leat_stored_file *f, struct leat_slice *ret_bytes,
                          struct leat_err *err)
{
    struct leat_stream_event e;
    struct part part;
    if (f->part == f->about.parts)
        return LEAT_EOF;
    int status = leat_stream_next(f->stream, &e, err);
    if (status == LEAT_EOF)
        return leat_fail(err, LEAT_EDATA, "part %" PRIu64 " of the file is missing", f->part + 1);
    if (status)
        return status;
    bool fits = e.sequence == f->about.sequence + f->part && e.event.transaction &&
                leat_slice_equal(e.event.transaction->id, leat_slice_text(f->transaction)) &&
                part_open(e.event.body, &part);
    if (!fits)
        return leat_fail(err, LEAT_EDATA,
                         "sequence %" PRIu64 " is not part %" PRIu64 " of the file", e.sequence,
                         f->part + 1);
    status = is_next(f, part.head) ? part_take(f, part.data, ret_bytes, err)
                                   : leat_fail(err, LEAT_EDATA, "it does not belong to the file");
    json_decref(part.head);
    if (status)
        leat_err_context(err, "sequence %" PRIu64 ", part %" PRIu64, e.sequence, f->part);
    return status;
}
