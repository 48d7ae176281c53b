/* PGM and PPM images (P2, P3, P5 and P6), safe on hostile input. Functions return null when done,
 * else what is wrong with the file. */
#ifndef PNM_H
#define PNM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

bool is_pnm(const uint8_t *file, size_t bytes);

const char *pnm_size(const uint8_t *file, size_t bytes, uint32_t *width, uint32_t *height);

/* Fill pixels [height, width, channels] with values from 0 to 255, rounded where the file's largest
 * value is another. There are 1 or 3 channels, as of a PNG. */
const char *pnm_pixels(const uint8_t *file, size_t bytes, int channels, uint8_t *pixels);

#endif
