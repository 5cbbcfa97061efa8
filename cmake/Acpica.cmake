# Defines the target `acpica`: Intel's ACPI interpreter, compiled for the kernel. Its sources are not in
# the repository: `npm run build` takes them out of Debian's package linux-source-* (BSD-3-Clause OR
# GPL-2.0) into the user's cache (lib/cli/src/acpica.ts) and passes their folder as ACPICA_SOURCE.
#   include(Acpica)
#   target_link_libraries(kernel PRIVATE acpica)

set(ACPICA_SOURCE "" CACHE PATH "Folder with drivers/acpi/acpica and include/acpi of a Linux source")

if(NOT EXISTS "${ACPICA_SOURCE}/drivers/acpi/acpica/accommon.h")
  message(FATAL_ERROR
    "ACPICA's sources are not in \"${ACPICA_SOURCE}\". Run `npm run build`, which fetches them.")
endif()

file(GLOB ACPICA_FILES "${ACPICA_SOURCE}/drivers/acpi/acpica/*.c")
# The debugger and the dumps for it.
list(FILTER ACPICA_FILES EXCLUDE REGEX "/(db[a-z]+|rsdump|nsdumpdv|uttrack)\\.c$")

add_library(acpica STATIC ${ACPICA_FILES})
# Ours comes first: its platform/aclinux.h fits ACPICA to this kernel.
target_include_directories(acpica SYSTEM BEFORE PUBLIC
  "${CMAKE_CURRENT_LIST_DIR}/../native/kernel/acpi/acpica"
  "${ACPICA_SOURCE}/include")
target_include_directories(acpica PRIVATE "${ACPICA_SOURCE}/drivers/acpi/acpica")
target_compile_definitions(acpica PUBLIC _LINUX BUILDING_ACPICA)
set_target_properties(acpica PROPERTIES C_STANDARD 11 C_EXTENSIONS ON)
# How long a loop of byte code has run is not a matter of the clock: acpi/host_work.cpp.
set_source_files_properties("${ACPICA_SOURCE}/drivers/acpi/acpica/dscontrol.c" PROPERTIES
  COMPILE_DEFINITIONS acpi_os_get_timer=acpi_os_get_loop_timer)
# Not ours, so its warnings are not shown. Type-based aliasing rules do not hold in it.
target_compile_options(acpica PRIVATE
  -Os -g -w -fpie -ffreestanding -fno-builtin -mno-red-zone -mgeneral-regs-only -fno-stack-protector
  -fno-omit-frame-pointer -fno-asynchronous-unwind-tables -fcf-protection=none -fno-strict-aliasing
  -fvisibility=hidden -ffunction-sections -fdata-sections
  "-ffile-prefix-map=${ACPICA_SOURCE}/=")
