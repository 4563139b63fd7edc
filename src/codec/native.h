/*
 * The native form: everything that the store knows about an event, and nothing lost. Its fields are
 * described in README.md. A value that JSON cannot say exactly is said as text, so that the relation's
 * `schema` event and this line together give back the exact values.
 */
#ifndef CODEC_NATIVE_H
#define CODEC_NATIVE_H

#include "form.h"

extern const struct leat_form leat_form_native;

#endif
