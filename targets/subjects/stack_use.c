/* Prints how many bytes of stack a run of the network touches, by painting a thread's stack. */
#define _POSIX_C_SOURCE 200809L
#include <pthread.h>
#include <stdio.h>

/* Generated: the network's header, run_in, and its sizes. */
#include "measured-network.h"

enum { STACK_BYTES = 1 << 20, PAINT = 0xa5, OWN_FRAME = 128 };

static unsigned char stack[STACK_BYTES] __attribute__((aligned(4096)));
static unsigned char arena[ARENA_BYTES] __attribute__((aligned(ARENA_ALIGNMENT)));
static uint8_t image[IMAGE_BYTES];
static int32_t logits[CLASSES];

struct use {
    int status;
    long bytes;
};

/* Returns where a function's frame begins that is called like this one. */
__attribute__((noinline)) static unsigned char *paint(void)
{
    unsigned char *frame = __builtin_frame_address(0);
    for (volatile unsigned char *at = stack; at < frame - OWN_FRAME; at++)
        *at = PAINT;
    return frame;
}

static void *measure(void *context)
{
    struct use *use = context;
    unsigned char *frame = paint(), *touched = stack;
    use->status = run_in(arena, image, logits);
    while (*touched == PAINT)
        touched++;
    use->bytes = frame - touched;
    return NULL;
}

int main(void)
{
    struct use use = {1, 0};
    pthread_attr_t attributes;
    pthread_t thread;
    if (pthread_attr_init(&attributes) != 0 ||
        pthread_attr_setstack(&attributes, stack, sizeof stack) != 0 ||
        pthread_create(&thread, &attributes, measure, &use) != 0 ||
        pthread_join(thread, NULL) != 0 || use.status != 0)
        return 1;
    printf("%ld\n", use.bytes);
    return 0;
}
