// /sys: what Node, libuv and V8 read of CPUs and large pages, and what the host handed over (fw_cfg).
#include "lib/format.h"
#include "linux/fs/generated.h"
#include "linux/process_info.h"
#include "platform/firmware_config.h"

namespace runtime {

namespace {

Result<void> write_cpu_range(TextWriter& text, uint64_t) {
  const unsigned count = cpu_info().count;
  if (count > 1) {
    text.print("0-%u\n", count - 1);
  } else {
    text.put("0\n");
  }
  return {};
}

Result<void> write_nothing(TextWriter& text, uint64_t) {
  text.put("\n");
  return {};
}

Result<void> write_number(TextWriter& text, uint64_t number) {
  text.print("%llu\n", static_cast<unsigned long long>(number));
  return {};
}

Result<void> write_cpu_mask(TextWriter& text, uint64_t mask) {
  text.print("%llx\n", static_cast<unsigned long long>(mask));
  return {};
}

/// Anonymous memory is mapped in small pages only.
Result<void> write_large_pages(TextWriter& text, uint64_t) {
  text.put("always madvise [never]\n");
  return {};
}

Result<void> write_large_page_size(TextWriter& text, uint64_t) {
  text.print("%llu\n", static_cast<unsigned long long>(kLargePageSize));
  return {};
}

Result<void> add_cpu(TreeDirectory* cpus, unsigned cpu) {
  char path[32];
  const size_t size = format(path, sizeof(path), "cpu%u/topology", cpu);
  Result<RefPtr<TreeDirectory>> found = make_directories(cpus, StringView(path, size), 0755);
  if (found.is_error()) return found.error();
  TreeDirectory* topology = found.value().get();
  const uint64_t all = cpu_info().count >= 64 ? UINT64_MAX : (1ull << cpu_info().count) - 1;
  Result<void> added = add_generated(topology, "core_id", write_number, cpu);
  if (!added.is_error()) added = add_generated(topology, "physical_package_id", write_number, 0);
  if (!added.is_error()) {
    added = add_generated(topology, "thread_siblings_list", write_number, cpu);
  }
  if (!added.is_error()) {
    added = add_generated(topology, "thread_siblings", write_cpu_mask, 1ull << cpu % 64);
  }
  if (!added.is_error()) added = add_generated(topology, "core_siblings", write_cpu_mask, all);
  if (!added.is_error()) added = add_generated(topology, "core_siblings_list", write_cpu_range);
  return added;
}

Result<void> write_firmware_file(TextWriter& text, uint64_t index) {
  const FirmwareFile& file = firmware_file(static_cast<unsigned>(index));
  Vector<char> content;
  Result<void> grown = content.resize(file.size);
  if (grown.is_error()) return grown;
  firmware_file_read(file, content.data(), content.size());
  text.put_bytes(content.data(), content.size());
  return {};
}

/// A path below by_name that stays there.
bool is_plain_path(StringView path) {
  size_t start = 0;
  for (size_t i = 0; i <= path.size; ++i) {
    if (i < path.size && path.data[i] != '/') continue;
    const StringView part(path.data + start, i - start);
    if (part.is_empty() || part == StringView(".") || part == StringView("..")) return false;
    start = i + 1;
  }
  return true;
}

/// /sys/firmware/qemu_fw_cfg/by_name/NAME/raw, as Linux has it.
Result<void> build_firmware_files(TreeDirectory* system) {
  for (unsigned i = 0; i < firmware_file_count(); ++i) {
    const FirmwareFile& file = firmware_file(i);
    if (!is_plain_path(file.name_view())) {
      log(LogLevel::Warn, "fw_cfg: %s is no path, so there is no file of it in /sys", file.name);
      continue;
    }
    char path[128];
    const size_t size = format(path, sizeof(path), "firmware/qemu_fw_cfg/by_name/%s", file.name);
    Result<RefPtr<TreeDirectory>> folder = make_directories(system, StringView(path, size), 0755);
    if (folder.is_error()) return folder.error();
    Result<void> added = add_generated(folder.value().get(), "raw", write_firmware_file, i, 0400);
    if (added.is_error()) return added;
  }
  return {};
}

}  // namespace

Result<void> build_system(TreeDirectory* system) {
  Result<RefPtr<TreeDirectory>> cpus = make_directories(system, "devices/system/cpu", 0755);
  if (cpus.is_error()) return cpus.error();
  const char* const kRanges[] = {"online", "possible", "present"};
  for (const char* name : kRanges) {
    Result<void> added = add_generated(cpus.value().get(), name, write_cpu_range);
    if (added.is_error()) return added;
  }
  Result<void> added = add_generated(cpus.value().get(), "offline", write_nothing);
  if (added.is_error()) return added;
  for (unsigned cpu = 0; cpu < cpu_info().count; ++cpu) {
    added = add_cpu(cpus.value().get(), cpu);
    if (added.is_error()) return added;
  }
  Result<RefPtr<TreeDirectory>> large =
      make_directories(system, "kernel/mm/transparent_hugepage", 0755);
  if (large.is_error()) return large.error();
  added = add_generated(large.value().get(), "enabled", write_large_pages);
  if (!added.is_error()) {
    added = add_generated(large.value().get(), "hpage_pmd_size", write_large_page_size);
  }
  return added.is_error() ? added : build_firmware_files(system);
}

}  // namespace runtime
