/**
 * Emits the C++ glue of the bindings. Both kinds of isolate get the same functions in another
 * dialect: helper classes written by hand (native/shim/src/binding_arguments.h for V8,
 * native/shim/addon/arguments.h for node-addon-api) hide the difference for all but the frame
 * around a function.
 */
import {
  type Argument,
  type Binding,
  type BindingGroup,
  groupsFor,
  type IsolateKind,
} from '../declare.ts';
import { camelCase, generatedNotice, pascalCase } from './text.ts';

/** What differs between the V8 glue and the node-addon-api glue. */
interface Dialect {
  readonly kinds: readonly IsolateKind[];
  readonly includes: readonly string[];
  /** Type of an object handle. */
  readonly object: string;
  /** First line of a function with this name. */
  readonly signature: (name: string) => string;
  /** Statement that returns because an exception is pending. */
  readonly leave: string;
  /** First check of every function, if any. */
  readonly enter?: string;
  /** Last statements of every function. */
  readonly finish: readonly string[];
  /** Expression that names the kernel interface. */
  readonly kernel: string;
  /** Code that optimised code calls directly for a fast binding, where there is such a thing. */
  readonly fast?: (group: BindingGroup, declared: Binding) => string;
  /** Code that installs all groups. */
  readonly install: (groups: readonly BindingGroup[]) => string;
}

function functionName(group: BindingGroup, { name }: Binding): string {
  return pascalCase(group.name) + pascalCase(name);
}

/** Declarations of an argument's variables, the call that fills them, and what is passed to C. */
function argumentCode(
  { name, type }: Argument,
  index: number,
  dialect: Dialect,
): { variables: string[]; get: string; pass: string[] } {
  const at = `${index}, "${name}"`;
  switch (type.kind) {
    case 'integer': {
      const cType = type.type === 'u32' ? 'uint32_t' : 'int32_t';
      return {
        variables: [`${cType} ${name} = 0;`],
        get: `GetInteger(${at}, ${type.least}, ${type.most}, &${name})`,
        pass: [name],
      };
    }
    case 'number':
      return {
        variables: [`double ${name} = 0;`],
        get: `GetNumber(${at}, ${type.least}, ${type.most}, &${name})`,
        pass: [name],
      };
    case 'callback':
      return {
        variables: [`v8::Local<v8::Function> ${name};`],
        get: `GetFunction(${at}, &${name})`,
        pass: [name],
      };
    case 'any':
      return {
        variables: [`v8::Local<v8::Value> ${name};`],
        get: `GetAny(${at}, &${name})`,
        pass: [name],
      };
    case 'source':
      return {
        variables: [`const char* ${name} = nullptr;`, `size_t ${name}_length = 0;`],
        get: `GetSource(${at}, &${name}, &${name}_length)`,
        pass: [name, `${name}_length`],
      };
    case 'text':
      return {
        variables: [`std::string ${name};`],
        get: `GetText(${at}, &${name})`,
        pass: [`${name}.data()`, `${name}.size()`],
      };
    case 'bytes':
      return {
        variables: [`char* ${name} = nullptr;`, `size_t ${name}_length = 0;`],
        get: `GetBytes(${at}, &${name}, &${name}_length)`,
        pass: [name, `${name}_length`],
      };
    case 'cursor':
      return {
        variables: [`uint64_t* ${name} = nullptr;`],
        get: `GetCursor(${at}, &${name})`,
        pass: [name],
      };
    case 'fill':
      return {
        variables: [`${dialect.object} ${name};`, `${type.structure.name} ${name}_figures = {};`],
        get: `GetObject(${at}, &${name})`,
        pass: [`&${name}_figures`],
      };
  }
}

