#include "input.h"

#include <stdlib.h>
#include <string.h>

enum { FIRST_BYTES = 1 << 16, MOST_BYTES = 1 << 28 };

void input_start(struct input *input, FILE *file)
{
    *input = (struct input){.file = file};
    input->start_bytes = fread(input->start, 1, START_BYTES, file);
}

size_t input_read(struct input *input, void *out, size_t bytes)
{
    size_t known = input->start_bytes - input->taken;
    if (known > bytes)
        known = bytes;
    memcpy(out, input->start + input->taken, known);
    input->taken += known;
    return known + fread((uint8_t *)out + known, 1, bytes - known, input->file);
}

const char *input_read_all(struct input *input, uint8_t **out, size_t *bytes)
{
    uint8_t *found = NULL;
    *bytes = 0;
    for (size_t room = FIRST_BYTES; room <= MOST_BYTES; room *= 2) {
        uint8_t *larger = realloc(found, room);
        if (!larger) {
            free(found);
            return "out of memory";
        }
        found = larger;
        *bytes += input_read(input, found + *bytes, room - *bytes);
        if (*bytes < room) {
            *out = found;
            return NULL;
        }
    }
    free(found);
    return "it is larger than 256 MiB; give smaller files";
}
