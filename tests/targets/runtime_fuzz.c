/* Feeds the PNG reader and the inflater every truncation and many changes of every byte of the files named
 * on the command line, each copy in memory of exactly its size; a sanitizer ends the program where
 * one byte is read or written outside. A file that starts with "PNG" in its second byte is an image,
 * others are zlib streams of 4096 bytes. Prints how many inputs were refused. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "inflate.h"
#include "png.h"

static int is_refused(const uint8_t *input, size_t bytes)
{
    uint8_t *copy = malloc(bytes ? bytes : 1);
    uint8_t *out = malloc(4096);
    uint32_t width, height;
    const char *problem;
    memcpy(copy, input, bytes);
    if (bytes > 4 && memcmp(input + 1, "PNG", 3) == 0) {
        problem = png_size(copy, bytes, &width, &height);
        if (!problem && (size_t)width * height <= 4096)
            problem = png_pixels(copy, bytes, 1, out);
    } else {
        problem = inflate_zlib(copy, bytes, out, 4096);
    }
    free(copy);
    free(out);
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
