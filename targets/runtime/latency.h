/* How long runs take, and the kernel calls within them. */
#ifndef LATENCY_H
#define LATENCY_H

#include <stdint.h>

enum { WARM_UP_RUNS = 10 };

/* Latency of runs of one image, in milliseconds. */
struct latency {
    int runs;
    double median_ms;
    double p10_ms;
    double p90_ms;
};

double now_ms(void);

/* What so many times come to; sorts them. */
struct latency latency_of(double *times_ms, int runs);

/* Time every kernel call in `runs` runs of one thread, into times_ms [calls, runs]. Returns 0, or
 * what a failing kernel returned. */
int time_calls(void *arena, const uint8_t *image, int32_t *logits, double *times_ms, int runs);

#endif
