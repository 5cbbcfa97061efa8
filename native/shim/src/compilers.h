// V8's own threads, which compile what looks hot and collect garbage, while a process starts. What a start runs it runs
// once: on the machine's only CPU they would delay the first answer.
#ifndef RUNTIME_SHIM_COMPILERS_H
#define RUNTIME_SHIM_COMPILERS_H

#include "kernel.h"

namespace runtime {

/** Gives V8's threads the least priority. Once they are there. */
void LetCompilersWait();
/**
 * Gives them their own priority again in two seconds; in a process that is to be frozen, two seconds after it goes on.
 */
void LetCompilersRunSoon(const RuntimeKernelInterface& kernel);

}  // namespace runtime

#endif  // RUNTIME_SHIM_COMPILERS_H
