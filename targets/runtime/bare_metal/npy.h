/* NumPy's files, through semihosting. */
#ifndef NPY_H
#define NPY_H

#include <stdbool.h>
#include <stdint.h>

#include "compiled-network.h"

enum { NUMBER_CHARACTERS = 20 };

/* Leaves a file of the network's images at its pixels, and says how many bytes they are. */
bool npy_skip_header(int file, long *data_bytes);
/* Of int32 [count, classes]. */
bool npy_write_logits_header(int file, long count, int classes);
/* A file of a tensor: the call's three digits, and the tensor's name. */
bool npy_write_value(const char *folder, int call, const struct traced_value *value,
                     const uint8_t *data);
/* A number in decimal digits; returns their end. */
char *npy_number(char *text, unsigned long number);

#endif
