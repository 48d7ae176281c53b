/* Answers as lines of text or JSON. */
#ifndef PRINT_H
#define PRINT_H

#include <stdbool.h>
#include <stdint.h>

#include "images.h"
#include "latency.h"

/* The `top` classes of largest logits; of equal logits the first class. */
void print_classes(const struct image *image, const int32_t *logits, int top, bool json);

void print_latency(const struct latency *latency, bool json);

/* The same, and the median of each kernel call with its share; sorts times_ms [calls, runs]. */
void print_layers(const struct latency *latency, double *times_ms, bool json);

/* What the program is. */
void print_about(bool json);

#endif
