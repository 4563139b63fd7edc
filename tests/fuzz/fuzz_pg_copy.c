/*
 * What a copy reads that came from elsewhere: rows of COPY in both forms, the progress of a job, a snapshot of
 * transactions. First byte: which; second: how many fields. What is taken is read to its last byte, and a
 * progress that is taken is written and reads the same.
 */
#include "sources/postgres/copy_progress.h"
#include "sources/postgres/copy_row.h"
#include "sources/postgres/xid_snapshot.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static volatile uint8_t sink;

static void touch(const struct pgoutput_field *fields, uint16_t count)
{
    uint32_t block;
    uint16_t offset;
    for (uint16_t i = 0; i < count; i++)
        for (size_t k = 0; k < fields[i].data.len; k++)
            sink ^= fields[i].data.ptr[k];
    if (count && pg_copy_tid(&fields[0], &block, &offset))
        sink ^= (uint8_t)block;
}

static void row(const uint8_t *data, size_t size, uint8_t form, uint16_t count)
{
    struct pgoutput_field fields[256];
    struct leat_err err;
    uint8_t *line = malloc(size ? size : 1); /* exactly as long: a byte more is found */
    memcpy(line, data, size);
    int status = form == 2 ? pg_copy_text(line, size, count, fields, &err)
                           : pg_copy_binary(leat_slice_of(line, size), form == 1, count, fields, &err);
    if (status == LEAT_OK)
        touch(fields, count);
    free(line);
}

static void progress(struct leat_slice bytes)
{
    struct pg_progress p, again;
    struct leat_buf buf;
    if (!pg_progress_read(bytes, &p))
        return;
    leat_buf_init(&buf, 1 << 20);
    pg_progress_write(&p, &buf);
    if (!pg_progress_read(leat_buf_slice(&buf), &again) || again.form != p.form ||
        again.range_count != p.range_count || again.key_count != p.key_count)
        abort();
    leat_buf_release(&buf);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct pg_xid_snapshot seen;
    if (size < 2)
        return 0;
    if (data[0] % 5 < 3)
        row(data + 2, size - 2, data[0] % 5, data[1]);
    else if (data[0] % 5 == 3)
        progress(leat_slice_of(data + 2, size - 2));
    else if (pg_xid_snapshot_read(leat_slice_of(data + 2, size - 2), &seen))
        sink ^= pg_xid_visible(&seen, data[1]);
    return 0;
}
