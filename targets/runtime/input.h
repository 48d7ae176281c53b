/* A file or a stream, whose first bytes can be looked at before they are read. */
#ifndef INPUT_H
#define INPUT_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum { START_BYTES = 8 };

struct input {
    FILE *file;
    uint8_t start[START_BYTES];
    size_t start_bytes; /* fewer in a shorter file */
    size_t taken;       /* of them */
};

/* Look at the first bytes. */
void input_start(struct input *input, FILE *file);

/* Read up to `bytes` bytes, fewer at the end only; returns how many. */
size_t input_read(struct input *input, void *out, size_t bytes);

/* Read all that is left into memory that the caller frees. Null when done, else what is wrong. */
const char *input_read_all(struct input *input, uint8_t **out, size_t *bytes);

#endif
