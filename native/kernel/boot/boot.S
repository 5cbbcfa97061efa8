// Entry from PVH and multiboot2: 32-bit protected mode, paging off, below 4 GiB physical. PVH loads the
// image where it is linked, at 2 MiB; a multiboot2 loader puts it at any multiple of 2 MiB, for under UEFI
// the firmware may sit at its address.
// Sources: Xen PVH boot ABI (hvm/start_info.h), Multiboot2 specification 3.1, 3.3 and 3.6.
//
// Builds identity page tables for the first 4 GiB, enters long mode and calls boot_relocate, which
// chooses the kernel's virtual home; then continues there in boot_main.

#define KERNEL_PHYSICAL 0x200000  /* where it is linked */
#define PVH_OFFSET      0x60
#define MULTIBOOT_OFFSET 0x80

.section .note.xen, "a"
  .balign 4
  .long 4, 8, 18             // name size, descriptor size, XEN_ELFNOTE_PHYS32_ENTRY
  .asciz "Xen"
  .quad KERNEL_PHYSICAL + PVH_OFFSET

.section .boot, "awx"
.code32
.globl boot_entry
boot_start:
  .balign 8
multiboot_header:
  .long 0xe85250d6
  .long 0
  .long multiboot_header_end - multiboot_header
  .long -(0xe85250d6 + (multiboot_header_end - multiboot_header))
  // Entry address: the ELF's own entry is a virtual one.
  .short 3, 0
  .long 12
  .long KERNEL_PHYSICAL + MULTIBOOT_OFFSET
  .balign 8
  // Modules at page boundaries, so that files map in place.
  .short 6, 0
  .long 8
  // The image may be moved: to the lowest free place (preference 1) at a multiple of 2 MiB.
  .short 10, 0
  .long 24
  .long KERNEL_PHYSICAL, 0xffffffff, 0x200000, 1
  // A framebuffer if there is one; a screen is not needed.
  .short 5, 1
  .long 20
  .long 1024, 768, 32
  .balign 8
  .short 0, 0
  .long 8
multiboot_header_end:

  .org PVH_OFFSET
boot_entry:
  movl $1, %edi              // kind: PVH
  movl $KERNEL_PHYSICAL, %ebp
  jmp common_entry

  .org MULTIBOOT_OFFSET
  xorl %edi, %edi            // kind: unknown
  movl $KERNEL_PHYSICAL, %ebp
  cmpl $0x36d76289, %eax
  jne common_entry
  movl $2, %edi              // kind: multiboot2
  // Where this code is only a call tells. The reserved word of the loader's information is its stack.
  leal 8(%ebx), %esp
  call 1f
1:popl %ebp
  subl $(1b - boot_start), %ebp

common_entry:                // EBP: where the image starts, EBX: the loader's information
  cli
  cld
  movl %ebx, %esi
  leal (boot_stack_top - boot_start)(%ebp), %esp
  // The time-stamp counter at entry: boot figures count from here.
  rdtsc
  movl %eax, (boot_entry_tsc - boot_start)(%ebp)
  movl %edx, (boot_entry_tsc - boot_start + 4)(%ebp)

  movl $0x80000000, %eax
  cpuid
  cmpl $0x80000001, %eax
  jb no_long_mode
  movl $0x80000001, %eax
  cpuid
  btl $29, %edx
  jnc no_long_mode
  btl $20, %edx
  jnc no_execute_disable

  // The compiler uses CMOV everywhere, so not even the proper check could run without it.
  movl $1, %eax
  cpuid
  btl $15, %edx
  jnc no_conditional_move

  // Identity map: PML4[0] -> PDPT -> 4 page directories of 2 MiB pages.
  leal (boot_pml4 - boot_start)(%ebp), %eax
  leal (boot_pdpt - boot_start)(%ebp), %ecx
  orl $3, %ecx
  movl %ecx, (%eax)
  leal (boot_pdpt - boot_start)(%ebp), %eax
  leal (boot_directories - boot_start)(%ebp), %ecx
  orl $3, %ecx
  movl $4, %edx
1:movl %ecx, (%eax)
  addl $4096, %ecx
  addl $8, %eax
  decl %edx
  jnz 1b
  leal (boot_directories - boot_start)(%ebp), %eax
  movl $0x83, %ecx
  movl $2048, %edx
