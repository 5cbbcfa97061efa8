// The BIOS loader's entry, and the way to the BIOS and back.
//
// The boot sector of a disk, or the BIOS itself from a CD (El Torito without emulation), loads all of this
// at 0x8000 and starts it in real mode with the drive's number in DL.
//
//   0x07c00  stack in real mode (downwards)
//   0x08000  this file, the C++ code, its data      at most 64 KiB in the file
//   0x50000  what the BIOS reads into               64 KiB
//   0x60000  page tables: the first 4 GiB           24 KiB
//   0x80000  stack in long mode (downwards)

#define PAGE_TABLES 0x60000
#define LONG_STACK  0x80000
#define REAL_STACK  0x7c00
#define CODE64 0x08
#define DATA   0x10
#define CODE32 0x18
#define CODE16 0x20
#define DATA16 0x28

.section .entry, "awx"
.code16
.globl entry
entry:
  jmp begin
  .org 4
  .ascii "RTJS"
  .org 8
.globl system_file_offset
system_file_offset:
  .quad 0                    // bytes from the disk's start; lib/image/src/loader.ts fills it in

begin:
  cli
  cld
  ljmp $0, $normalised
normalised:
  xorw %ax, %ax
  movw %ax, %ds
  movw %ax, %es
  movw %ax, %ss
  movl $REAL_STACK, %esp
  sti
  movb %dl, boot_drive
  movw $0x2401, %ax          // address line 20 on: through the BIOS, and by port 92h
  int $0x15
  inb $0x92, %al
  testb $2, %al
  jnz 1f
  orb $2, %al
  andb $0xfe, %al
  outb %al, $0x92
1:movl $0x80000000, %eax
  cpuid
  cmpl $0x80000001, %eax
  jb no_long_mode
  movl $0x80000001, %eax
  cpuid
  btl $29, %edx
  jnc no_long_mode
  cli
  lgdt descriptors_pointer
  movl %cr0, %eax
  orl $1, %eax
  movl %eax, %cr0
  ljmp $CODE32, $build_tables

no_long_mode:
  movw $no_long_mode_text, %si
2:lodsb
  testb %al, %al
  jz 3f
  movb $0x0e, %ah
  movw $7, %bx
  int $0x10
  movw $0x3f8, %dx
  outb %al, %dx
  jmp 2b
3:hlt
  jmp 3b
no_long_mode_text:
  .asciz "Runtime.JS: this CPU has no 64-bit long mode; give the machine an x86-64 CPU\r\n"

.code32
build_tables:
  movl $DATA, %eax
  movl %eax, %ds
  movl %eax, %es
  movl %eax, %ss
  movl $LONG_STACK, %esp
  movl $PAGE_TABLES, %edi    // root, pointers, four directories of 2 MiB pages
  xorl %eax, %eax
  movl $2048, %ecx
  rep stosl
  movl $(PAGE_TABLES + 0x1003), PAGE_TABLES
  movl $PAGE_TABLES + 0x1000, %edi
  movl $(PAGE_TABLES + 0x2003), %eax
  movl $4, %ecx
1:movl %eax, (%edi)
  addl $0x1000, %eax
  addl $8, %edi
  loop 1b
  movl $PAGE_TABLES + 0x2000, %edi
  movl $0x83, %eax
  movl $2048, %ecx
2:movl %eax, (%edi)
  movl $0, 4(%edi)
  addl $0x200000, %eax
  addl $8, %edi
  loop 2b
  // .bss is not in the file.
  movl $bss_start, %edi
  movl $bss_words, %ecx
  xorl %eax, %eax
  rep stosl
  movl $start_main, resume_address
  jmp enter_long_mode

// Paging on; continues at resume_address.
enter_long_mode:
  movl %cr4, %eax
  orl $0x20, %eax            // PAE
  movl %eax, %cr4
  movl $PAGE_TABLES, %eax
  movl %eax, %cr3
  movl $0xc0000080, %ecx     // EFER: LME
  rdmsr
  orl $0x100, %eax
  wrmsr
  movl %cr0, %eax
  orl $0x80000000, %eax
  movl %eax, %cr0
  ljmp $CODE64, $long_mode
