/* Which instructions an x86 processor and its system offer; Intel's manual, volume 2, CPUID. */
#ifndef X86_FEATURES_H
#define X86_FEATURES_H

#include <stdint.h>

struct x86_leaf {
    uint32_t eax, ebx, ecx, edx;
};

static struct x86_leaf x86_cpuid(uint32_t leaf)
{
    struct x86_leaf found;
    __asm__ volatile("cpuid"
                     : "=a"(found.eax), "=b"(found.ebx), "=c"(found.ecx), "=d"(found.edx)
                     : "a"(leaf), "c"(0));
    return found;
}

/* Whether the system saves these registers: bits of XCR0. */
static int x86_saves(uint32_t registers)
{
    uint32_t low, high;
    if (!(x86_cpuid(1).ecx >> 27 & 1))
        return 0;
    __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return (low & registers) == registers;
}

/* SSSE3, SSE4.1, SSE4.2, CX16 and POPCNT. */
static int x86_has_sse42(void)
{
    uint32_t needed = 1u << 9 | 1u << 13 | 1u << 19 | 1u << 20 | 1u << 23;
    return (x86_cpuid(1).ecx & needed) == needed;
}

/* AVX2 with what compilers use beside it: FMA, MOVBE, F16C, BMI1, BMI2, LZCNT. */
static int x86_has_avx2(void)
{
    uint32_t basic = 1u << 12 | 1u << 22 | 1u << 28 | 1u << 29, extended = 1u << 3 | 1u << 5 | 1u << 8;
    return x86_has_sse42() && x86_saves(6) && (x86_cpuid(1).ecx & basic) == basic &&
           x86_cpuid(0).eax >= 7 && (x86_cpuid(7).ebx & extended) == extended &&
           (x86_cpuid(0x80000001).ecx >> 5 & 1);
}

/* AVX-512 F, DQ, CD, BW and VL, VNNI and VPOPCNTDQ. */
static int x86_has_avx512_vpopcnt(void)
{
    uint32_t ebx = 1u << 16 | 1u << 17 | 1u << 28 | 1u << 30 | 1u << 31, ecx = 1u << 11 | 1u << 14;
    return x86_has_avx2() && x86_saves(0xe6) && (x86_cpuid(7).ebx & ebx) == ebx &&
           (x86_cpuid(7).ecx & ecx) == ecx;
}

#endif