/** Statements after the call: what was filled goes into the object, the result to JavaScript. */
function resultCode({ returns, arguments: passed }: Binding, dialect: Dialect): string[] {
  switch (returns.kind) {
    case 'nothing':
    case 'never':
      return [];
    case 'scalar':
      return [
        returns.shown === 'bigint'
          ? 'arguments.ReturnBigInt(result);'
          : 'arguments.Return(static_cast<double>(result));',
      ];
    case 'value':
      return ['arguments.Return(result);'];
    case 'filled':
      return filledCode(passed, dialect);
    case 'memory':
      return [
        `if (!arguments.Succeeded(result)) ${dialect.leave}`,
        'arguments.ReturnMemory(memory);',
      ];
    case 'checked': {
      const check = `if (!arguments.Succeeded(result)) ${dialect.leave}`;
      if (returns.gives === 'filled') return [check, ...filledCode(passed, dialect)];
      return returns.gives === 'number'
        ? [check, 'arguments.Return(static_cast<double>(result));']
        : [check];
    }
  }
}

/** Statements that set the properties of the `fill` argument's object and return it. */
function filledCode(passed: readonly Argument[], dialect: Dialect): string[] {
  const lines = passed.flatMap(({ name, type }) =>
    type.kind !== 'fill'
      ? []
      : type.structure.fields.map((each) => {
          const value = `${name}_figures.${each.name}`;
          const key = camelCase(each.name);
          return each.shown === 'bigint'
            ? `arguments.SetBigInt(${name}, "${key}", ${value})`
            : `arguments.Set(${name}, "${key}", static_cast<double>(${value}))`;
        }),
  );
  const filled = passed.find(({ type }) => type.kind === 'fill');
  return [
    `if (!(${lines.join(' &&\n        ')})) ${dialect.leave}`,
    `arguments.Return(${filled?.name});`,
  ];
}

/** Whether the function that a binding calls returns something. */
function hasResult({ returns }: Binding): boolean {
  return ['scalar', 'value', 'checked', 'memory'].includes(returns.kind);
}

/** The function that a binding calls. */
function targetText({ calls }: Binding, dialect: Dialect): string {
  return 'kernel' in calls ? `${dialect.kernel}.${calls.kernel}` : `arguments.host().${calls.host}`;
}

function functionText(group: BindingGroup, declared: Binding, dialect: Dialect): string {
  const parts = declared.arguments.map((passed, index) => argumentCode(passed, index, dialect));
  const isMemory = declared.returns.kind === 'memory';
  const pass = [...parts.flatMap((part) => part.pass), ...(isMemory ? ['&memory'] : [])].join(', ');
  const checks = [
    ...(dialect.enter === undefined ? [] : [dialect.enter]),
    ...parts.map((part) => `arguments.${part.get}`),
  ];
  const lines = [
    ...parts.flatMap((part) => part.variables),
    ...(isMemory ? ['RuntimeMemoryRange memory = {};'] : []),
    ...(checks.length === 0 ? [] : [`if (!(${checks.join(' &&\n        ')})) ${dialect.leave}`]),
    `${hasResult(declared) ? 'const auto result = ' : ''}${targetText(declared, dialect)}(${pass});`,
    ...resultCode(declared, dialect),
    ...dialect.finish,
  ];
  return `${dialect.signature(functionName(group, declared)).replace('$', `${group.name}.${declared.name}`)}\n${lines
    .map((line) => `  ${line}\n`)
    .join('')}}\n`;
}

