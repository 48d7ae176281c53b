/* What the program knows of its network; the compiler writes one `network` per program. */
#ifndef COMPILED_NETWORK_H
#define COMPILED_NETWORK_H

#include <stddef.h>
#include <stdint.h>

/* A tensor that a kernel writes: where it lies in the arena and how NumPy would call it. */
struct traced_value {
    const char *name;
    const char *dtype;
    const char *shape;
    size_t offset;
    size_t bytes;
};

/* One kernel call, by the position of its outputs in `traced_values`. */
struct traced_call {
    const char *name;
    int first_value;
    int values;
};

/* Called after each kernel with its index; its outputs are in the arena until the next kernel. */
typedef void (*observer)(void *context, int call, const uint8_t *arena);

/* What running a network returns beside 0. */
enum { UNALIGNED_ARENA = -1, WRONG_PROCESSOR = -2, WRONG_PART = -3 };

struct network {
    const char *name;
    int image_size;
    int image_channels;
    int classes;
    const char *const *class_names;
    size_t arena_bytes;
    int calls;
    const struct traced_call *traced_calls;
    const struct traced_value *traced_values;
    /* The kernels are there for each of these processors; the program runs the best that it can,
     * unless one is chosen by its index. */
    int variants;
    const char *const *variant_names;
    int (*choose_kernels)(int variant); /* whether the processor runs them */
    int threads; /* how many may run it together, each calling run_part */
    int shared_calls; /* of the kernels, those that threads share */
    /* These return 0, or what a failing kernel returned; `observe` may be null. */
    int (*run_observed)(void *arena, const uint8_t *image, int32_t *logits, observer observe,
                        void *context);
    int (*run_part)(void *arena, const uint8_t *image, int32_t *logits, int part, int parts,
                    void (*meet)(void *team), void *team);
};

extern const struct network network;

#endif
