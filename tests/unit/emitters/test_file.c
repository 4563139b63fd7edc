/*
 * The file emitter: the contract, rotation, gzip, and a crash at any of its steps, which is a copy
 * of the directory in the state that each step leaves behind.
 */
#include "emitters/file/file.c"

#include "contract/emitter_contract.h"

#include <dirent.h>
#include <ftw.h>

/* The command's; not asked here. */
void leat_report_add(struct leat_report *report, enum leat_severity severity, const char *id,
                     const char *observed, const char *fix, bool restart)
{
    (void)report, (void)severity, (void)id, (void)observed, (void)fix, (void)restart;
}

struct place {
    char path[64];
    int compression;
    int64_t rotate_bytes;
};

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st, (void)type, (void)ftw;
    return remove(path);
}

static void *file_new(void *arg, bool fresh)
{
    struct place *p = arg;
    struct file *f = calloc(1, sizeof *f);
    if (fresh && p->path[0])
        nftw(p->path, remove_one, 8, FTW_DEPTH | FTW_PHYS);
    if (fresh) {
        snprintf(p->path, sizeof p->path, "/tmp/leat-file-XXXXXX");
        assert_non_null(mkdtemp(p->path));
    }
    f->directory = p->path;
    f->compression = p->compression;
    f->rotate_bytes = p->rotate_bytes;
    f->rotate_age_ms = 3600 * 1000;
    return f;
}

static void file_free(void *arg, void *ctx)
{
    (void)arg;
    free(ctx);
}

/* --- what is there ------------------------------------------------------------------------------
 */

static int is_data(const struct dirent *e)
{
    return strstr(e->d_name, ".jsonl") != NULL;
}

static void line_note(const char *line, struct contract_held *h)
{
    unsigned long long sequence;
    if (sscanf(line, "{\"seq\":%llu}\n", &sequence) == 1)
        h->sequences[h->count++] = sequence;
}

/* Every line of every file, by name; gzopen reads plain files too. */
static void files_read(void *arg, struct contract_held *h)
{
    struct place *p = arg;
    struct dirent **entries;
    char path[512], line[256];
    int n = scandir(p->path, &entries, is_data, alphasort);
    for (int i = 0; i < n; i++) {
        snprintf(path, sizeof path, "%s/%s", p->path, entries[i]->d_name);
        gzFile in = gzopen(path, "r");
        while (gzgets(in, line, sizeof line))
            line_note(line, h);
        gzclose(in);
        free(entries[i]);
    }
    free(entries);
}

static struct place plain = {.rotate_bytes = 1 << 30},
                    zipped = {.compression = COMPRESSION_GZIP, .rotate_bytes = 2000},
                    rotated = {.rotate_bytes = 1024};

static const struct emitter_contract plain_contract = {&file_emitter_ops, file_new, file_free,
                                                       files_read,        NULL,     &plain};
static const struct emitter_contract zipped_contract = {&file_emitter_ops, file_new, file_free,
                                                        files_read,        NULL,     &zipped};
static const struct emitter_contract rotated_contract = {&file_emitter_ops, file_new, file_free,
                                                         files_read,        NULL,     &rotated};

static int count_of(const struct place *p, const char *part)
{
    DIR *dir = opendir(p->path);
    int count = 0;
    for (struct dirent *e; (e = readdir(dir));)
        count += strstr(e->d_name, part) != NULL;
    closedir(dir);
    return count;
}

static void file__a_finished_file_has_its_final_name_and_a_line_in_the_manifest(void **state)
{
    (void)state;
    struct contract_session *s = session_new(&rotated_contract, true);
    session_open(s);
    for (int i = 0; i < 20; i++) {
        struct leat_emit_batch b = batch_make(s, 40, -1);
        ok(deliver(s, &b));
    }
    int parts = count_of(&rotated, ".part"), all = count_of(&rotated, ".jsonl");
    assert_int_equal(parts, 1);
    assert_true(all > 5);
    char path[512], line[LINE_BYTES];
    snprintf(path, sizeof path, "%s/contract.manifest", rotated.path);
    FILE *manifest = fopen(path, "r");
    uint64_t last = 0;
    int lines = 0;
    for (; fgets(line, sizeof line, manifest); lines++) {
        unsigned long long first, to, events;
        assert_int_equal(sscanf(strstr(line, "\"first\""),
                                "\"first\":%llu,\"last\":%llu,\"events\":%llu", &first, &to,
                                &events),
                         3);
        assert_int_equal(first, last + 1);
        assert_int_equal(events, to - first + 1);
        last = to;
    }
    fclose(manifest);
    assert_int_equal(lines, all - parts);
    session_free(s);
}

static void torn_add(const struct place *p, const char *text)
{
    struct dirent **entries;
    char path[512];
    int n = scandir(p->path, &entries, is_data, alphasort);
    for (int i = 0; i < n; i++) {
        if (strstr(entries[i]->d_name, ".part")) {
            snprintf(path, sizeof path, "%s/%s", p->path, entries[i]->d_name);
            FILE *out = fopen(path, "a");
            fputs(text, out);
            fclose(out);
        }
        free(entries[i]);
    }
    free(entries);
}

static void file__what_a_crash_left_behind_the_position_is_cut_off(void **state)
{
    (void)state;
    struct contract_session *s = session_new(&plain_contract, true);
    session_open(s);
    struct leat_emit_batch b = batch_make(s, 10, -1);
    ok(deliver(s, &b));
    s->contract->ops->close(s->ctx);
    torn_add(&plain, "{\"seq\":11}\n{\"seq\":12}\n{\"se");
    assert_int_equal(session_open(s), 10);
    assert_holds(&plain_contract, 1, 10);
    struct leat_emit_batch c = batch_make(s, 5, -1);
    ok(deliver(s, &c));
    assert_holds(&plain_contract, 1, 15);
    session_free(s);
}

