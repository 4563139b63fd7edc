/*
 * What libmicrohttpd's parser lets through and we do not: shapes of requests that two parsers may
 * read differently (request smuggling), and paths that a C string cannot hold.
 *
 *     guard init ─▶ line ─▶ one call per header ─▶ end ─▶ 0, or the status to refuse with and why
 *
 * Refused with 400: Content-Length together with Transfer-Encoding; Content-Length, Host or
 * Transfer-Encoding given twice; Transfer-Encoding that is not exactly "chunked"; Content-Length
 * that is not a decimal number; a header name with a byte that no token has (so also "Host :");
 * HTTP/1.1 without Host; a header twice that decides about a request (credentials, types, times,
 * keys, signatures), because who reads the first and who reads the last would disagree. A request
 * with a body is refused with 413 unless `takes_body`; a version other than 1.0 and 1.1 with 505;
 * more than LEAT_HTTP_HEADERS_MAX headers with 431.
 *
 * Also 400: control bytes in a value, a Host that no host can have, Transfer-Encoding in HTTP/1.0.
 *
 * Layout. The parser takes a bare LF for a line end, glues a folded line to the *name* of the header
 * before it ("Content-:5" folded with "Length" becomes Content-Length), takes a line that begins with a
 * NUL for the end of the head, and cuts values at a NUL. It shows none of that, but all that it gives
 * us are views of the received bytes, in which it only put zeros over blanks and line ends. So a head is
 * exactly what it seems to be if everything stands where it must, up to the last byte:
 *
 *     method _ target _ version _ _ name _ blanks value _ _ … name _ value _ _ _ _
 *
 * `line` says where that begins and ends; without that call layout is not looked at. What remains
 * unseen is a NUL directly before a bare LF, which looks like CR LF: no proxy forwards it.
 *
 * Pure: no socket, no library.
 * Source: RFC 9110 and 9112; libmicrohttpd 0.9.75 as read and probed.
 */
#ifndef HTTP_GUARD_H
#define HTTP_GUARD_H

#include <leat/slice.h>

enum {
    LEAT_HTTP_HEADERS_MAX = 100,
    LEAT_HTTP_TARGET_MAX = 4096, /* bytes of path and query */
};

struct leat_http_guard {
    bool takes_body; /* set beforehand */
    unsigned headers, hosts, lengths, encodings;
    unsigned decisive; /* bits of those that were there */
    bool bad_name, bad_value, bad_host, bad_length, bad_encoding, body, repeated;
    bool displaced;                /* something stands where it should not */
    const uint8_t *expected, *end; /* of the next name, of the head; NULL: layout is not looked at */
};

/* Where a head stands in the received bytes. */
struct leat_http_line {
    const char *method, *path, *version;
    size_t target_bytes; /* of path and query as received; 0: not known */
    size_t head_bytes;   /* from the method to the end of the empty line */
};

struct leat_http_verdict {
    unsigned status;    /* 0: go on */
    const char *detail; /* a sentence for the client; static */
};

void leat_http_guard_line(struct leat_http_guard *guard, const struct leat_http_line *line);
void leat_http_guard_header(struct leat_http_guard *guard, struct leat_slice name,
                            struct leat_slice value);

/* `version` as "HTTP/1.1". */
struct leat_http_verdict leat_http_guard_end(const struct leat_http_guard *guard,
                                             const char *version);

/* The raw target, as it stood in the request line: 400 for control bytes, bytes above 0x7e, "%00"
 * or a broken escape, 414 for too long a one. */
struct leat_http_verdict leat_http_guard_target(const char *target);

#endif
