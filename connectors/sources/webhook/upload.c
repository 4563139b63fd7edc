/*
 * Files are much larger than memory may be, so each byte goes to the spool as it comes, and comes
 * back part by part. Parts of more than LEAT_VALUE_INLINE_MAX, which is all but a short last one,
 * are stored ahead of their events (leat/batch.h).
 */
#include "sources/webhook/upload.h"

#include <leat/clock.h>

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "sources/webhook/json_scan.h"
#include "sources/webhook/utf8.h"

enum {
    DIGEST_BYTES = 32,
    DIGEST_TEXT = 2 * DIGEST_BYTES + 1,
    LOOK_BYTES = 8 << 20,
    NAMES_MAX = 256,
    ID_MAX = 40
};

/* "fileId":"…", and so on, the JSON around the data included. */
#define BODY_MAX (UPLOAD_PART_BYTES / 3 * 4 + 8 * UPLOAD_FIELDS_MAX + 64 * 1024)

/* What only we say. */
static const char *const RESERVED[] = {"fileId",   "fileName", "fileType",   "fileSize", "checksum",
                                       "hashType", "part",     "totalParts", "data"};

struct upload {
    struct multipart form;
    const char *directory;
    int64_t file_max;
    int fd;
    int64_t bytes;  /* of the file, in the spool */
    int64_t looked; /* of them, when the disk was last looked at */
    EVP_MD_CTX *hash;
    char checksum[DIGEST_TEXT];
    bool in_file, has_file;
    char file_name[MULTIPART_FILENAME_MAX + 1], part_type[MULTIPART_TYPE_MAX + 1];
    struct leat_buf fields; /* counted name, counted value, for each */
    struct leat_buf value;  /* of the field that is being read */
    struct leat_slice
        names[NAMES_MAX]; /* of members that are there: in `fields`, or plain in `taken` */
    size_t name_count;
    struct leat_buf taken;
    struct leat_buf members;
    bool has_id;
    char id[ID_MAX];
    /* into the store */
    struct leat_ahead
        *ahead; /* of each part, as far as they are; `len` 0: short, goes with its event */
    size_t ahead_count;
    struct leat_buf body;
    size_t body_part; /* which part is in `body`, from 1; 0: none */
    uint8_t *raw;
};

static unsigned refuse(unsigned status, const char *why, const char **ret_why)
{
    *ret_why = why;
    return status;
}

static const char NO_ROOM[] = "the disk has no room for the file now; try again";
static const char NO_SPOOL[] = "the file cannot be kept now; try again";
static const char NO_MEMORY[] = "no memory; try again";

/* --- the spool
 * ------------------------------------------------------------------------------------ */

