/* Answers as lines of text or JSON. */
#ifndef PRINT_H
#define PRINT_H

#include <stdbool.h>
#include <stdint.h>

/* The `top` classes of largest logits; of equal logits the first class. */
void print_classes(const char *label, const int32_t *logits, int top, bool json);

/* Latency of runs of one image, in milliseconds. */
struct latency {
    int runs;
    double median_ms;
    double p10_ms;
    double p90_ms;
};

void print_latency(const struct latency *latency, bool json);

#endif
