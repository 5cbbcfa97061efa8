// V8's random number generators in a frozen process: all machines that go on from it would have the same numbers.
#ifndef RUNTIME_SHIM_GENERATORS_H
#define RUNTIME_SHIM_GENERATORS_H

namespace runtime {

/**
 * Notes the seeds of the generators that V8 makes from now on, one for each isolate: Math.random() of each context
 * and hashes of objects come from it. Before the isolates are made; on a process that is to be frozen.
 */
void WatchGenerators();
/** Finds those generators. While only the calling thread runs code of V8. */
void FindGenerators();
/** Gives them seeds of this machine; once, whichever thread comes first. */
void SeedGenerators();

}  // namespace runtime

#endif  // RUNTIME_SHIM_GENERATORS_H