function glueText(dialect: Dialect, groups: readonly BindingGroup[]): string {
  const own = groupsFor(dialect.kinds, groups);
  const functions = own.flatMap((group) =>
    group.bindings.map((declared) =>
      declared.fast && dialect.fast
        ? dialect.fast(group, declared)
        : functionText(group, declared, dialect),
    ),
  );
  return `${generatedNotice('bindings.abi.ts')}// clang-format off
${dialect.includes.map((each) => `#include ${each}\n`).join('')}
namespace runtime {
namespace {

${functions.join('\n')}
}  // namespace

${dialect.install(groups)}
}  // namespace runtime
`;
}

/** C++ type of what a fast binding returns. */
function fastResultType({ returns }: Binding): string {
  if (returns.kind === 'scalar')
    return { u32: 'uint32_t', i32: 'int32_t', u64: 'double', size: 'double' }[returns.type];
  return returns.kind === 'checked' && returns.gives === 'number' ? 'int32_t' : 'void';
}

/**
 * A fast binding is three functions: one that checks and calls, one that optimised code enters with
 * numbers and memory, and one for all other code, which makes numbers of its arguments first.
 */
function fastText(group: BindingGroup, declared: Binding): string {
  const name = functionName(group, declared);
  const type = fastResultType(declared);
  const returnsNothing = type === 'void';
  const isNumber = declared.arguments.map(({ type: { kind } }) =>
    ['integer', 'number'].includes(kind),
  );
  const inputs = declared.arguments.map(
    (passed, index) => `${passed.name}_${isNumber[index] ? 'number' : 'value'}`,
  );
  const parameters = inputs.map(
    (each, index) => `${isNumber[index] ? 'double' : 'v8::Local<v8::Value>'} ${each}`,
  );
  const parts = declared.arguments.map((passed, index) => argumentCode(passed, index, v8Dialect));
  const checks = parts.map(
    (part, index) => `arguments.${part.get.replace(`(${index},`, `(${inputs[index]},`)}`,
  );
  const leave = returnsNothing ? 'return;' : 'return 0;';
  const pass = parts.flatMap((part) => part.pass).join(', ');
  const call = `${targetText(declared, v8Dialect)}(${pass})`;
  const isChecked = declared.returns.kind === 'checked';
  const body = [
    ...parts.flatMap((part) => part.variables),
    ...(checks.length === 0 ? [] : [`if (!(${checks.join(' &&\n        ')})) ${leave}`]),
    ...(isChecked
      ? [`const int32_t result = ${call};`, `if (!arguments.Succeeded(result)) ${leave}`]
      : []),
    ...(returnsNothing
      ? isChecked
        ? []
        : [`${call};`]
      : [`return static_cast<${type}>(${isChecked ? 'result' : call});`]),
  ];
  const lines = (all: readonly string[]) => all.map((line) => `  ${line}\n`).join('');
  const conversions = inputs.flatMap((each, index) =>
    isNumber[index] ? [`arguments.ToNumber(${index}, &${each})`] : [],
  );
  const slow = [
    `const BindingArguments arguments(info, "${group.name}.${declared.name}");`,
    ...inputs.map((each, index) =>
      isNumber[index]
        ? `double ${each} = 0;`
        : `const v8::Local<v8::Value> ${each} = info[${index}];`,
    ),
    ...(conversions.length === 0 ? [] : [`if (!(${conversions.join(' &&\n        ')})) return;`]),
    ...(returnsNothing
      ? [`Call${name}(${['arguments.fast()', ...inputs].join(', ')});`]
      : [
          `arguments.Return(static_cast<double>(Call${name}(${['arguments.fast()', ...inputs].join(', ')})));`,
        ]),
  ];
  return (
    `${type} Call${name}(${['const FastArguments& arguments', ...parameters].join(', ')}) {\n${lines(body)}}\n\n` +
    `${type} Fast${name}(${['v8::Local<v8::Value>', ...parameters].join(', ')}) {\n` +
    `  return Call${name}(${[`FastArguments("${group.name}.${declared.name}")`, ...inputs].join(', ')});\n}\n\n` +
    `void ${name}(const v8::FunctionCallbackInfo<v8::Value>& info) {\n${lines(slow)}}\n`
  );
}

const v8Dialect: Dialect = {
  kinds: ['system', 'bare', 'node'],
  includes: ['"binding_arguments.h"', '"fast_call.h"', '"system_host.h"'],
  object: 'v8::Local<v8::Object>',
  signature: (name) =>
    `void ${name}(const v8::FunctionCallbackInfo<v8::Value>& info) {\n  const BindingArguments arguments(info, "$");`,
  leave: 'return;',
  finish: [],
  kernel: 'arguments.host().kernel()',
  fast: fastText,
  install: (groups) =>
    installText('System', groupsFor('system', groups)) +
    '\n' +
    installText('Bare', groupsFor('bare', groups)) +
    '\n' +
    installText('Node', groupsFor('node', groups)),
};

/** The function that defines the bindings of one kind of isolate. */
function installText(kind: string, groups: readonly BindingGroup[]): string {
  return `bool Install${kind}Bindings(v8::Local<v8::Context> context, v8::Local<v8::Object> target,
                           SystemHost* host) {
  v8::Isolate* const isolate = v8::Isolate::GetCurrent();
  const v8::Local<v8::Value> data =
      v8::External::New(isolate, host, v8::kExternalPointerTypeTagDefault);
  const auto define = [&](v8::Local<v8::Object> object, const char* name,
                          v8::Local<v8::Value> value) {
    v8::Local<v8::String> key;
    return v8::String::NewFromUtf8(isolate, name, v8::NewStringType::kInternalized).ToLocal(&key) &&
           object->DefineOwnProperty(context, key, value, v8::ReadOnly).FromMaybe(false);
  };
  const auto method = [&](v8::Local<v8::Object> object, const char* name,
                          v8::FunctionCallback callback, int length,
                          const v8::CFunction* fast = nullptr) {
    v8::Local<v8::Function> function;
    return v8::FunctionTemplate::New(isolate, callback, data, v8::Local<v8::Signature>(), length,
                                     v8::ConstructorBehavior::kThrow,
                                     v8::SideEffectType::kHasSideEffect, fast)
               ->GetFunction(context)
               .ToLocal(&function) &&
           define(object, name, function);
  };
${groups
  .map(
    (group) =>
      `  const v8::Local<v8::Object> ${group.name}_group = v8::Object::New(isolate);
  if (!(${[
    ...group.bindings.map(
      (each) =>
        `method(${group.name}_group, "${each.name}", ${functionName(group, each)}, ${each.arguments.length}${
          each.fast ? `,\n               FastCall<Fast${functionName(group, each)}>()` : ''
        })`,
    ),
    `define(target, "${group.name}", ${group.name}_group)`,
  ].join(' &&\n        ')})) {
    return false;
  }
`,
  )
  .join('')}  return true;
}
`;
}

const addonDialect: Dialect = {
  kinds: ['app'],
  includes: ['"arguments.h"'],
  object: 'Napi::Object',
  signature: (name) =>
    `Napi::Value ${name}(const Napi::CallbackInfo& info) {\n  Arguments arguments(info, "$");`,
  leave: 'return arguments.result();',
  enter: 'arguments.HasKernel()',
  finish: ['return arguments.result();'],
  kernel: 'arguments.kernel()',
  install: (groups) => `void InstallAddonBindings(Napi::Env env, Napi::Object exports,
                          const RuntimeKernelInterface* kernel) {
  void* const data = const_cast<RuntimeKernelInterface*>(kernel);
${groupsFor('app', groups)
  .map(
    (group) =>
      `  Napi::Object ${group.name} = Napi::Object::New(env);
${group.bindings
  .map(
    (each) =>
      `  ${group.name}.Set("${each.name}", Napi::Function::New(env, ${functionName(group, each)}, "${each.name}", data));\n`,
  )
  .join('')}  exports.Set("${group.name}", ${group.name});
`,
  )
  .join('')}}
`,
};

/** Text of system_bindings.cc. */
export function emitSystemGlue(groups: readonly BindingGroup[]): string {
  return glueText(v8Dialect, groups);
}

/** Text of addon_bindings.cc. */
export function emitAddonGlue(groups: readonly BindingGroup[]): string {
  return glueText(addonDialect, groups);
}