/* A torn record of the position: the one before counts. */
static void file__a_torn_position_is_the_one_before(void **state)
{
    (void)state;
    struct contract_session *s = session_new(&plain_contract, true);
    char path[512];
    session_open(s);
    for (int i = 0; i < 2; i++) {
        struct leat_emit_batch b = batch_make(s, 10, -1);
        ok(deliver(s, &b));
    }
    struct file *f = s->ctx;
    off_t newest = (off_t)(f->position.generation % 2 * 512);
    s->contract->ops->close(s->ctx);
    snprintf(path, sizeof path, "%s/contract.position", plain.path);
    int fd = open(path, O_RDWR);
    assert_int_equal(pwrite(fd, "9", 1, newest + 20), 1);
    close(fd);
    assert_int_equal(session_open(s), 10);
    s->next = 11;
    struct leat_emit_batch b = batch_make(s, 10, -1);
    ok(deliver(s, &b));
    assert_holds(&plain_contract, 1, 20);
    session_free(s);
}

static void file__a_rotation_goes_on_where_a_crash_ended_it(void **state)
{
    (void)state;
    for (int crash = 0; crash < 3; crash++) {
        struct contract_session *s = session_new(&plain_contract, true);
        char part[700], final[600];
        session_open(s);
        struct leat_emit_batch b = batch_make(s, 10, -1);
        ok(deliver(s, &b));
        struct file *f = s->ctx;
        snprintf(final, sizeof final, "%s/%s", plain.path, f->position.name);
        snprintf(part, sizeof part, "%s.part", final);
        if (crash)
            assert_int_equal(rename(part, final), 0);
        if (crash == 2)
            ok(manifest_add(f, &err));
        s->contract->ops->close(s->ctx);
        assert_int_equal(session_open(s), 10);
        struct leat_emit_batch c = batch_make(s, 5, -1);
        ok(deliver(s, &c));
        ok(rotate(s->ctx, &err));
        assert_holds(&plain_contract, 1, 15);
        assert_int_equal(count_of(&plain, ".jsonl"), crash ? 2 : 1);
        char path[512], line[LINE_BYTES];
        snprintf(path, sizeof path, "%s/contract.manifest", plain.path);
        FILE *manifest = fopen(path, "r");
        int lines = 0;
        while (fgets(line, sizeof line, manifest))
            lines++;
        fclose(manifest);
        assert_int_equal(lines, crash ? 2 : 1);
        session_free(s);
    }
}

static void file__a_file_that_lost_confirmed_bytes_is_an_error_with_a_remedy(void **state)
{
    (void)state;
    struct contract_session *s = session_new(&plain_contract, true);
    char part[600];
    uint64_t acked = 0;
    session_open(s);
    struct leat_emit_batch b = batch_make(s, 10, -1);
    ok(deliver(s, &b));
    snprintf(part, sizeof part, "%s/%s.part", plain.path, ((struct file *)s->ctx)->position.name);
    s->contract->ops->close(s->ctx);
    assert_int_equal(truncate(part, 3), 0);
    gives(LEAT_ECONFIG, s->contract->ops->open(s->ctx, &s->env, &acked, &err));
    assert_text_has(err.hint, "rewind contract 1");
    session_free(s);
}

static void file__two_of_one_name_exclude_each_other(void **state)
{
    (void)state;
    struct contract_session *s = session_new(&plain_contract, true);
    struct contract_session *other = session_new(&plain_contract, false);
    uint64_t acked = 0;
    session_open(s);
    gives(LEAT_ECONFIG, other->contract->ops->open(other->ctx, &other->env, &acked, &err));
    assert_text_has(err.text, "held");
    session_free(other);
    session_free(s);
}

static void file__an_old_file_is_finished_while_nothing_comes(void **state)
{
    (void)state;
    struct contract_session *s = session_new(&plain_contract, true);
    session_open(s);
    struct leat_emit_batch b = batch_make(s, 10, -1);
    ok(deliver(s, &b));
    ((struct file *)s->ctx)->rotate_age_ms = 0;
    uint64_t number = 0;
    ok(s->contract->ops->poll(s->ctx, leat_clock_monotonic_ms(), &number, &err));
    assert_int_equal(count_of(&plain, ".part"), 0);
    session_free(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        EMITTER_CONTRACT_TESTS(&plain_contract),
        EMITTER_CONTRACT_TESTS(&zipped_contract),
        EMITTER_CONTRACT_TESTS(&rotated_contract),
        cmocka_unit_test(file__a_finished_file_has_its_final_name_and_a_line_in_the_manifest),
        cmocka_unit_test(file__what_a_crash_left_behind_the_position_is_cut_off),
        cmocka_unit_test(file__a_torn_position_is_the_one_before),
        cmocka_unit_test(file__a_rotation_goes_on_where_a_crash_ended_it),
        cmocka_unit_test(file__a_file_that_lost_confirmed_bytes_is_an_error_with_a_remedy),
        cmocka_unit_test(file__two_of_one_name_exclude_each_other),
        cmocka_unit_test(file__an_old_file_is_finished_while_nothing_comes),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    for (struct place *p = (struct place *[]){&plain}[0]; p; p = p == &plain    ? &zipped
                                                                 : p == &zipped ? &rotated
                                                                                : NULL)
        nftw(p->path, remove_one, 8, FTW_DEPTH | FTW_PHYS);
    return failed;
}
