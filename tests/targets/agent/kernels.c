/* Functions as TVM calls them, well and badly behaved. */
#include <stddef.h>
#include <stdint.h>

struct any {
    int32_t type_index;
    uint32_t padding;
    int64_t integer;
};

enum { INTEGER = 1, MEGABYTE = 1 << 20, PAGE = 4096 };

/* From the C library of the process that loads this. */
void *malloc(size_t size);
int fork(void);
int creat(const char *path, unsigned int mode);

#define FUNCTION(name)                                                                             \
    int __tvm_ffi_##name(void *self, const struct any *arguments, int32_t count, struct any *result)

FUNCTION(add)
{
    result->type_index = INTEGER;
    result->integer = arguments[0].integer + arguments[1].integer;
    return 0;
}

FUNCTION(crash)
{
    *(volatile int *)PAGE = 1;
    return 0;
}

FUNCTION(hang)
{
    for (volatile int forever = 1; forever;)
        ;
    return 0;
}

/* Leaves a file and a process behind, whose number it returns. */
FUNCTION(litter)
{
    creat("litter", 0);
    result->type_index = INTEGER;
    result->integer = fork();
    return result->integer == 0 ? __tvm_ffi_hang(self, arguments, count, result) : 0;
}

FUNCTION(fill)
{
    for (;;) {
        volatile char *piece = malloc(MEGABYTE);
        for (int i = 0; i < MEGABYTE; i += PAGE)
            piece[i] = 1;
    }
}
