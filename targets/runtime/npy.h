/* NumPy .npy files: reading the header of uint8 arrays, writing int32 matrices and any array. */
#ifndef NPY_H
#define NPY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "input.h"

enum { NPY_MAX_DIMENSIONS = 4 };

struct npy_header {
    int dimensions;
    uint64_t shape[NPY_MAX_DIMENSIONS];
};

bool is_npy(const uint8_t *file, size_t bytes);

/* Read the header of a uint8 array in C order; the input then stands at its first element. Null
 * when done, else what is wrong. */
const char *npy_read_header(struct input *input, struct npy_header *header);

/* Write the header of a matrix of int32 with `columns` columns. It has the same length for every
 * `rows`, so that it can be written again once they are counted. False where writing fails. */
bool npy_write_header(FILE *file, uint64_t rows, int columns);

/* Write an array of any type under `dtype` and `shape`, such as <i2 and (4, 4, 8). */
bool npy_write(FILE *file, const char *dtype, const char *shape, const void *data, size_t bytes);

#endif
