/* A library of `take_samples.c` whose subjects crash or never return. */
#include <stdint.h>

struct any;
typedef int function(void *self, const struct any *arguments, int32_t count, struct any *result);
function __tvm_ffi_take_samples, __tvm_ffi_sample_time_ns, __tvm_ffi_reference_time_ns;

int __tvm_ffi_take_samples(void *self, const struct any *arguments, int32_t count,
                           struct any *result)
{
#ifdef HANG
    for (volatile int forever = 1; forever;)
        ;
#else
    *(volatile int *)4096 = 1;
#endif
    return 0;
}

int __tvm_ffi_sample_time_ns(void *self, const struct any *arguments, int32_t count,
                             struct any *result)
{
    return 0;
}

int __tvm_ffi_reference_time_ns(void *self, const struct any *arguments, int32_t count,
                                struct any *result)
{
    return 0;
}
