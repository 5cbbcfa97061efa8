// The vDSO's image, as CMake built it, in whole pages of the kernel's constants.
.section .rodata.vdso, "a"
.balign 4096
.globl vdso_image_start, vdso_image_end
vdso_image_start:
  .incbin VDSO_IMAGE
.balign 4096
vdso_image_end:
.section .note.GNU-stack, "", @progbits
