/**
 * Emits generated/kernel_interface.h: what the kernel (C++11, freestanding), the shim and the addon
 * include.
 */
import {
  type Constant,
  type KernelFunction,
  type KernelInterface,
  layout,
  type Parameter,
  type Structure,
} from '../declare.ts';
import { docComment, generatedNotice } from './text.ts';

const cType = { u32: 'uint32_t', i32: 'int32_t', u64: 'uint64_t', size: 'size_t' } as const;

function parameterText({ name, type }: Parameter): string {
  if (typeof type === 'object') return `struct ${type.name}* ${name}`;
  switch (type) {
    case 'bytes-in':
      return `const char* ${name}`;
    case 'bytes-out':
      return `char* ${name}`;
    case 'u64-in-out':
      return `uint64_t* ${name}`;
    default:
      return `${cType[type]} ${name}`;
  }
}

function functionText(declared: KernelFunction): string {
  const comment = docComment('  ', [
    declared.doc,
    ...declared.parameters.map(({ name, doc }) => `@param ${name} ${doc}`),
    ...(declared.returnsDoc === undefined ? [] : [`@returns ${declared.returnsDoc}`]),
    ...(declared.returns === 'never' ? ['Never returns.'] : []),
  ]);
  const returns =
    declared.returns === 'nothing' || declared.returns === 'never'
      ? 'void'
      : cType[declared.returns];
  const parameters =
    declared.parameters.length === 0 ? 'void' : declared.parameters.map(parameterText).join(', ');
  const attribute = declared.returns === 'never' ? ' __attribute__((noreturn))' : '';
  return `${comment}  ${returns} (*${declared.name})(${parameters})${attribute};\n`;
}

function structureText(declared: Structure): string {
  const { offsets, size } = layout(declared);
  const fields = declared.fields.map(
    ({ name, type, doc }) => `${docComment('  ', [doc])}  ${cType[type]} ${name};\n`,
  );
  const checks = declared.fields.map(
    ({ name }, index) =>
      `static_assert(offsetof(${declared.name}, ${name}) == ${offsets[index]}, "layout of ${declared.name}::${name}");\n`,
  );
  return (
    `${docComment('', [declared.doc])}struct ${declared.name} {\n${fields.join('')}};\n` +
    `static_assert(sizeof(${declared.name}) == ${size}, "size of ${declared.name}");\n${checks.join('')}`
  );
}

function constantText({ name, value, type, doc }: Constant): string {
  const literal = type === 'u64' ? `0x${value.toString(16)}ull` : `${value}u`;
  return `${docComment('', [doc])}static const ${cType[type]} ${name} = ${literal};\n`;
}

/** Text of kernel_interface.h. */
export function emitHeader(declared: KernelInterface): string {
  // version and size come first, 4 bytes each; every function pointer takes 8.
  const size = 8 + 8 * declared.functions.length;
  const checks = declared.functions.map(
    ({ name }, index) =>
      `static_assert(offsetof(${declared.name}, ${name}) == ${8 + 8 * index}, "layout of ${declared.name}::${name}");\n`,
  );
  return `${generatedNotice('kernel.abi.ts')}#ifndef RUNTIME_KERNEL_INTERFACE_H
#define RUNTIME_KERNEL_INTERFACE_H

#include <stddef.h>
#include <stdint.h>

${docComment('', ['Version of the interface that this header describes.'])}static const uint32_t RUNTIME_KERNEL_INTERFACE_VERSION = ${declared.version}u;
${declared.constants.map(constantText).join('')}
${declared.structures.map(structureText).join('\n')}
${docComment('', [declared.doc])}struct ${declared.name} {
  /** RUNTIME_KERNEL_INTERFACE_VERSION of the kernel; a caller refuses any other than its own. */
  uint32_t version;
  /**
   * Bytes in this table: functions are only ever appended, so a smaller one lacks the last ones.
   */
  uint32_t size;
${declared.functions.map(functionText).join('')}};
static_assert(sizeof(${declared.name}) == ${size}, "size of ${declared.name}");
${checks.join('')}
#endif  // RUNTIME_KERNEL_INTERFACE_H
`;
}

/**
 * Text of kernel_functions.def: the functions by index, for the table and for its gates. Both the
 * assembler (after the C preprocessor) and C++ include it with a KERNEL_FUNCTION of their own.
 */
export function emitFunctionList({ functions }: KernelInterface): string {
  const lines = functions.map(({ name }, index) => `KERNEL_FUNCTION(${index}, ${name})\n`);
  return `${generatedNotice('kernel.abi.ts')}${lines.join('')}`;
}
