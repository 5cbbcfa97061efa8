// The header of a PE32+ file around the EFI loader, which is linked at 0 and runs at any address. The
// numbers that only the linker knows are between these pieces, in efi.ld.
// Source: Microsoft PE and COFF specification; UEFI 2.10, 2.1.1.

.section .header.signature, "a"
pe_start:
  .ascii "MZ"
  .org 0x3c
  .long 0x40                 // where the signature is
  .org 0x40
  .ascii "PE\0\0"
  .short 0x8664              // x86-64
  .short 2                   // sections
  .long 0, 0, 0              // time, symbols
  .short 112 + 6 * 8         // size of the optional header
  .short 0x0206              // executable, no line numbers, no debug information; may be moved
  .short 0x020b              // optional header: PE32+
  .byte 0, 0

.section .header.alignment, "a"
  .quad 0                    // image base
  .long 4096, 4096           // alignment in memory and in the file
  .short 0, 0, 0, 0, 0, 0
  .long 0

.section .header.kind, "a"
  .long 0                    // checksum
  .short 10                  // EFI application
  .short 0x0100              // works where data is not executable
  .quad 0, 0, 0, 0
  .long 0
  .long 6
  .quad 0, 0, 0, 0, 0, 0     // no directories
  .ascii ".text\0\0\0"

.section .header.text_rights, "a"
  .long 0, 0, 0
  .long 0x60000020           // code, executable, readable
  .ascii ".data\0\0\0"

.section .header.data_rights, "a"
  .long 0, 0, 0
  .long 0xc0000040           // data, readable, writable

.section .note.GNU-stack, "", @progbits
