#define _POSIX_C_SOURCE 200809L
#include "latency.h"

#include <stdlib.h>
#include <time.h>

#include "compiled-network.h"

struct clock {
    double *times_ms; /* [calls, runs] */
    int runs;
    int run; /* negative while warming up */
    double last_ms;
};

double now_ms(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec * 1e3 + (double)time.tv_nsec / 1e6;
}

static int by_value(const void *first, const void *second)
{
    double a = *(const double *)first, b = *(const double *)second;
    return (a > b) - (a < b);
}

/* The value below which `percent` of the sorted values lie, by the nearest rank. */
static double percentile(const double *sorted, int count, int percent)
{
    int rank = (int)(((int64_t)count * percent + 99) / 100);
    return sorted[rank > 0 ? rank - 1 : 0];
}

struct latency latency_of(double *times_ms, int runs)
{
    qsort(times_ms, (size_t)runs, sizeof *times_ms, by_value);
    return (struct latency){runs, percentile(times_ms, runs, 50), percentile(times_ms, runs, 10),
                            percentile(times_ms, runs, 90)};
}

static void note_time(void *context, int call, const uint8_t *arena)
{
    struct clock *clock = context;
    (void)arena;
    double end_ms = now_ms();
    if (clock->run >= 0)
        clock->times_ms[(size_t)call * (size_t)clock->runs + (size_t)clock->run] =
            end_ms - clock->last_ms;
    clock->last_ms = now_ms(); /* keeping the time is of no call */
}

int time_calls(void *arena, const uint8_t *image, int32_t *logits, double *times_ms, int runs)
{
    struct clock clock = {.times_ms = times_ms, .runs = runs};
    for (clock.run = -WARM_UP_RUNS; clock.run < runs; clock.run++) {
        clock.last_ms = now_ms();
        int status = network.run_observed(arena, image, logits, note_time, &clock);
        if (status != 0)
            return status;
    }
    return 0;
}
