// A plugin for QEMU's translator that counts the guest's instructions, for measurements that must hold on a
// busy machine. -plugin instructions.so,out=FILE writes the count, 64 bits in the host's order, into FILE as it
// goes. With several processors additions may be lost where two meet. The declarations are those that version 1
// of the interface documents (QEMU, docs/devel/tcg-plugins.rst); Debian packages no header.
#include <fcntl.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define EXPORTED __attribute__((visibility("default")))

struct qemu_plugin_tb;
enum qemu_plugin_op { QEMU_PLUGIN_INLINE_ADD_U64 };

void qemu_plugin_register_vcpu_tb_trans_cb(uint64_t id,
                                           void (*callback)(uint64_t id,
                                                            struct qemu_plugin_tb* block));
void qemu_plugin_register_vcpu_tb_exec_inline(struct qemu_plugin_tb* block, enum qemu_plugin_op,
                                              void* value, uint64_t increment);
size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb* block);

EXPORTED int qemu_plugin_version = 1;

static const char output_option[] = "out=";
static uint64_t* counter;

static void on_translated(uint64_t id, struct qemu_plugin_tb* block) {
  (void)id;
  qemu_plugin_register_vcpu_tb_exec_inline(block, QEMU_PLUGIN_INLINE_ADD_U64, counter,
                                           qemu_plugin_tb_n_insns(block));
}

EXPORTED int qemu_plugin_install(uint64_t id, const void* info, int count, char** options) {
  (void)info;
  const size_t length = sizeof(output_option) - 1;
  if (count != 1 || strncmp(options[0], output_option, length) != 0) return -1;
  const int file = open(options[0] + length, O_RDWR | O_CREAT | O_TRUNC, 0644);
  if (file < 0 || ftruncate(file, sizeof(*counter)) != 0) return -1;
  counter = mmap(NULL, sizeof(*counter), PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  close(file);
  if (counter == MAP_FAILED) return -1;
  qemu_plugin_register_vcpu_tb_trans_cb(id, on_translated);
  return 0;
}
