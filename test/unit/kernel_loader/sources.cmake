set(loader "${CMAKE_CURRENT_SOURCE_DIR}/../../../native/loader")
set(KERNEL_LOADER_SOURCES
  ../kernel_loader/bindings.cpp
  ${loader}/core/system_file.cpp
  ${loader}/zstd/frame.cpp
  ${loader}/zstd/fse.cpp
  ${loader}/zstd/huffman.cpp
  ${loader}/zstd/sequences.cpp
  ${loader}/zstd/xxh64.cpp)
include_directories(${loader})
