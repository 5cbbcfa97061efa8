// The first code of a further CPU: real mode, at a page below 1 MiB where start_other_cpus() has put it.
// Goes straight to long mode (SDM volume 3, 9.8.5) on tables that map the page in place, takes the
// next CPU record and continues in the kernel's own mapping.
//
// start_other_cpus() fills the fields after trampoline_data, whose order startup.cpp repeats.

.section .rodata
.balign 16
.globl trampoline_start, trampoline_data, trampoline_end, trampoline_long_mode
.code16
trampoline_start:
  cli
  cld
  movw %cs, %ax
  movw %ax, %ds
  movl %cr4, %eax
  orl $0x20, %eax            // PAE
  movl %eax, %cr4
  movl (root - trampoline_start), %eax
  movl %eax, %cr3
  movl $0xc0000080, %ecx     // EFER: LME, NXE, SCE
  rdmsr
  orl $0x901, %eax
  wrmsr
  lgdtl (gdt_pointer - trampoline_start)
  movl $0x80010033, %eax     // PG, WP, NE, ET, MP, PE
  movl %eax, %cr0
  ljmpl *(far_pointer - trampoline_start)

.code64
trampoline_long_mode:
  movl $16, %eax
  movl %eax, %ds
  movl %eax, %es
  movl %eax, %ss
  movl $1, %eax
  lock xaddl %eax, next_record(%rip)
  cmpl record_count(%rip), %eax
  jae 1f
  leaq records(%rip), %rdi
  movq (%rdi,%rax,8), %rdi
  movq 8(%rdi), %rsp         // CpuLocal::kernel_stack_top
  xorl %ebp, %ebp
  movq entry(%rip), %rax
  call *%rax
1:cli
  hlt
  jmp 1b

  .balign 8
trampoline_data:
root:         .quad 0
entry:        .quad 0
far_pointer:  .long 0, 8
gdt_pointer:  .short 23
              .long 0
              .short 0
record_count: .long 0
next_record:  .long 0
records:      .fill 64, 8, 0
gdt:          .quad 0, 0x00af9a000000ffff, 0x00cf92000000ffff
trampoline_end:

.section .note.GNU-stack, "", @progbits