2:movl %ecx, (%eax)
  movl $0, 4(%eax)
  addl $0x200000, %ecx
  addl $8, %eax
  decl %edx
  jnz 2b

  movl %cr4, %eax
  orl $0x20, %eax            // PAE
  movl %eax, %cr4
  leal (boot_pml4 - boot_start)(%ebp), %eax
  movl %eax, %cr3
  movl $0xc0000080, %ecx     // EFER: LME, NXE, SCE
  rdmsr
  orl $0x901, %eax
  wrmsr
  movl $0x80010033, %eax     // PG, WP, NE, ET, MP, PE
  movl %eax, %cr0
  leal (boot_gdt - boot_start)(%ebp), %eax
  movl %eax, (boot_gdt_pointer + 2 - boot_start)(%ebp)
  lgdt (boot_gdt_pointer - boot_start)(%ebp)
  leal (long_mode - boot_start)(%ebp), %eax
  pushl $8
  pushl %eax
  lret

no_long_mode:
  leal (no_long_mode_text - boot_start)(%ebp), %esi
  jmp early_refusal
no_execute_disable:
  leal (no_execute_disable_text - boot_start)(%ebp), %esi
  jmp early_refusal

no_conditional_move:
  leal (no_conditional_move_text - boot_start)(%ebp), %esi
  jmp early_refusal

// Prints the text at ESI to COM1 and to the debug console's status line, then stops.
early_refusal:
  movw $0x3fb, %dx           // 8N1 at whatever rate the firmware left
  movb $3, %al
  outb %al, %dx
1:lodsb
  testb %al, %al
  jz 3f
  movb %al, %cl
  movl $100000, %ebx
2:movw $0x3fd, %dx
  inb %dx, %al
  testb $0x20, %al
  jnz 4f
  decl %ebx
  jnz 2b
4:movb %cl, %al
  movw $0x3f8, %dx
  outb %al, %dx
  jmp 1b
3:leal (refusal_status - boot_start)(%ebp), %esi
  movw $0xe9, %dx
5:lodsb
  testb %al, %al
  jz 6f
  outb %al, %dx
  jmp 5b
6:movb $0xfe, %al            // reset through the keyboard controller ends QEMU with -no-reboot
  outb %al, $0x64
7:hlt
  jmp 7b

no_long_mode_text:
  .asciz "[runtime] error: this CPU has no 64-bit long mode; start the VM with -cpu host, -cpu max or any x86-64 model\n"
no_execute_disable_text:
  .asciz "[runtime] error: this CPU cannot mark pages as not executable (NX); start the VM with -cpu host or -cpu max\n"
no_conditional_move_text:
  .asciz "[runtime] error: this CPU lacks CMOV; start the VM with -cpu host or -cpu max\n"
refusal_status:
  .asciz "{\"code\":1,\"reason\":\"boot: unsupported CPU\"}\n"

.code64
long_mode:
  xorl %eax, %eax
  movl %eax, %ds
  movl %eax, %es
  movl %eax, %ss
  movl %eax, %fs
  movl %eax, %gs
  movl %edi, %edi
  movl %esi, %esi
  leaq boot_stack_top(%rip), %rsp
  movq %rdi, boot_kind(%rip)
  movq %rsi, boot_information(%rip)
  leaq boot_start(%rip), %rax
  movq %rax, boot_physical(%rip)
  call boot_relocate         // returns the virtual address of the kernel's start
  leaq kernel_start(%rip), %rcx
  leaq boot_stack_top(%rip), %rsp
  subq %rcx, %rsp
  addq %rax, %rsp
  leaq boot_high(%rip), %rdx
  subq %rcx, %rdx
  addq %rax, %rdx
  jmpq *%rdx

  .balign 8
boot_gdt:
  .quad 0
  .quad 0x00af9a000000ffff   // 64-bit code
  .quad 0x00cf92000000ffff   // data
boot_gdt_pointer:
  .short boot_gdt_pointer - boot_gdt - 1
  .quad 0                    // filled in once the place is known
  .balign 8
.globl boot_entry_tsc, boot_kind, boot_information, boot_physical
boot_entry_tsc: .quad 0
boot_kind: .quad 0
boot_information: .quad 0
boot_physical: .quad 0

  .balign 4096
.globl boot_pdpt
boot_pml4: .fill 4096, 1, 0
boot_pdpt: .fill 4096, 1, 0
boot_directories: .fill 4 * 4096, 1, 0
.globl boot_stack_top
boot_stack: .fill 16384, 1, 0
boot_stack_top:
boot_end:

// From here on in the kernel's own mapping; .boot is no longer executable.
.section .text
boot_high:
  xorl %ebp, %ebp
  call boot_main
1:hlt
  jmp 1b

.section .note.GNU-stack, "", @progbits
