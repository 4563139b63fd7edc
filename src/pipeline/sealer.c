#include "pipeline/sealer.h"

#include <leat/limits.h>

#include <pthread.h>
#include <stdlib.h>

enum { SEALER_JOBS = 32 /* a batch has half as many */ };

struct job {
    struct leat_buf raw;
    struct leat_block_header header;
    struct leat_block block;
    struct leat_err err; /* code LEAT_OK: the block is there */
};

/* Jobs are numbered; number n lies in slot n % SEALER_JOBS. put_next >= done_next >= collect_next.
 */
struct leat_sealer {
    struct leat_compressor *compressor;
    struct job jobs[SEALER_JOBS];
    uint64_t put_next, done_next, collect_next;
    pthread_mutex_t mutex;
    pthread_cond_t todo, done;
    pthread_t thread;
    bool started, ending;
};

int leat_sealer_new(enum leat_compression compression, int level, struct leat_sealer **ret_sealer,
                    struct leat_err *err)
{
    struct leat_sealer *s = calloc(1, sizeof *s);
    if (!s)
        return leat_fail(err, LEAT_ERETRY, "out of memory for a sealer");
    int status = leat_compressor_new(compression, level, &s->compressor, err);
    if (status) {
        free(s);
        return status;
    }
    pthread_mutex_init(&s->mutex, NULL);
    pthread_cond_init(&s->todo, NULL);
    pthread_cond_init(&s->done, NULL);
    *ret_sealer = s;
    return LEAT_OK;
}

/* --- the thread --------------------------------------------------------------------------------
 */

static void seal(struct leat_sealer *s, struct job *job)
{
    job->err.code = LEAT_OK;
    job->err.code = leat_block_seal(s->compressor, leat_buf_slice(&job->raw), &job->header,
                                    &job->block, &job->err);
    leat_buf_reset(&job->raw);
    leat_buf_shrink(&job->raw, 2 * LEAT_BLOCK_RAW_BYTES);
}

static void *run(void *arg)
{
    struct leat_sealer *s = arg;
    pthread_mutex_lock(&s->mutex);
    for (;;) {
        while (s->done_next == s->put_next && !s->ending)
            pthread_cond_wait(&s->todo, &s->mutex);
        if (s->ending)
            break;
        struct job *job = &s->jobs[s->done_next % SEALER_JOBS];
        pthread_mutex_unlock(&s->mutex);
        seal(s, job);
        pthread_mutex_lock(&s->mutex);
        s->done_next++;
        pthread_cond_signal(&s->done);
    }
    pthread_mutex_unlock(&s->mutex);
    return NULL;
}

static int start(struct leat_sealer *s, struct leat_err *err)
{
    if (s->started)
        return LEAT_OK;
    int failed = pthread_create(&s->thread, NULL, run, s);
    if (failed)
        return leat_fail_errno(err, LEAT_ERETRY, failed, "cannot start a thread to seal blocks");
    s->started = true;
    return LEAT_OK;
}

void leat_sealer_free(struct leat_sealer *s)
{
    if (!s)
        return;
    pthread_mutex_lock(&s->mutex);
    s->ending = true;
    pthread_cond_signal(&s->todo);
    pthread_mutex_unlock(&s->mutex);
    if (s->started)
        pthread_join(s->thread, NULL);
    for (; s->collect_next < s->done_next; s->collect_next++)
        if (!s->jobs[s->collect_next % SEALER_JOBS].err.code)
            free(s->jobs[s->collect_next % SEALER_JOBS].block.bytes);
    for (size_t i = 0; i < SEALER_JOBS; i++)
        leat_buf_release(&s->jobs[i].raw);
    leat_compressor_free(s->compressor);
    pthread_mutex_destroy(&s->mutex);
    pthread_cond_destroy(&s->todo);
    pthread_cond_destroy(&s->done);
    free(s);
}

/* --- the caller --------------------------------------------------------------------------------
 */

int leat_sealer_put(struct leat_sealer *s, struct leat_buf *raw,
                    const struct leat_block_header *header, struct leat_err *err)
{
    int status = start(s, err);
    if (status)
        return status;
    if (s->put_next - s->collect_next == SEALER_JOBS)
        return LEAT_AGAIN;
    struct job *job = &s->jobs[s->put_next % SEALER_JOBS];
    struct leat_buf spare = job->raw;
    if (!spare.max)
        leat_buf_init(&spare, raw->max);
    leat_buf_reset(&spare);
    job->raw = *raw;
    job->header = *header;
    *raw = spare;
    pthread_mutex_lock(&s->mutex);
    s->put_next++;
    pthread_cond_signal(&s->todo);
    pthread_mutex_unlock(&s->mutex);
    return LEAT_OK;
}

int leat_sealer_collect(struct leat_sealer *s, struct leat_block *ret_block, struct leat_err *err)
{
    if (s->collect_next == s->put_next)
        return LEAT_EOF;
    pthread_mutex_lock(&s->mutex);
    while (s->done_next == s->collect_next)
        pthread_cond_wait(&s->done, &s->mutex);
    pthread_mutex_unlock(&s->mutex);
    struct job *job = &s->jobs[s->collect_next++ % SEALER_JOBS];
    *ret_block = job->block;
    if (job->err.code)
        *err = job->err;
    return job->err.code;
}
