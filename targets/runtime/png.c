#include "png.h"

#include <stdlib.h>
#include <string.h>

#include "colour.h"
#include "inflate.h"

enum {
    SIGNATURE_BYTES = 8,
    CHUNK_FRAME_BYTES = 12, /* length, type and checksum */
    HEADER_BYTES = 13,
    MAX_SIDE = 8192, /* an image of 16-bit RGBA stays below 2^32 bytes */
};

enum colour { GREY = 0, RGB = 2, PALETTE = 3, GREY_ALPHA = 4, RGB_ALPHA = 6 };

static const char *const CUT_OFF = "the file is cut off; copy or save it again";
static const char *const CORRUPT = "the file is corrupt; copy or save it again";
static const char *const NO_MEMORY = "out of memory";

struct png {
    uint32_t width, height;
    int depth;
    enum colour colour;
    bool interlaced;
    const uint8_t *palette;
    uint32_t palette_entries;
    uint8_t *compressed;
    size_t compressed_bytes;
};

struct chunk {
    const uint8_t *type;
    const uint8_t *data;
    uint32_t bytes;
};

/* The pixels at x, x + step_x, ... of the rows y, y + step_y, ... */
struct grid {
    uint32_t x, y, step_x, step_y;
};

static const struct grid WHOLE = {0, 0, 1, 1};
static const struct grid ADAM7[] = {{0, 0, 8, 8}, {4, 0, 8, 8}, {0, 4, 4, 8}, {2, 0, 4, 4},
                                    {0, 2, 2, 4}, {1, 0, 2, 2}, {0, 1, 1, 2}};

/* How many of them there are, and the bytes that they take in the file. */
struct pass {
    const struct grid *grid;
    uint32_t width, height;
    size_t row_bytes; /* without the filter's byte in front */
    size_t bytes;
};

