/* What a Cortex-M does from its reset to main(). */
#include <stdint.h>

#include "semihosting.h"

/* Of the linker script. */
extern uint32_t data_start[], data_end[], data_in_flash[], bss_start[], bss_end[], ram_end[];

int main(void);
_Noreturn void reset(void);
_Noreturn void fault(void);

/* Coprocessors 10 and 11 are the floating-point unit: kernels may keep integers in its registers. */
#define CPACR (*(volatile uint32_t *)0xe000ed88u)
static const uint32_t FULL_ACCESS = 0xfu << 20;

_Noreturn void reset(void)
{
    const uint32_t *stored = data_in_flash;
    CPACR |= FULL_ACCESS;
    __asm__ volatile("dsb\n\tisb" ::: "memory");
    for (uint32_t *at = data_start; at < data_end;)
        *at++ = *stored++;
    for (uint32_t *at = bss_start; at < bss_end;)
        *at++ = 0;
    end_program(main());
}

_Noreturn void fault(void)
{
    complain("firmware", "the processor faulted");
    end_program(1);
}

struct vectors {
    const void *stack;
    void (*handlers[15])(void);
};

__attribute__((section(".vectors"), used)) static const struct vectors vectors = {
    ram_end,
    {reset, fault, fault, fault, fault, fault, fault, fault, fault, fault, fault, fault, fault,
     fault, fault},
};
