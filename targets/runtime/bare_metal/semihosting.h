/* Files of the machine that a debugger or an emulator runs on: ARM's semihosting. */
#ifndef SEMIHOSTING_H
#define SEMIHOSTING_H

#include <stdbool.h>
#include <stddef.h>

enum mode { READ_BYTES = 1, WRITE_BYTES = 5 };

/* A file's handle, or -1. */
int open_file(const char *path, enum mode mode);
long file_bytes(int file);
/* Whether all bytes were read or written. */
bool read_file(int file, void *data, size_t bytes);
bool write_file(int file, const void *data, size_t bytes);
bool close_file(int file);

/* The words that the program was started with, a space between two of them. */
bool command_line(char *words, size_t bytes);

void print(const char *text);
/* Print a line of both texts where errors go to; returns false. */
bool complain(const char *subject, const char *reason);
_Noreturn void end_program(int status);

#endif
