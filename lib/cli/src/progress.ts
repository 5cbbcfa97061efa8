// Progress on the long steps: a spinner on a terminal, plain lines elsewhere. Colours follow NO_COLOR.
import { createSpinner } from 'nanospinner';

/** What a running step can tell about itself. */
export interface StepReport {
  /** Shows what the step is doing now, such as "[12/80] memory/frames.cpp". Terminal only. */
  detail(text: string): void;
  /** Keeps a line on the screen. */
  note(text: string): void;
}

/** Steps quicker than this are not worth a line when there is no terminal to overwrite it. */
const quietMilliseconds = 300;

/**
 * Runs a step and shows how it goes.
 * @param title what is being done, such as "Building the kernel"
 * @param work the step; what it throws ends the step as failed, and is passed on
 * @returns what the step returns
 */
export async function step<Result>(
  title: string,
  work: (report: StepReport) => Promise<Result>,
): Promise<Result> {
  const start = performance.now();
  const elapsed = () => `${((performance.now() - start) / 1000).toFixed(1)} s`;
  return canSpin() ? stepOnTerminal(title, work, elapsed) : stepOnStream(title, work, elapsed);
}

/** A terminal that does not know its width (0 columns) sends the spinner into an endless loop. */
function canSpin(): boolean {
  return process.stderr.isTTY && process.stderr.columns >= 40 && process.env.TERM !== 'dumb';
}

async function stepOnTerminal<Result>(
  title: string,
  work: (report: StepReport) => Promise<Result>,
  elapsed: () => string,
): Promise<Result> {
  const notes: string[] = [];
  const spinner = createSpinner(title).start();
  const report: StepReport = {
    detail: (text) => {
      // One line only: the spinner counts the lines that it has to erase.
      const room = process.stderr.columns - title.length - 5;
      spinner.update({ text: room > 10 ? `${title}  ${text.slice(0, room)}` : title });
    },
    note: (text) => notes.push(text),
  };
  try {
    const result = await work(report);
    spinner.success({ text: `${title} (${elapsed()})` });
    return result;
  } catch (error) {
    spinner.error({ text: `${title} failed` });
    throw error;
  } finally {
    for (const note of notes) process.stderr.write(`  ${note}\n`);
  }
}

async function stepOnStream<Result>(
  title: string,
  work: (report: StepReport) => Promise<Result>,
  elapsed: () => string,
): Promise<Result> {
  let announced = false;
  const announce = () => {
    if (!announced) process.stderr.write(`${title} ...\n`);
    announced = true;
  };
  const timer = setTimeout(announce, quietMilliseconds);
  try {
    const result = await work({
      detail: () => {},
      note: (text) => {
        announce();
        process.stderr.write(`  ${text}\n`);
      },
    });
    clearTimeout(timer);
    if (announced) process.stderr.write(`${title}: done (${elapsed()})\n`);
    return result;
  } catch (error) {
    clearTimeout(timer);
    announce();
    process.stderr.write(`${title}: failed\n`);
    throw error;
  }
}
