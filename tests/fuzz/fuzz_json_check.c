/*
 * Any bytes as a body: what we take for JSON, an independent parser takes too, but for what is the
 * server's to check (UTF-8, the range of numbers).
 */
#include "emitters/postgres/json_check.h"

#include <jansson.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    json_error_t e;
    if (!pge_json_check(leat_slice_of(data, len)))
        return 0;
    json_t *value = json_loadb((const char *)data, len, JSON_DECODE_ANY, &e);
    enum json_error_code code = value ? json_error_unknown : json_error_code(&e);
    if (!value && code != json_error_invalid_utf8 && code != json_error_numeric_overflow)
        abort();
    json_decref(value);
    return 0;
}
