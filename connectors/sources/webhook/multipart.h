/*
 * multipart/form-data, taken apart as it comes. Pure: bytes in, events out.
 *
 *     multipart_init ─▶ multipart_next … over each piece of the body ─▶ multipart_whole?
 *
 *     MORE       the piece is used up
 *     PART       a part begins; m->part says which
 *     DATA       bytes of it, a view of the piece or of the delimiter that they only resembled
 *     PART_END   it is whole
 *     END        the last delimiter was there; what follows is passed over
 *     BAD        m->status and m->why say what is wrong; nothing comes any more
 *
 * It goes on behind every byte: where the pieces are cut does not matter. A part's bytes are
 * exactly those between the empty line and the delimiter. Lines end with CRLF, as the standard has
 * it.
 *
 * Ownership: the parser is a plain value; m->part lives until the next part.
 * Bounds:    MULTIPART_HEAD_MAX bytes of a part's head, MULTIPART_PARTS_MAX parts.
 * Threads:   pure.
 * Source:    RFC 7578, 2046 (5.1), 5987 for filename*; %22 in names as browsers write it.
 */
#ifndef WEBHOOK_MULTIPART_H
#define WEBHOOK_MULTIPART_H

#include <leat/err.h>
#include <leat/slice.h>

enum {
    MULTIPART_BOUNDARY_MAX = 70,
    MULTIPART_HEAD_MAX = 4096,
    MULTIPART_PARTS_MAX = 256,
    MULTIPART_NAME_MAX = 255,
    MULTIPART_FILENAME_MAX = 1024,
    MULTIPART_TYPE_MAX = 255,
};

enum multipart_event {
    MULTIPART_MORE,
    MULTIPART_PART,
    MULTIPART_DATA,
    MULTIPART_PART_END,
    MULTIPART_END,
    MULTIPART_BAD,
};

/* Texts are UTF-8 without control characters. */
struct multipart_part {
    char name[MULTIPART_NAME_MAX + 1];
    char filename[MULTIPART_FILENAME_MAX + 1];
    bool has_filename;
    char type[MULTIPART_TYPE_MAX + 1]; /* its Content-Type, or "" */
};

struct multipart {
    uint8_t delimiter[4 + MULTIPART_BOUNDARY_MAX]; /* CR LF - - boundary */
    size_t delimiter_len;
    int state;
    size_t matched; /* bytes of the delimiter that the last bytes were */
    size_t held;    /* of them, those that are given out if it is none */
    bool in_part;
    uint8_t head[MULTIPART_HEAD_MAX];
    size_t head_len;
    unsigned parts;
    struct multipart_part part;
    unsigned status; /* 0, 400 or 413 */
    const char *why;
};

/* Is a Content-Type one of multipart/form-data, whatever its parameters? */
bool multipart_is(const char *content_type);

/* False: it has no boundary, or one that is none. */
bool multipart_init(struct multipart *m, const char *content_type) LEAT_MUST_CHECK;

/* Takes bytes from the front of *piece. */
enum multipart_event multipart_next(struct multipart *m, struct leat_slice *piece,
                                    struct leat_slice *ret_data);

/* Was the last delimiter there? */
bool multipart_whole(const struct multipart *m);

#endif
