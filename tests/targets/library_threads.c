/* Threads that each run the network in an arena of their own, many times; all must agree. */
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "tiny.h"

enum { THREADS = 8, RUNS = 20 };

static uint8_t image[TINY_IMAGE_BYTES];
static int32_t expected[TINY_CLASSES];
static unsigned char arenas[THREADS][TINY_ARENA_BYTES]
    __attribute__((aligned(TINY_ARENA_ALIGNMENT)));
static int wrong[THREADS];

static void *work(void *context)
{
    int thread = (int)(intptr_t)context;
    for (int run = 0; run < RUNS; run++) {
        int32_t logits[TINY_CLASSES] = {0};
        wrong[thread] += tiny_run_in(arenas[thread], image, logits) != 0;
        wrong[thread] += memcmp(logits, expected, sizeof expected) != 0;
    }
    return NULL;
}

int main(void)
{
    pthread_t threads[THREADS];
    for (int i = 0; i < TINY_IMAGE_BYTES; i++)
        image[i] = (uint8_t)(7 * i);
    int sum = tiny_run(image, expected);
    for (intptr_t i = 0; i < THREADS; i++)
        sum += pthread_create(&threads[i], NULL, work, (void *)i);
    for (int i = 0; i < THREADS; i++) {
        sum += pthread_join(threads[i], NULL);
        sum += wrong[i];
    }
    printf("%d", sum);
    return sum != 0;
}
