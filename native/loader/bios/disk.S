// The boot sector of a disk: reads the loader and jumps to it. lib/image/src/loader.ts fills in the
// packet: where the loader is, and how many sectors it has.
// Sources: BIOS Boot Specification 1.01 (DL: the drive), EDD 3.0 (INT 13h, AH 41h and 42h).
.code16
.text
.globl disk_start
disk_start:
  cli
  cld
  xorw %ax, %ax
  movw %ax, %ds
  movw %ax, %es
  movw %ax, %ss
  movw $0x7c00, %sp
  sti
  ljmp $0, $normalised       // some firmware starts at 07C0:0000
normalised:
  pushw %dx
  movb $0x41, %ah            // does the drive know 64-bit addresses?
  movw $0x55aa, %bx
  int $0x13
  jc no_extensions
  cmpw $0xaa55, %bx
  jne no_extensions
  popw %dx
  pushw %dx
  movw $packet, %si
  movb $0x42, %ah
  int $0x13
  jc unreadable
  popw %dx
  cmpl $0x534a5452, 0x8004   // "RTJS"
  jne no_loader
  ljmp $0, $0x8000

no_extensions:
  movw $no_extensions_text, %si
  jmp stop
unreadable:
  movw $unreadable_text, %si
  jmp stop
no_loader:
  movw $no_loader_text, %si
stop:
  lodsb
  testb %al, %al
  jz 1f
  movb $0x0e, %ah
  movw $7, %bx
  int $0x10
  jmp stop
1:hlt
  jmp 1b

no_extensions_text:
  .asciz "Runtime.JS: this BIOS cannot read by block number"
unreadable_text:
  .asciz "Runtime.JS: the disk cannot be read"
no_loader_text:
  .asciz "Runtime.JS: the loader is missing; write the image again"

  .org 0x1a0                 // offset 416
packet:
  .byte 16, 0
  .short 0                   // sectors
  .short 0, 0x0800           // to 0800:0000
  .quad 0                    // first sector
  .org 510
  .short 0xaa55