static int spool_open(const char *directory)
{
    int fd = open(directory, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (fd < 0 && (errno == EOPNOTSUPP || errno == EISDIR)) {
        char path[4096];
        snprintf(path, sizeof path, "%s/upload-%d-%" PRId64, directory, (int)getpid(),
                 leat_clock_monotonic_us());
        fd = open(path, O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC, 0600);
        if (fd >= 0)
            unlink(path);
    }
    return fd;
}

/* The bytes come twice: into the spool, and into the store. */
static bool has_room(int fd, int64_t bytes)
{
    struct statvfs disk;
    return fstatvfs(fd, &disk) == 0 &&
           (double)disk.f_bavail * (double)disk.f_frsize >= (double)bytes + UPLOAD_SPARE_BYTES;
}

static unsigned spool_write(struct upload *u, struct leat_slice bytes, const char **ret_why)
{
    if (u->bytes + (int64_t)bytes.len > u->file_max)
        return refuse(413, "the file is longer than this source takes", ret_why);
    if (u->bytes - u->looked > LOOK_BYTES && !has_room(u->fd, u->bytes))
        return refuse(503, NO_ROOM, ret_why);
    u->looked = u->bytes - u->looked > LOOK_BYTES ? u->bytes : u->looked;
    if (!EVP_DigestUpdate(u->hash, bytes.ptr, bytes.len))
        return refuse(503, NO_MEMORY, ret_why);
    while (bytes.len) {
        ssize_t n = pwrite(u->fd, bytes.ptr, bytes.len, (off_t)u->bytes);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return refuse(503, n && (errno == ENOSPC || errno == EDQUOT) ? NO_ROOM : NO_SPOOL,
                          ret_why);
        u->bytes += n;
        bytes = leat_slice_of(bytes.ptr + n, bytes.len - (size_t)n);
    }
    return 0;
}

static int spool_read(struct upload *u, int64_t at, size_t len, struct leat_err *err)
{
    for (size_t got = 0; got < len;) {
        ssize_t n = pread(u->fd, u->raw + got, len - got, (off_t)at + (off_t)got);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return leat_fail_errno(err, LEAT_ERETRY, n ? errno : EIO,
                                   "cannot read a file back from %s", u->directory);
        got += (size_t)n;
    }
    return LEAT_OK;
}

/* --- life
 * ----------------------------------------------------------------------------------------- */

static bool hash_begin(struct upload *u)
{
    return u->hash && EVP_DigestInit_ex(u->hash, EVP_sha256(), NULL);
}

static bool hash_end(struct upload *u, char *ret_text)
{
    uint8_t digest[EVP_MAX_MD_SIZE];
    if (!EVP_DigestFinal_ex(u->hash, digest, NULL))
        return false;
    for (int i = 0; i < DIGEST_BYTES; i++)
        snprintf(ret_text + 2 * i, 3, "%02x", digest[i]);
    return true;
}

static unsigned open_parts(struct upload *u, const char *content_type, int64_t length,
                           const char **ret_why)
{
    if (!multipart_init(&u->form, content_type))
        return refuse(400, "the Content-Type has no proper boundary", ret_why);
    u->hash = EVP_MD_CTX_new();
    if (!hash_begin(u))
        return refuse(503, NO_MEMORY, ret_why);
    u->fd = spool_open(u->directory);
    if (u->fd < 0)
        return refuse(503, errno == ENOSPC ? NO_ROOM : NO_SPOOL, ret_why);
    return length > 0 && !has_room(u->fd, 2 * length) ? refuse(503, NO_ROOM, ret_why) : 0;
}

unsigned upload_new(const char *content_type, const char *directory, int64_t file_max,
                    int64_t length, struct upload **ret_upload, const char **ret_why)
{
    struct upload *u = calloc(1, sizeof *u);
    if (!u)
        return refuse(503, NO_MEMORY, ret_why);
    u->fd = -1;
    u->directory = directory;
    u->file_max = file_max;
    leat_buf_init(&u->fields, UPLOAD_FIELDS_MAX);
    leat_buf_init(&u->value, UPLOAD_FIELDS_MAX);
    leat_buf_init(&u->taken, UPLOAD_FIELDS_MAX);
    leat_buf_init(&u->members, 8 * UPLOAD_FIELDS_MAX);
    leat_buf_init(&u->body, BODY_MAX);
    unsigned status = open_parts(u, content_type, length, ret_why);
    if (status)
        upload_free(u);
    else
        *ret_upload = u;
    return status;
}

void upload_free(struct upload *u)
{
    if (!u)
        return;
    if (u->fd >= 0)
        close(u->fd);
    EVP_MD_CTX_free(u->hash);
    leat_buf_release(&u->fields);
    leat_buf_release(&u->value);
    leat_buf_release(&u->taken);
    leat_buf_release(&u->members);
    leat_buf_release(&u->body);
    free(u->ahead);
    free(u->raw);
    free(u);
}

/* --- the form
 * ------------------------------------------------------------------------------------- */

/* Senders that are old or on Windows send paths; what is kept names nothing but the file. */
static bool file_name_read(const struct multipart_part *part, char *ret_name)
{
    const char *text = part->has_filename ? part->filename : "file", *last = text;
    for (const char *at = text; *at; at++)
        if (*at == '/' || *at == '\\')
            last = at + 1;
    snprintf(ret_name, MULTIPART_FILENAME_MAX + 1, "%s", last);
    return *last && strcmp(last, ".") != 0 && strcmp(last, "..") != 0;
}

static unsigned part_begin(struct upload *u, const char **ret_why)
{
    const struct multipart_part *part = &u->form.part;
    leat_buf_reset(&u->value);
    u->in_file = part->has_filename || strcmp(part->name, "file") == 0;
    if (!u->in_file)
        return 0;
    if (u->has_file)
        return refuse(400, "there is more than one file in the form", ret_why);
    if (!file_name_read(part, u->file_name))
        return refuse(400, "the file has no name", ret_why);
    u->has_file = true;
    snprintf(u->part_type, sizeof u->part_type, "%s", part->type);
    return 0;
}

static unsigned part_data(struct upload *u, struct leat_slice bytes, const char **ret_why)
{
    if (u->in_file)
        return spool_write(u, bytes, ret_why);
    leat_buf_append(&u->value, bytes);
    return u->value.full ? refuse(413, "the fields of the form are too long", ret_why) : 0;
}

static unsigned part_end(struct upload *u, const char **ret_why)
{
    if (u->in_file)
        return 0;
    leat_buf_append_counted(&u->fields, leat_slice_text(u->form.part.name));
    leat_buf_append_counted(&u->fields, leat_buf_slice(&u->value));
    if (u->fields.full)
        return refuse(413, "the fields of the form are too long", ret_why);
    return utf8_check(leat_buf_slice(&u->value))
               ? 0
               : refuse(400, "a field of the form is not UTF-8", ret_why);
}

unsigned upload_take(struct upload *u, struct leat_slice piece, const char **ret_why)
{
    struct leat_slice data;
    unsigned status = 0;
    while (!status) {
        switch (multipart_next(&u->form, &piece, &data)) {
        case MULTIPART_PART:
            status = part_begin(u, ret_why);
            break;
        case MULTIPART_DATA:
            status = part_data(u, data, ret_why);
            break;
        case MULTIPART_PART_END:
            status = part_end(u, ret_why);
            break;
        case MULTIPART_BAD:
            return refuse(u->form.status, u->form.why, ret_why);
        case MULTIPART_END:
            break;
        case MULTIPART_MORE:
            return 0;
        }
    }
    return status;
}

/* --- what it says of the file
 * --------------------------------------------------------------------- */

static bool is_reserved(struct leat_slice name)
{
    for (size_t i = 0; i < sizeof RESERVED / sizeof *RESERVED; i++)
        if (leat_slice_equal(name, leat_slice_text(RESERVED[i])))
            return true;
    return false;
}

static bool is_taken(const struct upload *u, struct leat_slice name)
{
    for (size_t i = 0; i < u->name_count; i++)
        if (leat_slice_equal(name, u->names[i]))
            return true;
    return false;
}

static void put_text(struct upload *u, const char *name, struct leat_slice value)
{
    leat_buf_format(&u->members, "\"%s\":", name);
    json_quote(&u->members, value);
    leat_buf_append_text(&u->members, ",");
}

struct field {
    struct leat_slice name, value;
};

static bool field_next(struct leat_reader *r, struct field *ret_field)
{
    if (r->at == r->end)
        return false;
    ret_field->name = leat_reader_counted(r);
    ret_field->value = leat_reader_counted(r);
    return !r->bad;
}

static struct leat_slice field_find(const struct upload *u, const char *name)
{
    struct leat_reader r = leat_reader_of(leat_buf_slice(&u->fields));
    struct field f;
    while (field_next(&r, &f))
        if (leat_slice_equal(f.name, leat_slice_text(name)))
            return f.value;
    return leat_slice_of(NULL, 0);
}

/* Nobody could say which of two of the same name counts. */
static unsigned fields_name(struct upload *u, const char **ret_why)
{
    struct leat_reader r = leat_reader_of(leat_buf_slice(&u->fields));
    struct field f;
    while (field_next(&r, &f)) {
        if (is_taken(u, f.name))
            return refuse(400, "a field of the form is there twice", ret_why);
        if (u->name_count == NAMES_MAX)
            return refuse(413, "there are too many fields in the form", ret_why);
        u->names[u->name_count++] = f.name;
    }
    return 0;
}

/* Fields that say something else than a member of the same name would. */
static bool is_ours(struct leat_slice name)
{
    return leat_slice_equal(name, LEAT_SLICE_LITERAL("type")) ||
           leat_slice_equal(name, LEAT_SLICE_LITERAL("additionalProperties"));
}

static void put_fields(struct upload *u)
{
    struct leat_reader r = leat_reader_of(leat_buf_slice(&u->fields));
    struct field f;
    while (field_next(&r, &f)) {
        if (is_ours(f.name) || is_reserved(f.name))
            continue;
        json_quote(&u->members, f.name);
        leat_buf_append_text(&u->members, ":");
        json_quote(&u->members, f.value);
        leat_buf_append_text(&u->members, ",");
    }
}

static void names_forget_ours(struct upload *u)
{
    size_t kept = 0;
    for (size_t i = 0; i < u->name_count; i++)
        if (!is_ours(u->names[i]))
            u->names[kept++] = u->names[i];
    u->name_count = kept;
}

/* A member of additionalProperties: our names win, then those of the form, then the first. */
static unsigned put_property(struct upload *u, struct leat_slice key, struct leat_slice value,
                             const char **ret_why)
{
    size_t before = u->taken.len;
    if (!leat_buf_reserve(&u->taken,
                          key.len)) /* `taken` was reserved whole: names stay where they are */
        return refuse(413, "the fields of the form are too long", ret_why);
    json_unquote(key, &u->taken);
    struct leat_slice name = leat_slice_of(u->taken.data + before, u->taken.len - before);
    if (is_reserved(name) || is_taken(u, name))
        return 0;
    if (u->name_count == NAMES_MAX)
        return refuse(413, "there are too many fields in the form", ret_why);
    u->names[u->name_count++] = name;
    leat_buf_append(&u->members, key);
    leat_buf_append_text(&u->members, ":");
    leat_buf_append(&u->members, value);
    leat_buf_append_text(&u->members, ",");
    return 0;
}

static unsigned put_properties(struct upload *u, const char **ret_why)
{
    struct leat_slice text = field_find(u, "additionalProperties"), key, value;
    struct json_walk walk;
    size_t at;
    if (!text.len)
        return 0;
    if (!json_check(text, &at) || json_kind(text) != '{' || !json_walk(&walk, text))
        return refuse(400, "additionalProperties is not a JSON object", ret_why);
    if (!leat_buf_reserve(&u->taken, UPLOAD_FIELDS_MAX))
        return refuse(503, NO_MEMORY, ret_why);
    unsigned status = 0;
    names_forget_ours(u);
    while (!status && json_next(&walk, &key, &value))
        status = put_property(u, key, value, ret_why);
    return status;
}

unsigned upload_end(struct upload *u, const char **ret_why)
{
    if (!multipart_whole(&u->form))
        return refuse(400, "the form is not whole", ret_why);
    if (!u->has_file)
        return refuse(400, "there is no file in the form", ret_why);
    unsigned status = fields_name(u, ret_why);
    if (status)
        return status;
    struct leat_slice id = field_find(u, "fileId"), type = field_find(u, "type");
    if (!hash_end(u, u->checksum))
        return refuse(503, NO_MEMORY, ret_why);
    u->has_id = id.len > 0;
    if (u->has_id)
        put_text(u, "fileId", id);
    put_text(u, "fileName", leat_slice_text(u->file_name));
    put_text(u, "fileType",
             type.len          ? type
             : u->part_type[0] ? leat_slice_text(u->part_type)
                               : LEAT_SLICE_LITERAL("application/octet-stream"));
    leat_buf_format(&u->members,
                    "\"fileSize\":%" PRId64 ",\"checksum\":\"%s\",\"hashType\":\"SHA256\",",
                    u->bytes, u->checksum);
    put_fields(u);
    status = put_properties(u, ret_why);
    return !status && u->members.full ? refuse(413, "the fields of the form are too long", ret_why)
                                      : status;
}

struct leat_slice upload_members(const struct upload *u)
{
    return leat_buf_slice(&u->members);
}

void upload_name(struct upload *u, const char *file_id)
{
    snprintf(u->id, sizeof u->id, "%s", file_id);
}

int64_t upload_bytes(const struct upload *u)
{
    return u->bytes;
}

size_t upload_parts(const struct upload *u)
{
    return u->bytes ? (size_t)((u->bytes + UPLOAD_PART_BYTES - 1) / UPLOAD_PART_BYTES) : 1;
}

const char *upload_checksum(const struct upload *u)
{
    return u->checksum;
}

/* --- into the store
 * ------------------------------------------------------------------------------- */

static int no_memory(struct leat_err *err)
{
    return leat_fail(err, LEAT_ERETRY, "out of memory for a file");
}

/* Reserves what it writes: EVP_EncodeBlock() puts a NUL behind it. */
static bool put_data(struct leat_buf *buf, const uint8_t *raw, size_t len)
{
    if (!leat_buf_reserve(buf, len / 3 * 4 + 8))
        return false;
    buf->len += (size_t)EVP_EncodeBlock(buf->data + buf->len, raw, (int)len);
    return true;
}

/* Fills `body` with that of a part; the file goes through the hash once, in the order of the parts.
 */
static int body_make(struct upload *u, size_t part, struct leat_err *err)
{
    int64_t at = (int64_t)part * UPLOAD_PART_BYTES, left = u->bytes - at;
    size_t len = left < UPLOAD_PART_BYTES ? (size_t)left : UPLOAD_PART_BYTES;
    if (!u->raw && !(u->raw = malloc(UPLOAD_PART_BYTES)))
        return no_memory(err);
    int status = spool_read(u, at, len, err);
    if (status)
        return status;
    if ((part == 0 && !hash_begin(u)) || !EVP_DigestUpdate(u->hash, u->raw, len))
        return no_memory(err);
    leat_buf_reset(&u->body);
    leat_buf_append_text(&u->body, "{");
    if (!u->has_id)
        leat_buf_format(&u->body, "\"fileId\":\"%s\",", u->id);
    leat_buf_append(&u->body, leat_buf_slice(&u->members));
    leat_buf_format(&u->body, "\"part\":%zu,\"totalParts\":%zu,\"data\":\"", part + 1,
                    upload_parts(u));
    bool fits = put_data(&u->body, u->raw, len);
    leat_buf_append_text(&u->body, "\"}");
    u->body_part = part + 1;
    return fits && !u->body.full ? LEAT_OK : no_memory(err);
}

static int is_what_came(struct upload *u, struct leat_err *err)
{
    char again[DIGEST_TEXT];
    if (!hash_end(u, again))
        return no_memory(err);
    return strcmp(again, u->checksum) == 0
               ? LEAT_OK
               : leat_fail(err, LEAT_EDATA, "a file did not come back from %s as it was written",
                           u->directory);
}

int upload_ahead(struct upload *u, struct leat_batch *batch, struct leat_err *err)
{
    size_t parts = upload_parts(u);
    if (!u->ahead && !(u->ahead = calloc(parts, sizeof *u->ahead)))
        return no_memory(err);
    while (u->ahead_count < parts) {
        int status =
            u->body_part == u->ahead_count + 1 ? LEAT_OK : body_make(u, u->ahead_count, err);
        if (!status && u->body.len > LEAT_VALUE_INLINE_MAX)
            status =
                leat_batch_ahead(batch, leat_buf_slice(&u->body), &u->ahead[u->ahead_count], err);
        if (!status && u->ahead_count + 1 == parts)
            status = is_what_came(u, err);
        if (status)
            return status;
        u->ahead_count++;
    }
    return LEAT_OK;
}

/* Only the last part can be short, and that one is still in `body`. */
int upload_add(struct upload *u, struct leat_batch *batch, struct leat_event *event, size_t part,
               struct leat_err *err)
{
    if (u->ahead[part].len)
        return leat_batch_add_ahead(batch, event, &u->ahead[part], err);
    event->body = leat_buf_slice(&u->body);
    return leat_batch_add(batch, event, err);
}
