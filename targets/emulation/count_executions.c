/*
 * A plugin of QEMU's user mode, 4.2 to 8.2: how often a program executed each of its instructions.
 * It writes a line "address executions function" for each into the file that the argument
 * "out=FILE" names; an address that was translated several times has as many lines.
 *
 * QEMU's header is not part of Debian's packages: what is needed of it is declared here.
 */
#include <inttypes.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EXPORT __attribute__((visibility("default")))

typedef uint64_t plugin_id;
struct qemu_info_t;
struct qemu_plugin_tb;
struct qemu_plugin_insn;
enum qemu_plugin_op { QEMU_PLUGIN_INLINE_ADD_U64 };

void qemu_plugin_register_vcpu_tb_trans_cb(plugin_id, void (*)(plugin_id, struct qemu_plugin_tb *));
void qemu_plugin_register_atexit_cb(plugin_id, void (*)(plugin_id, void *), void *);
void qemu_plugin_register_vcpu_insn_exec_inline(struct qemu_plugin_insn *, enum qemu_plugin_op,
                                                void *, uint64_t);
size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *);
struct qemu_plugin_insn *qemu_plugin_tb_get_insn(const struct qemu_plugin_tb *, size_t);
uint64_t qemu_plugin_insn_vaddr(const struct qemu_plugin_insn *);
const char *qemu_plugin_insn_symbol(const struct qemu_plugin_insn *);

EXPORT int qemu_plugin_version = 1;

struct instruction {
    uint64_t address, executions;
    const char *function; /* null where the program names none */
};

/* A translated block; generated code adds to its counts, so it stays where it is until the end. */
struct block {
    struct block *next;
    size_t count;
    struct instruction instructions[];
};

static struct block *blocks;
static char out[4096];

static void translated(plugin_id id, struct qemu_plugin_tb *tb)
{
    (void)id;
    size_t count = qemu_plugin_tb_n_insns(tb);
    struct block *block = calloc(1, sizeof *block + count * sizeof *block->instructions);
    if (!block)
        abort();
    block->count = count;
    for (size_t i = 0; i < count; i++) {
        struct qemu_plugin_insn *found = qemu_plugin_tb_get_insn(tb, i);
        struct instruction *instruction = &block->instructions[i];
        instruction->address = qemu_plugin_insn_vaddr(found);
        instruction->function = qemu_plugin_insn_symbol(found);
        qemu_plugin_register_vcpu_insn_exec_inline(found, QEMU_PLUGIN_INLINE_ADD_U64,
                                                   &instruction->executions, 1);
    }
    block->next = blocks;
    blocks = block;
}

static void finished(plugin_id id, void *nothing)
{
    (void)id, (void)nothing;
    FILE *file = fopen(out, "w");
    if (!file)
        return;
    for (const struct block *block = blocks; block; block = block->next) {
        for (size_t i = 0; i < block->count; i++) {
            const struct instruction *each = &block->instructions[i];
            const char *function = each->function && *each->function ? each->function : "?";
            if (each->executions)
                fprintf(file, "%" PRIu64 " %" PRIu64 " %s\n", each->address, each->executions,
                        function);
        }
    }
    fclose(file);
}

EXPORT int qemu_plugin_install(plugin_id id, const struct qemu_info_t *info, int argc, char **argv)
{
    (void)info;
    if (argc != 1 || strncmp(argv[0], "out=", 4) != 0)
        return -1;
    if (snprintf(out, sizeof out, "%s", argv[0] + 4) >= (int)sizeof out)
        return -1;
    qemu_plugin_register_vcpu_tb_trans_cb(id, translated);
    qemu_plugin_register_atexit_cb(id, finished, NULL);
    return 0;
}
