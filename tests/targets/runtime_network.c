/* A network for tests of the program: as many classes as pixels, and each logit is its pixel, plus 1
 * with the kernels of the second variant. */
#include "about.h"
#include "compiled-network.h"

#define CLASSES (SIZE * SIZE * CHANNELS)
#define TEXT(number) #number
#define TUPLE(count) "(" TEXT(count) ",)"

static const char *const class_names[CLASSES] = {[0 ... CLASSES - 1] = "a \"class\""};
static const struct traced_value traced_values[] = {{"node.first", "<i2", "(2,)", 64, 4},
                                                    {"node.second", "|u1", "(1, 2)", 128, 2}};
static const struct traced_call traced_calls[] = {{"node", 0, 2}, {"last \"one\"", 2, 0}};

static const char *const variant_names[] = {"fast", "slow", "alien"};
static int variant;

static int choose_kernels(int chosen)
{
    variant = chosen;
    return chosen < 2;
}

static int status(const uint8_t *image)
{
    return image[0] == 13 ? 5 : image[0] == 14 ? WRONG_PROCESSOR : 0;
}

static int run_observed(void *arena, const uint8_t *image, int32_t *logits, observer observe,
                        void *context)
{
    uint8_t *bytes = arena;
    int16_t *first = (int16_t *)(bytes + 64);
    first[0] = image[0];
    first[1] = -1;
    bytes[128] = 7;
    bytes[129] = 9;
    if (observe)
        observe(context, 0, bytes);
    for (int i = 0; i < CLASSES; i++)
        logits[i] = image[i] + variant;
    if (observe)
        observe(context, 1, bytes);
    return status(image);
}

/* Each part copies its share of the pixels, and fails where it misses what another part wrote before
 * they met. */
static int run_part(void *arena, const uint8_t *image, int32_t *logits, int part, int parts,
                    void (*meet)(void *team), void *team)
{
    if (SHARED == 0)
        return 7; /* nobody has to ask for a part of nothing */
    int32_t *met = arena;
    met[part] = image[part % CLASSES];
    meet(team);
    /* What every other part wrote before the meeting must be there. */
    int missed = 0;
    for (int other = 0; other < parts; other++)
        missed += met[other] != image[other % CLASSES];
    meet(team);
    for (int i = CLASSES * part / parts; i < CLASSES * (part + 1) / parts; i++)
        logits[i] = image[i] + variant;
    /* One part alone fails, and not the caller's. */
    return missed ? 6 : part == parts - 1 ? status(image) : 0;
}

const struct network network = {"pixels", SIZE, CHANNELS, CLASSES, class_names, 192, 2, traced_calls,
                                traced_values, 3, variant_names, choose_kernels, THREADS,
                                SHARED, run_observed, run_part};

const struct about about = {"host", "0123456789abcdef", "fedcba9876543210", "1.2.3", 7, TESTED};