static uint32_t big_endian(const uint8_t *at)
{
    return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

static uint32_t crc32(const uint8_t *data, size_t bytes)
{
    uint32_t crc = 0xffffffff;
    for (size_t i = 0; i < bytes; i++) {
        crc ^= data[i];
        for (int bit = 0; bit < 8; bit++)
            crc = crc >> 1 ^ (crc & 1 ? 0xedb88320 : 0);
    }
    return ~crc;
}

static bool is_type(const struct chunk *chunk, const char *type)
{
    return memcmp(chunk->type, type, 4) == 0;
}

/* The chunk at *at, which moves behind it. */
static const char *next_chunk(const uint8_t *file, size_t bytes, size_t *at, struct chunk *chunk)
{
    if (bytes - *at < CHUNK_FRAME_BYTES)
        return CUT_OFF;
    const uint8_t *start = file + *at;
    uint32_t length = big_endian(start);
    if (length > bytes - *at - CHUNK_FRAME_BYTES)
        return CUT_OFF;
    *chunk = (struct chunk){start + 4, start + 8, length};
    if (crc32(chunk->type, 4 + (size_t)length) != big_endian(chunk->data + length))
        return CORRUPT;
    *at += CHUNK_FRAME_BYTES + (size_t)length;
    return NULL;
}

static bool is_legal_depth(enum colour colour, int depth)
{
    switch (colour) {
    case GREY:
        return depth == 1 || depth == 2 || depth == 4 || depth == 8 || depth == 16;
    case PALETTE:
        return depth == 1 || depth == 2 || depth == 4 || depth == 8;
    case RGB:
    case GREY_ALPHA:
    case RGB_ALPHA:
        return depth == 8 || depth == 16;
    }
    return false;
}

static const char *read_header(const struct chunk *chunk, struct png *png)
{
    if (!is_type(chunk, "IHDR") || chunk->bytes != HEADER_BYTES)
        return CORRUPT;
    png->width = big_endian(chunk->data);
    png->height = big_endian(chunk->data + 4);
    png->depth = chunk->data[8];
    png->colour = (enum colour)chunk->data[9];
    if (png->width == 0 || png->height == 0 || !is_legal_depth(png->colour, png->depth))
        return CORRUPT;
    if (chunk->data[10] != 0 || chunk->data[11] != 0 || chunk->data[12] > 1)
        return CORRUPT;
    png->interlaced = chunk->data[12] == 1;
    if (png->width > MAX_SIDE || png->height > MAX_SIDE)
        return "it is larger than 8192 pixels; scale it down";
    return NULL;
}

static const char *read_palette(const struct chunk *chunk, struct png *png)
{
    if (png->palette || chunk->bytes == 0 || chunk->bytes > 768 || chunk->bytes % 3 != 0)
        return CORRUPT;
    png->palette = chunk->data;
    png->palette_entries = chunk->bytes / 3;
    return NULL;
}

/* All chunks behind the header; `compressed` has room for the whole file. */
static const char *read_chunks(const uint8_t *file, size_t bytes, size_t at, struct png *png)
{
    for (;;) {
        struct chunk chunk;
        const char *problem = next_chunk(file, bytes, &at, &chunk);
        if (problem)
            return problem;
        if (is_type(&chunk, "IEND"))
            return png->compressed_bytes ? NULL : CORRUPT;
        if (is_type(&chunk, "IDAT")) {
            memcpy(png->compressed + png->compressed_bytes, chunk.data, chunk.bytes);
            png->compressed_bytes += chunk.bytes;
        } else if (is_type(&chunk, "PLTE")) {
            problem = read_palette(&chunk, png);
            if (problem)
                return problem;
        } else if ((chunk.type[0] & 32) == 0) {
            return "it holds a chunk that this reader does not know; save it again";
        }
    }
}

static int samples_per_pixel(enum colour colour)
{
    switch (colour) {
    case RGB:
        return 3;
    case RGB_ALPHA:
        return 4;
    case GREY_ALPHA:
        return 2;
    case GREY:
    case PALETTE:
        break;
    }
    return 1;
}

static int passes(const struct png *png)
{
    return png->interlaced ? (int)(sizeof ADAM7 / sizeof *ADAM7) : 1;
}

static struct pass nth_pass(const struct png *png, int index)
{
    const struct grid *grid = png->interlaced ? &ADAM7[index] : &WHOLE;
    struct pass pass = {.grid = grid};
    pass.width = (png->width + grid->step_x - 1 - grid->x) / grid->step_x;
    pass.height = (png->height + grid->step_y - 1 - grid->y) / grid->step_y;
    size_t bits = (size_t)pass.width * (size_t)(samples_per_pixel(png->colour) * png->depth);
    pass.row_bytes = (bits + 7) / 8;
    /* A pass without pixels has no rows. */
    pass.bytes = pass.width > 0 ? (1 + pass.row_bytes) * pass.height : 0;
    return pass;
}

static uint8_t paeth(int left, int above, int corner)
{
    int estimate = left + above - corner;
    int by_left = abs(estimate - left), by_above = abs(estimate - above);
    int by_corner = abs(estimate - corner);
    if (by_left <= by_above && by_left <= by_corner)
        return (uint8_t)left;
    return (uint8_t)(by_above <= by_corner ? above : corner);
}

/* Undo a row's filter in place; `above` is null in the first row. */
static const char *unfilter_row(int filter, uint8_t *row, const uint8_t *above, size_t bytes,
                                size_t pixel_bytes)
{
    if (filter > 4)
        return CORRUPT;
    for (size_t i = 0; i < bytes; i++) {
        int left = i >= pixel_bytes ? row[i - pixel_bytes] : 0;
        int up = above ? above[i] : 0;
        int corner = above && i >= pixel_bytes ? above[i - pixel_bytes] : 0;
        const int predicted[5] = {0, left, up, (left + up) / 2, paeth(left, up, corner)};
        row[i] = (uint8_t)(row[i] + predicted[filter]);
    }
    return NULL;
}

/* Rows are stored as a filter byte and the row. */
static const char *unfilter(const struct png *png, const struct pass *pass, uint8_t *rows)
{
    size_t bytes = pass->row_bytes;
    int pixel_bits = samples_per_pixel(png->colour) * png->depth;
    size_t pixel_bytes = pixel_bits < 8 ? 1 : (size_t)pixel_bits / 8;
    for (uint32_t y = 0; y < pass->height; y++) {
        uint8_t *row = rows + (1 + bytes) * y;
        const uint8_t *above = y ? row - bytes : NULL;
        const char *problem = unfilter_row(row[0], row + 1, above, bytes, pixel_bytes);
        if (problem)
            return problem;
    }
    return NULL;
}

/* One sample as 8 bits, or as it is in a palette image; of 16 bits the upper half. */
static uint8_t sample(const struct png *png, const uint8_t *row, size_t index)
{
    if (png->depth >= 8)
        return row[index * (size_t)(png->depth / 8)];
    size_t bit = index * (size_t)png->depth;
    int largest = (1 << png->depth) - 1;
    int value = row[bit / 8] >> (8 - png->depth - (int)(bit % 8)) & largest;
    return (uint8_t)(png->colour == PALETTE ? value : value * 255 / largest);
}

static const char *read_colour(const struct png *png, const uint8_t *row, uint32_t x,
                               uint8_t colour[3])
{
    size_t first = (size_t)x * (size_t)samples_per_pixel(png->colour);
    uint8_t value = sample(png, row, first);
    if (png->colour == PALETTE) {
        if (value >= png->palette_entries)
            return CORRUPT;
        memcpy(colour, png->palette + 3 * (size_t)value, 3);
    } else if (png->colour == RGB || png->colour == RGB_ALPHA) {
        for (size_t i = 0; i < 3; i++)
            colour[i] = sample(png, row, first + i);
    } else {
        memset(colour, value, 3);
    }
    return NULL;
}

/* `pixels` are those of the whole image. */
static const char *convert(const struct png *png, const struct pass *pass, const uint8_t *rows,
                           int channels, uint8_t *pixels)
{
    const struct grid *grid = pass->grid;
    for (uint32_t y = 0; y < pass->height; y++) {
        const uint8_t *row = rows + (1 + pass->row_bytes) * y + 1;
        size_t first = (size_t)(grid->y + y * grid->step_y) * png->width + grid->x;
        for (uint32_t x = 0; x < pass->width; x++) {
            uint8_t colour[3];
            const char *problem = read_colour(png, row, x, colour);
            if (problem)
                return problem;
            store_colour(colour, channels, pixels + (first + x * grid->step_x) * (size_t)channels);
        }
    }
    return NULL;
}

static const char *read_passes(const struct png *png, uint8_t *rows, int channels, uint8_t *pixels)
{
    for (int i = 0; i < passes(png); i++) {
        struct pass pass = nth_pass(png, i);
        if (pass.bytes == 0)
            continue;
        const char *problem = unfilter(png, &pass, rows);
        if (!problem)
            problem = convert(png, &pass, rows, channels, pixels);
        if (problem)
            return problem;
        rows += pass.bytes;
    }
    return NULL;
}

static const char *decode(const struct png *png, int channels, uint8_t *pixels)
{
    size_t raw_bytes = 0;
    for (int i = 0; i < passes(png); i++)
        raw_bytes += nth_pass(png, i).bytes;
    uint8_t *rows = malloc(raw_bytes);
    if (!rows)
        return NO_MEMORY;
    const char *problem = inflate_zlib(png->compressed, png->compressed_bytes, rows, raw_bytes);
    if (!problem)
        problem = read_passes(png, rows, channels, pixels);
    free(rows);
    return problem;
}

bool is_png(const uint8_t *file, size_t bytes)
{
    return bytes >= SIGNATURE_BYTES && memcmp(file, "\x89PNG\r\n\x1a\n", SIGNATURE_BYTES) == 0;
}

static const char *open_png(const uint8_t *file, size_t bytes, struct png *png, size_t *at)
{
    struct chunk chunk;
    *at = SIGNATURE_BYTES;
    const char *problem = is_png(file, bytes) ? NULL : CORRUPT;
    if (!problem)
        problem = next_chunk(file, bytes, at, &chunk);
    return problem ? problem : read_header(&chunk, png);
}

const char *png_size(const uint8_t *file, size_t bytes, uint32_t *width, uint32_t *height)
{
    struct png png = {0};
    size_t at;
    const char *problem = open_png(file, bytes, &png, &at);
    *width = png.width;
    *height = png.height;
    return problem;
}

const char *png_pixels(const uint8_t *file, size_t bytes, int channels, uint8_t *pixels)
{
    struct png png = {0};
    size_t at;
    const char *problem = open_png(file, bytes, &png, &at);
    if (problem)
        return problem;
    png.compressed = malloc(bytes);
    if (!png.compressed)
        return NO_MEMORY;
    problem = read_chunks(file, bytes, at, &png);
    if (!problem)
        problem = decode(&png, channels, pixels);
    free(png.compressed);
    return problem;
}
