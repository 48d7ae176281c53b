#include "npy.h"
#include "text.h"

#include <inttypes.h>
#include <string.h>

enum { MAGIC_BYTES = 6, LONGEST_HEADER = 4096, WRITTEN_HEADER_BYTES = 128 };

static const char MAGIC[] = "\x93NUMPY";
static const char *const CUT_OFF = "the file is cut off; copy or save it again";
static const char *const CORRUPT = "its .npy header is corrupt; save it again";

bool is_npy(const uint8_t *file, size_t bytes)
{
    return bytes >= MAGIC_BYTES && memcmp(file, MAGIC, MAGIC_BYTES) == 0;
}

/* The text behind a key of the header's dictionary, or null. */
static const char *value_of(const char *header, const char *key)
{
    const char *at = strstr(header, key);
    if (!at)
        return NULL;
    at += strlen(key);
    at += strspn(at, " ");
    if (*at++ != ':')
        return NULL;
    return at + strspn(at, " ");
}

static bool read_number(const char **at, uint64_t *number)
{
    const char *start = *at;
    *number = 0;
    for (; **at >= '0' && **at <= '9'; ++*at) {
        if (*number > (UINT64_MAX - 9) / 10)
            return false;
        *number = *number * 10 + (uint64_t)(**at - '0');
    }
    return *at != start;
}

static bool read_shape(const char *at, struct npy_header *header)
{
    if (!at || *at++ != '(')
        return false;
    header->dimensions = 0;
    for (;;) {
        at += strspn(at, " ");
        if (*at == ')')
            return true;
        if (header->dimensions == NPY_MAX_DIMENSIONS ||
            !read_number(&at, &header->shape[header->dimensions]))
            return false;
        header->dimensions++;
        at += strspn(at, " ");
        if (*at == ',')
            at++;
        else if (*at != ')')
            return false;
    }
}

static const char *parse(const char *text, struct npy_header *header)
{
    const char *dtype = value_of(text, "'descr'");
    const char *order = value_of(text, "'fortran_order'");
    if (!dtype || !order)
        return CORRUPT;
    if (strncmp(dtype, "'|u1'", 5) != 0)
        return "its array is not uint8; save pixels as uint8";
    if (strncmp(order, "False", 5) != 0)
        return "its array is in Fortran order; save numpy.ascontiguousarray of it";
    if (!read_shape(value_of(text, "'shape'"), header))
        return "its shape is none of [N,H,W,C], [N,H,W], [H,W,C] or [H,W]; reshape it";
    return NULL;
}

const char *npy_read_header(struct input *input, struct npy_header *header)
{
    uint8_t start[MAGIC_BYTES + 6];
    char text[LONGEST_HEADER + 1];
    if (input_read(input, start, MAGIC_BYTES + 4) != MAGIC_BYTES + 4)
        return CUT_OFF;
    if (!is_npy(start, MAGIC_BYTES) || start[6] < 1 || start[6] > 3)
        return CORRUPT;
    size_t bytes = (size_t)start[8] | (size_t)start[9] << 8;
    if (start[6] > 1) { /* later versions have four bytes of length */
        if (input_read(input, start + 10, 2) != 2)
            return CUT_OFF;
        if (start[10] != 0 || start[11] != 0)
            return CORRUPT;
    }
    if (bytes > LONGEST_HEADER)
        return CORRUPT;
    if (input_read(input, text, bytes) != bytes)
        return CUT_OFF;
    text[bytes] = 0;
    return parse(text, header);
}

static bool write_padded(FILE *file, const char *dictionary)
{
    int length = WRITTEN_HEADER_BYTES - MAGIC_BYTES - 4;
    uint8_t version_and_length[4] = {1, 0, (uint8_t)length, 0};
    char text[WRITTEN_HEADER_BYTES];
    if (strlen(dictionary) >= (size_t)length)
        return false;
    memset(text, ' ', sizeof text);
    memcpy(text, dictionary, strlen(dictionary));
    text[length - 1] = '\n';
    return fwrite(MAGIC, 1, MAGIC_BYTES, file) == MAGIC_BYTES &&
           fwrite(version_and_length, 1, 4, file) == 4 &&
           fwrite(text, 1, (size_t)length, file) == (size_t)length;
}

bool npy_write_header(FILE *file, uint64_t rows, int columns)
{
    char dictionary[WRITTEN_HEADER_BYTES];
    format_text(dictionary, sizeof dictionary,
             "{'descr': '<i4', 'fortran_order': False, 'shape': (%" PRIu64 ", %d), }", rows,
             columns);
    return write_padded(file, dictionary);
}

bool npy_write(FILE *file, const char *dtype, const char *shape, const void *data, size_t bytes)
{
    char dictionary[WRITTEN_HEADER_BYTES];
    format_text(dictionary, sizeof dictionary,
             "{'descr': '%s', 'fortran_order': False, 'shape': %s, }", dtype, shape);
    return write_padded(file, dictionary) && fwrite(data, 1, bytes, file) == bytes;
}
