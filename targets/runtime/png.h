/* PNG images (8 or 16 bits, or less in grey and palette images), safe on hostile input. Functions
 * return null when done, else what is wrong with the file. */
#ifndef PNG_H
#define PNG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

bool is_png(const uint8_t *file, size_t bytes);

const char *png_size(const uint8_t *file, size_t bytes, uint32_t *width, uint32_t *height);

/* Fill pixels [height, width, channels] of 1 or 3 channels; transparency is ignored. */
const char *png_pixels(const uint8_t *file, size_t bytes, int channels, uint8_t *pixels);

#endif
