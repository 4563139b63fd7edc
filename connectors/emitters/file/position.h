/*
 * How far files are written: the one record that makes them exactly once.
 *
 *     <name>.position   two slots of 512 bytes; a record goes to the slot that the last one is not
 * in
 *
 *     "leat 1 generation store rewinds through opened_us first last events bytes name hash\n",
 * blanks behind
 *
 * Numbers are decimal, store and hash (XXH3-64 of the text before) hexadecimal, name "-" for no
 * file. The valid slot with the highest generation counts, so a torn write leaves the one before.
 * It is written after the file's bytes are on the disk and names how many of them count; what lies
 * behind was never confirmed and is cut off.
 *
 * Threads: one owner; the file is locked against a second one.
 * Errors:  LEAT_ECONFIG locked, or no rights, or bytes that are none of ours; LEAT_ERETRY the disk.
 */
#ifndef FILE_POSITION_H
#define FILE_POSITION_H

#include <leat/err.h>

#include <stdbool.h>

enum { FILE_NAME_BYTES = 160 };

struct file_position {
    uint64_t generation;
    uint32_t store;
    uint64_t rewinds;
    uint64_t through;  /* all that we have to do up to this sequence is in the files */
    int64_t opened_us; /* wall time of the file's first event; what follows is of that file */
    uint64_t first, last, events, bytes;
    char name[FILE_NAME_BYTES]; /* without ".part"; "": there is no file that is written to */
};

/* Opens and locks, making it if missing; *ret_found: it held a record. */
int file_position_open(int directory_fd, const char *name, int *ret_fd,
                       struct file_position *ret_position, bool *ret_found,
                       struct leat_err *err) LEAT_MUST_CHECK;

/* Counts the generation up and writes durably. */
int file_position_put(int fd, struct file_position *position, struct leat_err *err) LEAT_MUST_CHECK;

#endif
