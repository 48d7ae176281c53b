/* Decompression of zlib streams (RFC 1950 and 1951), safe on hostile input. */
#ifndef INFLATE_H
#define INFLATE_H

#include <stddef.h>
#include <stdint.h>

/* Fill exactly out_bytes bytes of `out`; null when done, else what is wrong with the stream. */
const char *inflate_zlib(const uint8_t *in, size_t in_bytes, uint8_t *out, size_t out_bytes);

#endif
