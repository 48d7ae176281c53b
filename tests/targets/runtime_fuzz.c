/* Feeds the readers every truncation and many changes of every byte of the files named on the command
 * line, each copy in memory of exactly its size; a sanitizer ends the program where one byte is read
 * or written outside. PNG, PGM, PPM and .npy files are known by their first bytes, others are zlib
 * streams of 4096 bytes. Prints how many inputs were refused. */
#define _POSIX_C_SOURCE 200809L
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "inflate.h"
#include "npy.h"
#include "png.h"
#include "pnm.h"

enum { STREAM_BYTES = 4096, MOST_PIXELS = 4096 };

typedef const char *(*size_reader)(const uint8_t *, size_t, uint32_t *, uint32_t *);
typedef const char *(*pixels_reader)(const uint8_t *, size_t, int, uint8_t *);

/* Pixels go to memory of exactly their size. */
static const char *read_picture(const uint8_t *file, size_t bytes, size_reader read_size,
                                pixels_reader read_pixels)
{
    uint32_t width, height;
    const char *problem = read_size(file, bytes, &width, &height);
    if (problem || (size_t)width * height > MOST_PIXELS)
        return problem;
    for (int channels = 1; channels <= 3 && !problem; channels += 2) {
        uint8_t *pixels = malloc((size_t)width * height * (size_t)channels);
        problem = read_pixels(file, bytes, channels, pixels);
        free(pixels);
    }
    return problem;
}

static const char *read_stream(const uint8_t *stream, size_t bytes)
{
    uint8_t *out = malloc(STREAM_BYTES);
    const char *problem = inflate_zlib(stream, bytes, out, STREAM_BYTES);
    free(out);
    return problem;
}

static const char *read_npy(uint8_t *bytes, size_t count)
{
    struct input input;
    struct npy_header header;
    uint8_t *rest;
    size_t rest_bytes;
    FILE *file = fmemopen(bytes, count, "rb");
    input_start(&input, file);
    const char *problem = npy_read_header(&input, &header);
    if (!problem) {
        problem = input_read_all(&input, &rest, &rest_bytes);
        free(rest);
    }
    fclose(file);
    return problem;
}

static int is_refused(const uint8_t *input, size_t bytes)
{
    uint8_t *copy = malloc(bytes ? bytes : 1);
    const char *problem;
    memcpy(copy, input, bytes);
    if (bytes > 4 && memcmp(input + 1, "PNG", 3) == 0)
        problem = read_picture(copy, bytes, png_size, png_pixels);
    else if (bytes > 6 && memcmp(input + 1, "NUMPY", 5) == 0)
        problem = read_npy(copy, bytes);
    else if (is_pnm(copy, bytes))
        problem = read_picture(copy, bytes, pnm_size, pnm_pixels);
    else
        problem = read_stream(copy, bytes);
    free(copy);
    return problem != NULL;
}

static int fuzz(uint8_t *input, size_t bytes)
{
    int refused = 0;
    for (size_t length = 0; length < bytes; length++)
        refused += is_refused(input, length);
    for (size_t at = 0; at < bytes; at++) {
        uint8_t kept = input[at];
        /* Headers and code tables come first: there every value is tried. */
        for (int change = 1; change < 256; change = at < 64 ? change + 1 : 3 * change + 1) {
            input[at] = (uint8_t)(kept ^ change);
            refused += is_refused(input, bytes);
        }
        input[at] = kept;
    }
    return refused;
}

int main(int count, char **words)
{
    for (int i = 1; i < count; i++) {
        static uint8_t input[1 << 16];
        FILE *file = fopen(words[i], "rb");
        size_t bytes = fread(input, 1, sizeof input, file);
        fclose(file);
        printf("%d %d\n", is_refused(input, bytes), fuzz(input, bytes));
    }
    return 0;
}
