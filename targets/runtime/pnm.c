#include "pnm.h"

#include <string.h>

#include "colour.h"

enum { MAX_SIDE = 8192, MAX_VALUE = 65535 };

static const char *const CUT_OFF = "the file is cut off; copy or save it again";
static const char *const CORRUPT = "the file is corrupt; copy or save it again";

struct pnm {
    const uint8_t *file;
    size_t bytes;
    size_t at; /* of the next byte to read */
    bool plain;
    int samples; /* of a pixel */
    uint32_t width, height, largest;
};

static bool is_space(uint8_t byte)
{
    return byte == ' ' || (byte >= '\t' && byte <= '\r');
}

bool is_pnm(const uint8_t *file, size_t bytes)
{
    return bytes >= 3 && file[0] == 'P' && memchr("2356", file[1], 4) &&
           (is_space(file[2]) || file[2] == '#');
}

/* A comment goes from # to the end of its line. */
static void skip_space(struct pnm *pnm)
{
    bool comment = false;
    for (; pnm->at < pnm->bytes; pnm->at++) {
        uint8_t byte = pnm->file[pnm->at];
        if (byte == '#')
            comment = true;
        else if (comment)
            comment = byte != '\n' && byte != '\r';
        else if (!is_space(byte))
            return;
    }
}

static const char *read_number(struct pnm *pnm, uint32_t *number)
{
    skip_space(pnm);
    size_t start = pnm->at;
    *number = 0;
    for (; pnm->at < pnm->bytes; pnm->at++) {
        uint32_t digit = pnm->file[pnm->at] - (uint32_t)'0';
        if (digit > 9)
            break;
        if (*number > MAX_VALUE)
            return CORRUPT;
        *number = *number * 10 + digit;
    }
    if (pnm->at == start)
        return start == pnm->bytes ? CUT_OFF : CORRUPT;
    return NULL;
}

static const char *read_header(struct pnm *pnm)
{
    if (!is_pnm(pnm->file, pnm->bytes))
        return CORRUPT;
    pnm->plain = pnm->file[1] < '5';
    pnm->samples = pnm->file[1] == '2' || pnm->file[1] == '5' ? 1 : 3;
    pnm->at = 2;
    uint32_t *const numbers[3] = {&pnm->width, &pnm->height, &pnm->largest};
    for (int i = 0; i < 3; i++) {
        const char *problem = read_number(pnm, numbers[i]);
        if (problem)
            return problem;
    }
    if (pnm->width == 0 || pnm->height == 0 || pnm->largest == 0 || pnm->largest > MAX_VALUE)
        return CORRUPT;
    if (pnm->width > MAX_SIDE || pnm->height > MAX_SIDE)
        return "it is larger than 8192 pixels; scale it down";
    if (pnm->at == pnm->bytes)
        return CUT_OFF;
    return is_space(pnm->file[pnm->at++]) ? NULL : CORRUPT;
}

static const char *read_sample(struct pnm *pnm, uint8_t *sample)
{
    uint32_t value;
    if (pnm->plain) {
        const char *problem = read_number(pnm, &value);
        if (problem)
            return problem;
    } else {
        size_t bytes = pnm->largest > 255 ? 2 : 1;
        if (pnm->bytes - pnm->at < bytes)
            return CUT_OFF;
        value = pnm->file[pnm->at++];
        if (bytes == 2)
            value = value << 8 | pnm->file[pnm->at++];
    }
    if (value > pnm->largest)
        return CORRUPT;
    *sample = (uint8_t)((2 * 255 * value + pnm->largest) / (2 * pnm->largest));
    return NULL;
}

static const char *read_pixel(struct pnm *pnm, int channels, uint8_t *pixel)
{
    uint8_t rgb[3];
    for (int i = 0; i < pnm->samples; i++) {
        const char *problem = read_sample(pnm, &rgb[i]);
        if (problem)
            return problem;
    }
    if (pnm->samples == 1)
        memset(rgb + 1, rgb[0], 2);
    store_colour(rgb, channels, pixel);
    return NULL;
}

const char *pnm_size(const uint8_t *file, size_t bytes, uint32_t *width, uint32_t *height)
{
    struct pnm pnm = {.file = file, .bytes = bytes};
    const char *problem = read_header(&pnm);
    *width = pnm.width;
    *height = pnm.height;
    return problem;
}

const char *pnm_pixels(const uint8_t *file, size_t bytes, int channels, uint8_t *pixels)
{
    struct pnm pnm = {.file = file, .bytes = bytes};
    const char *problem = read_header(&pnm);
    size_t count = (size_t)pnm.width * pnm.height;
    for (size_t i = 0; i < count && !problem; i++, pixels += channels)
        problem = read_pixel(&pnm, channels, pixels);
    if (problem)
        return problem;
    if (pnm.plain)
        skip_space(&pnm);
    return pnm.at == bytes ? NULL : "it holds more than one image; save each in a file of its own";
}
