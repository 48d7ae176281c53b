#include "colour.h"

#include <string.h>

static uint8_t luma(const uint8_t rgb[3])
{
    return (uint8_t)((19595u * rgb[0] + 38470u * rgb[1] + 7471u * rgb[2] + 32768u) >> 16);
}

void store_colour(const uint8_t rgb[3], int channels, uint8_t *pixel)
{
    if (channels == 3)
        memcpy(pixel, rgb, 3);
    else
        *pixel = luma(rgb);
}
