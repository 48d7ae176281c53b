#include "semihosting.h"

#include <stdint.h>

/* Numbers of "Semihosting for AArch32 and AArch64", ARM. */
enum {
    SYS_OPEN = 0x01, SYS_CLOSE = 0x02, SYS_WRITE = 0x05, SYS_READ = 0x06,
    SYS_FLEN = 0x0c, SYS_GET_CMDLINE = 0x15, SYS_EXIT_EXTENDED = 0x20,
    APPLICATION_EXIT = 0x20026, CONSOLE_WRITE = 4, CONSOLE_APPEND = 8,
};

static int ask(int operation, const void *block)
{
    register int number __asm__("r0") = operation;
    register const void *argument __asm__("r1") = block;
    __asm__ volatile("bkpt 0xab" : "+r"(number) : "r"(argument) : "memory");
    return number;
}

static size_t length(const char *text)
{
    size_t bytes = 0;
    while (text[bytes])
        bytes++;
    return bytes;
}

static int open_as(const char *path, uintptr_t mode)
{
    uintptr_t block[] = {(uintptr_t)path, mode, length(path)};
    return ask(SYS_OPEN, block);
}

int open_file(const char *path, enum mode mode)
{
    return open_as(path, mode);
}

long file_bytes(int file)
{
    uintptr_t block[] = {(uintptr_t)file};
    return ask(SYS_FLEN, block);
}

/* Both return how many bytes were not done. */
bool read_file(int file, void *data, size_t bytes)
{
    uintptr_t block[] = {(uintptr_t)file, (uintptr_t)data, bytes};
    return ask(SYS_READ, block) == 0;
}

bool write_file(int file, const void *data, size_t bytes)
{
    uintptr_t block[] = {(uintptr_t)file, (uintptr_t)data, bytes};
    return ask(SYS_WRITE, block) == 0;
}

bool close_file(int file)
{
    uintptr_t block[] = {(uintptr_t)file};
    return ask(SYS_CLOSE, block) == 0;
}

bool command_line(char *words, size_t bytes)
{
    uintptr_t block[] = {(uintptr_t)words, bytes};
    return ask(SYS_GET_CMDLINE, block) == 0;
}

static void print_as(uintptr_t mode, const char *text)
{
    static const char console[] = ":tt";
    int file = open_as(console, mode);
    write_file(file, text, length(text));
    close_file(file);
}

void print(const char *text)
{
    print_as(CONSOLE_WRITE, text);
}

bool complain(const char *subject, const char *reason)
{
    print_as(CONSOLE_APPEND, subject);
    print_as(CONSOLE_APPEND, ": ");
    print_as(CONSOLE_APPEND, reason);
    print_as(CONSOLE_APPEND, "\n");
    return false;
}

_Noreturn void end_program(int status)
{
    uintptr_t block[] = {APPLICATION_EXIT, (uintptr_t)status};
    ask(SYS_EXIT_EXTENDED, block);
    for (;;)
        ;
}
