set(KERNEL_PLATFORM_SOURCES
  ../kernel_platform/bindings.cpp
  ${kernel}/lib/string.cpp
  ${kernel}/platform/smbios.cpp)