.code64
long_mode:
  movl $DATA, %eax
  movl %eax, %ds
  movl %eax, %es
  movl %eax, %ss
  movl resume_address, %eax
  jmpq *%rax

start_main:
  movl $LONG_STACK, %esp
  xorl %ebp, %ebp
  call bios_main
1:hlt
  jmp 1b

// void bios_interrupt(uint32_t number): calls the BIOS with, and fills, bios_registers.
.globl bios_interrupt
bios_interrupt:
  pushq %rbx
  pushq %rbp
  pushq %r12
  pushq %r13
  pushq %r14
  pushq %r15
  movl %edi, %edi
  movl (,%rdi,4), %eax       // its real-mode vector
  movl %eax, bios_vector
  movq %rsp, long_stack
  movl $bios_done, resume_address
  pushq $CODE32
  pushq $leave_long_mode
  lretq
.code32
leave_long_mode:
  movl %cr0, %eax
  andl $0x7fffffff, %eax
  movl %eax, %cr0
  ljmp $CODE16, $protected_16
.code16
protected_16:
  movw $DATA16, %ax
  movw %ax, %ds
  movw %ax, %es
  movw %ax, %ss
  movl %cr0, %eax
  andl $0xfffffffe, %eax
  movl %eax, %cr0
  ljmp $0, $real_mode
real_mode:
  xorw %ax, %ax
  movw %ax, %ds
  movw %ax, %ss
  movl $REAL_STACK, %esp
  lidt real_vectors
  movw bios_registers + 24, %es
  movl bios_registers + 4, %ebx
  movl bios_registers + 8, %ecx
  movl bios_registers + 12, %edx
  movl bios_registers + 16, %esi
  movl bios_registers + 20, %edi
  movl bios_registers, %eax
  sti
  pushfw
  lcall *bios_vector
  pushfw
  cli
  cld
  pushw %ds
  pushw %ax
  xorw %ax, %ax
  movw %ax, %ds
  popw %ax
  movl %eax, bios_registers
  popw %ax
  movl %ebx, bios_registers + 4
  movl %ecx, bios_registers + 8
  movl %edx, bios_registers + 12
  movl %esi, bios_registers + 16
  movl %edi, bios_registers + 20
  movw %es, bios_registers + 24
  popw bios_registers + 26
  lgdt descriptors_pointer   // the BIOS may have used its own
  movl %cr0, %eax
  orl $1, %eax
  movl %eax, %cr0
  ljmp $CODE32, $back
.code32
back:
  movl $DATA, %eax
  movl %eax, %ds
  movl %eax, %es
  movl %eax, %ss
  jmp enter_long_mode
.code64
bios_done:
  movq long_stack, %rsp
  popq %r15
  popq %r14
  popq %r13
  popq %r12
  popq %rbp
  popq %rbx
  ret

  .balign 8
descriptors:
  .quad 0
  .quad 0x00af9a000000ffff   // 64-bit code
  .quad 0x00cf92000000ffff   // data
  .quad 0x00cf9a000000ffff   // 32-bit code
  .quad 0x00009a000000ffff   // 16-bit code
  .quad 0x000092000000ffff   // 16-bit data
descriptors_pointer:
  .short descriptors_pointer - descriptors - 1
  .long descriptors
real_vectors:
  .short 0x3ff
  .long 0

// On a page without code: an emulator translates a page anew when something in it is written.
  .balign 4096
.globl bios_registers, bios_buffer, boot_drive
bios_registers: .fill 28, 1, 0   // EAX, EBX, ECX, EDX, ESI, EDI, ES, FLAGS
  .balign 8
long_stack: .quad 0
resume_address: .long 0
bios_vector: .long 0
boot_drive: .byte 0
  .balign 16
bios_buffer: .fill 256, 1, 0
  .balign 4096

.section .note.GNU-stack, "", @progbits
