/* Colours as the network reads them. */
#ifndef COLOUR_H
#define COLOUR_H

#include <stdint.h>

/* Store a pixel of 1 or 3 channels. One channel is luma (ITU-R 601, in 16-bit fixed point), three
 * are RGB. */
void store_colour(const uint8_t rgb[3], int channels, uint8_t *pixel);

#endif
