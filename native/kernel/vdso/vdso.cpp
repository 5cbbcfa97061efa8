#include "vdso/vdso.h"

#include "boot/image_layout.h"
#include "linux/kernel_interface.h"
#include "memory/address_space.h"
#include "time/clock_source.h"
#include "vdso/layout.h"

#pragma GCC visibility push(hidden)
extern "C" const char vdso_image_start[], vdso_image_end[];
#pragma GCC visibility pop

namespace runtime {

namespace {

/// Whole pages of the kernel's own image, mapped in place.
class KernelPages : public Mappable {
 public:
  KernelPages(const void* start, uint64_t pages)
      : first_(physical_in_image(start)), pages_(pages) {}

  Result<PhysAddr> map_page(uint64_t index, bool) override {
    if (index >= pages_) return Errno::Range;
    return first_ + index * kPageSize;  // not counted: the kernel's image is no managed memory
  }
  PhysAddr contiguous_pages(uint64_t index, uint64_t count) override {
    return index < pages_ && count <= pages_ - index ? first_ + index * kPageSize : PhysAddr(0);
  }

 private:
  PhysAddr first_;
  uint64_t pages_;
};

Result<void> map_pages(uint64_t address, const void* start, uint64_t pages, uint8_t protection,
                       AreaName name) {
  MapRequest request;
  request.object = RefPtr<Mappable>::adopt(new KernelPages(start, pages));
  if (!request.object) return Errno::NoMemory;
  request.address = address;
  request.size = pages * kPageSize;
  request.protection = protection;
  request.is_fixed = true;
  request.name = name;
  Result<uint64_t> mapped = AddressSpace::map(move(request));
  if (mapped.is_error()) return mapped.error();
  return {};
}

}  // namespace

Result<uint64_t> map_vdso(uint64_t end) {
  const uint64_t image_pages = vdso_image_size() >> kPageShift;
  const uint64_t size = (kInterfacePages + kVdsoDataPages + image_pages) * kPageSize;
  MapRequest reservation;
  reservation.address = align_down(end, kPageSize) - size;
  reservation.size = size;
  Result<uint64_t> reserved = AddressSpace::map(move(reservation));
  if (reserved.is_error()) return reserved;
  const uint64_t clocks = reserved.value() + kInterfacePages * kPageSize;
  const uint64_t image = clocks + kVdsoDataPages * kPageSize;
  Result<void> mapped = map_pages(reserved.value(), kernel_interface_page(), kInterfacePages,
                                  kProtectionRead, AreaName::Vvar);
  if (!mapped.is_error())
    mapped = map_pages(clocks, clock_pages(), kVdsoDataPages, kProtectionRead, AreaName::Vvar);
  if (!mapped.is_error())
    mapped = map_pages(image, vdso_image_start, image_pages, kProtectionRead | kProtectionExecute,
                       AreaName::Vdso);
  if (mapped.is_error()) return mapped.error();
  return image;
}

uint64_t kernel_interface_below(uint64_t image) {
  return image - (kVdsoDataPages + kInterfacePages) * kPageSize;
}

uint64_t vdso_image_size() { return static_cast<uint64_t>(vdso_image_end - vdso_image_start); }

StringView vdso_image() { return StringView(vdso_image_start, vdso_image_size()); }

}  // namespace runtime
