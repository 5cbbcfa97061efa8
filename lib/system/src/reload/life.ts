/** The life of the system isolate that follows another one: what it inherits, and whether it works. */
import type { SystemBindings } from '../generated/bindings.d.ts';
import { type Inheritance, type NamedReloadable, takeOverServices } from './services.ts';
import type { ReloadOutcome } from './types.ts';
import { timer } from './within.ts';

/** What a life knows of the one before. */
export interface Life {
  /** Differs for each life. */
  readonly id: string;
  /** Of the reload that has begun this life; null when none has, or its outcome is not known yet. */
  outcome: ReloadOutcome | null;
}

/**
 * Goes on where the life before has stopped, when it was replaced. Called when all services have been started.
 * A service that cannot take its state over ends this life, and the version before is back.
 */
export function beginLife(bindings: SystemBindings, services: readonly NamedReloadable[]): Life {
  const life: Life = { id: String(bindings.isolate.startedAt()), outcome: null };
  const text = bindings.reload.state();
  const failure = bindings.reload.failure();
  if (text === undefined) {
    // The version that runs has failed, which a request under way may have brought about.
    if (failure !== undefined) life.outcome = { outcome: 'failed', reason: failure };
    return life;
  }
  const inheritance = JSON.parse(text) as Inheritance;
  void takeOverServices(services, inheritance, timer).then((hasHandedOver) => {
    bindings.reload.keep();
    const milliseconds = (bindings.clock.now() - inheritance.begunAt) / 1000;
    life.outcome =
      failure === undefined
        ? { outcome: 'reloaded', parts: ['the system isolate'], milliseconds, hasHandedOver }
        : { outcome: 'failed', reason: failure };
  });
  return life;
}
