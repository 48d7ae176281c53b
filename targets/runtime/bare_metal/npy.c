#include "npy.h"

#include "semihosting.h"

/* Format 1.0: magic, version, length of what follows, a dictionary that fills 128 bytes. */
enum { START_BYTES = 10, HEADER_BYTES = 128, PATH_BYTES = 512, SHAPE_BYTES = 64 };
static const char MAGIC[] = "\x93NUMPY\x01";
static const char PIXELS[] = "{'descr': '|u1', 'fortran_order': False, 'shape': (";

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

/* What follows a start of a text, or null where the text does not start so. */
static const char *after(const char *text, const char *start)
{
    while (*start && *text == *start)
        text++, start++;
    return *start ? NULL : text;
}

/* Whether a shape ends as an image's; a single channel may be left out. */
static bool ends_as_image(const char *shape)
{
    char image[SHAPE_BYTES];
    char *at = npy_number(image, (unsigned long)network.image_size);
    at = npy_number(copied(at, ", "), (unsigned long)network.image_size);
    *at = 0;
    if (network.image_channels == 1 && after(shape, image) && *after(shape, image) == ')')
        return true;
    at = npy_number(copied(at, ", "), (unsigned long)network.image_channels);
    *copied(at, ")") = 0;
    return after(shape, image) != NULL;
}

/* Whether a header is what NumPy writes of uint8 images, or of one. */
static bool describes_images(const char *header)
{
    const char *shape = after(header, PIXELS);
    if (!shape || ends_as_image(shape))
        return shape != NULL;
    while (*shape >= '0' && *shape <= '9')
        shape++;
    shape = after(shape, ", ");
    return shape && ends_as_image(shape);
}

bool npy_skip_header(int file, long *data_bytes)
{
    uint8_t start[START_BYTES];
    char text[HEADER_BYTES] = "";
    long bytes = file_bytes(file);
    if (bytes < START_BYTES || !read_file(file, start, START_BYTES))
        return false;
    for (int i = 0; MAGIC[i]; i++)
        if (start[i] != (uint8_t)MAGIC[i])
            return false;
    long header = START_BYTES + start[8] + 256 * start[9];
    if (bytes < header || header >= START_BYTES + HEADER_BYTES)
        return false;
    *data_bytes = bytes - header;
    return read_file(file, text, (size_t)(header - START_BYTES)) && describes_images(text);
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
