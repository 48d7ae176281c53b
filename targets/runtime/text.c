#include "text.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

enum { BUFFER_BYTES = 256, LONGEST_NUMBER = 64, USUAL_DECIMALS = 6 };

/* Where text goes: to memory, and from there to the file if there is one. */
struct sink {
    FILE *file;
    char *out;
    size_t size;
    size_t length;
};

/* One value's notation. */
struct notation {
    bool zeros;
    size_t width;
    size_t decimals;
    int longs; /* l in front of its letter */
};

struct values {
    va_list list;
};

static void flush(struct sink *sink)
{
    fwrite(sink->out, 1, sink->length, sink->file);
    sink->length = 0;
}

static void put(struct sink *sink, char byte)
{
    if (sink->file && sink->length == sink->size)
        flush(sink);
    if (sink->length < sink->size)
        sink->out[sink->length] = byte;
    sink->length++;
}

static void put_padded(struct sink *sink, const struct notation *notation, const char *text,
                       size_t length)
{
    for (size_t i = length; i < notation->width; i++)
        put(sink, notation->zeros ? '0' : ' ');
    for (size_t i = 0; i < length; i++)
        put(sink, text[i]);
}

/* The last `decimals` digits stand behind a point. */
static void put_number(struct sink *sink, const struct notation *notation, uint64_t number,
                       unsigned base, size_t decimals, bool negative)
{
    char text[LONGEST_NUMBER], *end = text + sizeof text, *at = end;
    for (size_t digits = 0; number > 0 || digits <= decimals; digits++, number /= base) {
        if (decimals > 0 && digits == decimals)
            *--at = '.';
        *--at = "0123456789abcdef"[number % base];
    }
    if (negative)
        *--at = '-';
    put_padded(sink, notation, at, (size_t)(end - at));
}

static void put_fraction(struct sink *sink, const struct notation *notation, double number)
{
    for (size_t i = 0; i < notation->decimals; i++)
        number *= 10;
    put_number(sink, notation, (uint64_t)(number + 0.5), 10, notation->decimals, false);
}

static void put_signed(struct sink *sink, const struct notation *notation, int64_t number)
{
    uint64_t size = number < 0 ? 0 - (uint64_t)number : (uint64_t)number;
    put_number(sink, notation, size, 10, 0, number < 0);
}

static uint64_t next_unsigned(const struct notation *notation, struct values *values)
{
    if (notation->longs == 2)
        return va_arg(values->list, unsigned long long);
    return notation->longs == 1 ? va_arg(values->list, unsigned long)
                                : va_arg(values->list, unsigned);
}

static void put_value(struct sink *sink, char kind, const struct notation *notation,
                      struct values *values)
{
    if (kind == 's') {
        const char *text = va_arg(values->list, const char *);
        put_padded(sink, notation, text, strlen(text));
    } else if (kind == 'c') {
        put(sink, (char)va_arg(values->list, int));
    } else if (kind == 'f') {
        put_fraction(sink, notation, va_arg(values->list, double));
    } else if (kind == 'd') {
        put_signed(sink, notation, va_arg(values->list, int));
    } else if (kind == 'u' || kind == 'x') {
        uint64_t number = next_unsigned(notation, values);
        put_number(sink, notation, number, kind == 'x' ? 16 : 10, 0, false);
    } else {
        put(sink, kind); /* %% */
    }
}

static size_t read_digits(const char **format)
{
    size_t number = 0;
    for (; **format >= '0' && **format <= '9'; ++*format)
        number = number * 10 + (size_t)(**format - '0');
    return number;
}

/* Moves to the letter that says what kind of value it is. */
static struct notation read_notation(const char **format)
{
    struct notation notation = {.zeros = **format == '0', .decimals = USUAL_DECIMALS};
    notation.width = read_digits(format);
    if (**format == '.') {
        ++*format;
        notation.decimals = read_digits(format);
    }
    for (; **format == 'l'; ++*format)
        notation.longs++;
    if (**format == 'z') {
        ++*format;
        notation.longs = sizeof(size_t) == sizeof(unsigned) ? 0 : 1;
    }
    return notation;
}

static void put_text(struct sink *sink, const char *format, struct values *values)
{
    for (; *format; format++) {
        if (*format != '%') {
            put(sink, *format);
            continue;
        }
        format++;
        struct notation notation = read_notation(&format);
        put_value(sink, *format, &notation, values);
    }
}

void write_text_of(FILE *file, const char *format, va_list list)
{
    char buffer[BUFFER_BYTES];
    struct sink sink = {.file = file, .out = buffer, .size = sizeof buffer};
    struct values values;
    va_copy(values.list, list);
    put_text(&sink, format, &values);
    va_end(values.list);
    flush(&sink);
}

void write_text(FILE *file, const char *format, ...)
{
    va_list list;
    va_start(list, format);
    write_text_of(file, format, list);
    va_end(list);
}

size_t format_text(char *out, size_t size, const char *format, ...)
{
    struct sink sink = {.out = out, .size = size};
    struct values values;
    va_start(values.list, format);
    put_text(&sink, format, &values);
    va_end(values.list);
    out[sink.length < size ? sink.length : size - 1] = 0;
    return sink.length;
}
