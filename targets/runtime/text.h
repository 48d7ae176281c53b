/* Text with values, in the notation of printf as far as this program needs it: %s, %c, %d, %u, %x
 * and %f of numbers from 0 to 1e12, with flag 0, width, precision, and the lengths l, ll and z. The C
 * library's printf is ten times its size. */
#ifndef TEXT_H
#define TEXT_H

#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

__attribute__((format(printf, 2, 3))) void write_text(FILE *file, const char *format, ...);

__attribute__((format(printf, 2, 0))) void write_text_of(FILE *file, const char *format,
                                                         va_list values);

/* As snprintf: cuts the text off where it is longer, and returns its whole length. */
__attribute__((format(printf, 3, 4))) size_t format_text(char *out, size_t size,
                                                         const char *format, ...);

#endif
