#include "lib/symbols.h"

namespace runtime {

namespace {

constexpr char kMagic[] = "RTSYMS01";
constexpr size_t kMagicSize = 8;
constexpr size_t kCountOffset = 8;
constexpr size_t kStringsOffset = 12;
constexpr size_t kEntriesOffset = 16;
constexpr size_t kEntrySize = 8;

/// The NUL-terminated string at `offset`; false when it does not end within the data.
bool string_at(const uint8_t* data, size_t size, uint64_t offset, StringView* text) {
  if (offset >= size) return false;
  const char* const start = reinterpret_cast<const char*>(data + offset);
  const size_t available = size - static_cast<size_t>(offset);
  const size_t length = StringView(start, available).find('\0');
  if (length == available) return false;
  *text = StringView(start, length);
  return true;
}

}  // namespace

uint32_t KernelSymbols::word(size_t offset) const {
  uint32_t value;
  memcpy(&value, data_ + offset, sizeof(value));
  return value;
}

bool KernelSymbols::open(const uint8_t* data, size_t size) {
  count_ = 0;
  if (size < kEntriesOffset || memcmp(data, kMagic, kMagicSize) != 0) return false;
  data_ = data;
  size_ = size;
  const uint32_t count = word(kCountOffset);
  strings_ = word(kStringsOffset);
  if (count > (size - kEntriesOffset) / kEntrySize) return false;
  if (strings_ > size || strings_ < kEntriesOffset + count * kEntrySize) return false;
  count_ = count;
  return true;
}

bool KernelSymbols::lookup(uint64_t offset, SymbolMatch* match) const {
  // Binary search for the first entry beyond the offset; the wanted one is right before it.
  uint32_t low = 0;
  uint32_t high = count_;
  while (low < high) {
    const uint32_t middle = low + (high - low) / 2;
    if (word(kEntriesOffset + middle * kEntrySize) <= offset) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  if (low == 0) return false;
  const size_t entry = kEntriesOffset + (low - 1) * kEntrySize;
  const uint64_t name = static_cast<uint64_t>(strings_) + word(entry + 4);
  if (!string_at(data_, size_, name, &match->name)) return false;
  match->offset = offset - word(entry);
  return true;
}

namespace {

// ELF-64 Object File Format; System V ABI, chapter 5; the GNU hash section's layout.
constexpr size_t kHeaderSize = 64;
constexpr size_t kProgramHeaderSize = 56;
constexpr size_t kSectionHeaderSize = 64;
constexpr uint32_t kSectionSymbols = 2;
constexpr size_t kDynamicSize = 16;
constexpr size_t kSymbolSize = 24;
constexpr uint32_t kSegmentLoad = 1;
constexpr uint32_t kSegmentDynamic = 2;
constexpr uint64_t kDynamicEnd = 0;
constexpr uint64_t kDynamicHash = 4;
constexpr uint64_t kDynamicStrings = 5;
constexpr uint64_t kDynamicSymbols = 6;
constexpr uint64_t kDynamicStringsSize = 10;
constexpr uint64_t kDynamicGnuHash = 0x6ffffef5;
constexpr unsigned kTypeFunction = 2;
constexpr unsigned kTypeIndirectFunction = 10;
/// How far a function of unknown size is taken to reach (hand-written assembly).
constexpr uint64_t kAssumedFunctionSize = 4096;

struct Symbol {
  uint32_t name;
  uint8_t info;
  uint8_t other;
  uint16_t section;
  uint64_t value;
  uint64_t size;
};
static_assert(sizeof(Symbol) == kSymbolSize, "Elf64_Sym is 24 bytes");

/// An ELF file in memory, read with bounds checks.
class ElfImage {
 public:
  ElfImage(const uint8_t* data, size_t size) : data_(data), size_(size) {}

  /// Checks the header and finds the dynamic symbol table. Returns false when there is none.
  bool open();
  /// Finds the full symbol table instead, which stripped files lack.
  bool open_full_table();
  bool find_function(uint64_t address, SymbolMatch* match) const;

 private:
  template <typename T>
  bool load(uint64_t offset, T* value) const {
    if (offset > size_ || size_ - offset < sizeof(T)) return false;
    memcpy(value, data_ + offset, sizeof(T));
    return true;
  }
  bool program_header(unsigned index, uint32_t* type, uint64_t* offset, uint64_t* address,
                      uint64_t* file_size) const;
  /// Turns a link address into a file offset.
  bool file_offset(uint64_t address, uint64_t* offset) const;
  bool read_dynamic(uint64_t offset, uint64_t size);
  bool count_by_hash(uint64_t table);
  bool count_by_gnu_hash(uint64_t table);

  const uint8_t* data_;
  size_t size_;
  uint64_t program_headers_ = 0;
  unsigned program_header_count_ = 0;
  uint64_t symbols_ = 0;
  uint64_t symbol_count_ = 0;
  uint64_t strings_ = 0;
  uint64_t strings_size_ = 0;
};

bool ElfImage::program_header(unsigned index, uint32_t* type, uint64_t* offset, uint64_t* address,
                              uint64_t* file_size) const {
  const uint64_t at = program_headers_ + index * kProgramHeaderSize;
  return load(at, type) && load(at + 8, offset) && load(at + 16, address) &&
         load(at + 32, file_size);
}

bool ElfImage::file_offset(uint64_t address, uint64_t* offset) const {
  for (unsigned i = 0; i < program_header_count_; ++i) {
    uint32_t type;
    uint64_t start, segment, length;
    if (!program_header(i, &type, &start, &segment, &length)) return false;
    if (type != kSegmentLoad || address < segment || address - segment >= length) continue;
    *offset = start + (address - segment);
    return *offset < size_;
  }
  return false;
}

bool ElfImage::open() {
  static const uint8_t kIdentity[] = {0x7f, 'E', 'L', 'F', 2 /* 64-bit */, 1 /* little-endian */};
  if (size_ < kHeaderSize || memcmp(data_, kIdentity, sizeof(kIdentity)) != 0) return false;
  uint16_t entry_size, count;
  if (!load(32, &program_headers_) || !load(54, &entry_size) || !load(56, &count)) return false;
  if (entry_size != kProgramHeaderSize || program_headers_ > size_) return false;
  program_header_count_ = count;
  for (unsigned i = 0; i < program_header_count_; ++i) {
    uint32_t type;
    uint64_t offset, address, length;
    if (!program_header(i, &type, &offset, &address, &length)) return false;
    if (type == kSegmentDynamic) return read_dynamic(offset, length);
  }
  return false;
}

bool ElfImage::open_full_table() {
  uint64_t sections;
  uint16_t entry_size, count;
  if (size_ < kHeaderSize || !load(40, &sections) || !load(58, &entry_size) || !load(60, &count))
    return false;
  if (entry_size != kSectionHeaderSize || sections > size_) return false;
  for (unsigned i = 0; i < count; ++i) {
    const uint64_t at = sections + i * kSectionHeaderSize;
    uint32_t type, link;
    uint64_t offset, length;
    if (!load(at + 4, &type) || !load(at + 24, &offset) || !load(at + 32, &length) ||
        !load(at + 40, &link))
      return false;
    if (type != kSectionSymbols) continue;
    const uint64_t strings = sections + link * kSectionHeaderSize;
    if (link >= count || !load(strings + 24, &strings_) || !load(strings + 32, &strings_size_))
      return false;
    symbols_ = offset;
    symbol_count_ = length / kSymbolSize;
    return symbols_ <= size_ && symbol_count_ <= (size_ - symbols_) / kSymbolSize &&
           strings_ <= size_ && strings_size_ <= size_ - strings_;
  }
  return false;
}

bool ElfImage::read_dynamic(uint64_t offset, uint64_t size) {
  uint64_t symbols = 0, strings = 0, hash = 0, gnu_hash = 0;
  for (uint64_t at = offset; at - offset + kDynamicSize <= size; at += kDynamicSize) {
    uint64_t tag, value;
    if (!load(at, &tag) || !load(at + 8, &value)) return false;
    if (tag == kDynamicEnd) break;
    if (tag == kDynamicSymbols) symbols = value;
    if (tag == kDynamicStrings) strings = value;
    if (tag == kDynamicStringsSize) strings_size_ = value;
    if (tag == kDynamicHash) hash = value;
    if (tag == kDynamicGnuHash) gnu_hash = value;
  }
  if (!file_offset(symbols, &symbols_) || !file_offset(strings, &strings_)) return false;
  if (strings_size_ > size_ - strings_) return false;
  // The dynamic section does not say how many symbols there are; the hash tables do.
  uint64_t table;
  const bool counted = (hash && file_offset(hash, &table) && count_by_hash(table)) ||
                       (gnu_hash && file_offset(gnu_hash, &table) && count_by_gnu_hash(table));
  return counted && symbol_count_ <= (size_ - symbols_) / kSymbolSize;
}

bool ElfImage::count_by_hash(uint64_t table) {
  uint32_t chains;
  if (!load(table + 4, &chains)) return false;
  symbol_count_ = chains;  // one chain entry per symbol
  return true;
}

bool ElfImage::count_by_gnu_hash(uint64_t table) {
  uint32_t bucket_count, first_symbol, bloom_words;
  if (!load(table, &bucket_count) || !load(table + 4, &first_symbol) ||
      !load(table + 8, &bloom_words)) {
    return false;
  }
  const uint64_t buckets = table + 16 + uint64_t{bloom_words} * 8;
  const uint64_t chains = buckets + uint64_t{bucket_count} * 4;
  // The last symbol is at the end of the chain that starts last; its lowest bit is set.
  uint32_t last = 0;
  for (uint32_t i = 0; i < bucket_count; ++i) {
    uint32_t start;
    if (!load(buckets + uint64_t{i} * 4, &start)) return false;
    if (start > last) last = start;
  }
  if (last < first_symbol) {
    symbol_count_ = first_symbol;
    return true;
  }
  for (uint32_t hash = 0; !(hash & 1); ++last) {
    if (!load(chains + (uint64_t{last} - first_symbol) * 4, &hash)) return false;
  }
  symbol_count_ = last;
  return true;
}

bool ElfImage::find_function(uint64_t address, SymbolMatch* match) const {
  bool found = false;
  uint64_t best = 0;
  uint32_t name = 0;
  for (uint64_t i = 0; i < symbol_count_; ++i) {
    Symbol symbol;
    if (!load(symbols_ + i * kSymbolSize, &symbol)) return false;
    const unsigned type = symbol.info & 0xf;
    if (type != kTypeFunction && type != kTypeIndirectFunction) continue;
    if (symbol.section == 0 || symbol.value > address) continue;
    const uint64_t length = symbol.size ? symbol.size : kAssumedFunctionSize;
    if (address - symbol.value >= length || (found && symbol.value <= best)) continue;
    found = true;
    best = symbol.value;
    name = symbol.name;
  }
  if (!found || !string_at(data_ + strings_, strings_size_, name, &match->name)) return false;
  match->offset = address - best;
  return true;
}

}  // namespace

bool elf_symbol_for(const uint8_t* image, size_t size, uint64_t link_address, SymbolMatch* match) {
  ElfImage full(image, size);
  if (full.open_full_table() && full.find_function(link_address, match)) return true;
  ElfImage exported(image, size);
  return exported.open() && exported.find_function(link_address, match);
}

}  // namespace runtime
