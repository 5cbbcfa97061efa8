#include "linux/mapped_image.h"

#include "linux/elf.h"
#include "linux/vfs.h"
#include "memory/address_space.h"
#include "memory/frames.h"

namespace runtime {

namespace {

char path_buffer[256];

/// Link address of the first loadable segment; false when the file is not a sane ELF file.
bool first_link_address(const uint8_t* data, size_t size, uint64_t* address) {
  if (size < sizeof(ElfHeader)) return false;
  const ElfHeader* header = reinterpret_cast<const ElfHeader*>(data);
  if (memcmp(header->identification,
             "\x7f"
             "ELF",
             4) != 0)
    return false;
  if (header->program_header_count > kMaximumProgramHeaders ||
      header->program_headers > size - sizeof(ElfProgramHeader) * header->program_header_count)
    return false;
  const ElfProgramHeader* segments =
      reinterpret_cast<const ElfProgramHeader*>(data + header->program_headers);
  for (unsigned i = 0; i < header->program_header_count; ++i) {
    if (segments[i].type != kSegmentLoad) continue;
    *address = align_down(segments[i].virtual_address, kPageSize);
    return true;
  }
  return false;
}

}  // namespace

bool find_mapped_image(uint64_t address, FileImage* image) {
  RefPtr<File> file;
  RefPtr<Mappable> object;
  if (!AddressSpace::find_file(address, &file, &object) || !object) return false;
  Stat stat;
  if (file->stat(&stat).is_error() || stat.size < static_cast<int64_t>(kPageSize)) return false;
  const uint64_t pages = static_cast<uint64_t>(stat.size) >> kPageShift;
  const PhysAddr frames = object->contiguous_pages(0, pages);
  if (frames.value == 0) return false;
  image->data = static_cast<const uint8_t*>(phys_to_virt(frames));
  image->size = static_cast<size_t>(stat.size);  // contiguous in the archive to its last byte
  uint64_t link_address;
  if (!first_link_address(image->data, image->size, &link_address)) return false;
  image->load_bias = AddressSpace::lowest_mapping_of(file.get()) - link_address;
  image->path = StringView(path_buffer, vfs_path_of(file.get(), path_buffer, sizeof(path_buffer)));
  return true;
}

}  // namespace runtime
