/* The few library routines of a freestanding module. */
#ifndef VCPU_BYTES_H
#define VCPU_BYTES_H

#include "types.h"

void *copy_bytes(void *to, const void *from, size_t length);
size_t string_length(const char *string);
bool string_equal(const char *a, const char *b);

#endif
