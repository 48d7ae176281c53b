#include "npy.h"

#include "semihosting.h"

/* Format 1.0: magic, version, length of what follows, a dictionary that fills 128 bytes. */
enum { START_BYTES = 10, HEADER_BYTES = 128, PATH_BYTES = 512, SHAPE_BYTES = 64 };
static const char MAGIC[] = "\x93NUMPY\x01";

static char *copied(char *to, const char *text)
{
    while (*text)
        *to++ = *text++;
    return to;
}

char *npy_number(char *text, unsigned long number)
{
    char digits[NUMBER_CHARACTERS];
    int count = 0;
    do {
        digits[count++] = (char)('0' + number % 10);
        number /= 10;
    } while (number > 0);
    while (count > 0)
        *text++ = digits[--count];
    return text;
}

bool npy_skip_header(int file, long *data_bytes)
{
    uint8_t start[START_BYTES];
    long bytes = file_bytes(file);
    if (bytes < START_BYTES || !read_file(file, start, START_BYTES))
        return false;
    for (int i = 0; MAGIC[i]; i++)
        if (start[i] != (uint8_t)MAGIC[i])
            return false;
    long header = START_BYTES + start[8] + 256 * start[9];
    *data_bytes = bytes - header;
    return bytes >= header && seek_file(file, (size_t)header);
}

static bool write_header(int file, const char *dtype, const char *shape)
{
    char header[HEADER_BYTES];
    char *at = copied(header, MAGIC);
    *at++ = 0;
    *at++ = HEADER_BYTES - START_BYTES;
    *at++ = 0;
    at = copied(copied(at, "{'descr': '"), dtype);
    at = copied(copied(at, "', 'fortran_order': False, 'shape': "), shape);
    at = copied(at, "}");
    while (at < header + HEADER_BYTES - 1)
        *at++ = ' ';
    *at = '\n';
    return write_file(file, header, HEADER_BYTES);
}

bool npy_write_logits_header(int file, long count, int classes)
{
    char shape[SHAPE_BYTES];
    char *at = npy_number(copied(shape, "("), (unsigned long)count);
    at = npy_number(copied(at, ", "), (unsigned long)classes);
    *copied(at, ")") = 0;
    return write_header(file, "<i4", shape);
}

static bool fits(const char *folder, const char *name)
{
    int bytes = NUMBER_CHARACTERS;
    while (*folder++)
        bytes++;
    while (*name++)
        bytes++;
    return bytes <= PATH_BYTES;
}

bool npy_write_value(const char *folder, int call, const struct traced_value *value,
                     const uint8_t *data)
{
    static char path[PATH_BYTES];
    if (!fits(folder, value->name))
        return complain(folder, "the name is too long");
    char *at = copied(copied(path, folder), "/");
    *at++ = (char)('0' + call / 100 % 10);
    *at++ = (char)('0' + call / 10 % 10);
    *at++ = (char)('0' + call % 10);
    *copied(copied(copied(at, "."), value->name), ".npy") = 0;
    int file = open_file(path, WRITE_BYTES);
    bool written = file >= 0 && write_header(file, value->dtype, value->shape) &&
                   write_file(file, data, value->bytes);
    return (close_file(file) && written) || complain(path, "it cannot be written");
}
