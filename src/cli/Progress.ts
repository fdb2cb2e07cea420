/**
 * Shows the progress of a command on `stderr`, apart from its results: on a terminal as one
 * line that is rewritten in place, elsewhere (a build server, a file) as a line every few seconds.
 */

import { CliIo } from './CliIo';

/** Short enough to show movement, long enough not to flicker. */
const REWRITE_INTERVAL_MS = 100;

/** The interval between lines where there is no terminal. */
const LINE_INTERVAL_MS = 10_000;

const BAR_WIDTH = 24;

/** Shows the progress of one command. */
export class Progress {
  #lastMs: number | undefined;
  #lastLine = '';
  #isLineOpen = false;

  constructor(private readonly io: CliIo) {}

  /** Starts a new phase; its text is always shown. */
  begin(text: string): void {
    this.#lastMs = undefined;
    this.update(text);
  }

  /** Shows a text unless the last one was shown too recently. */
  update(text: string): void {
    const { clock, isTerminal } = this.io;
    const nowMs = clock.now();
    const intervalMs = isTerminal ? REWRITE_INTERVAL_MS : LINE_INTERVAL_MS;
    if (this.#lastMs !== undefined && nowMs - this.#lastMs < intervalMs) {
      return;
    }
    this.#lastMs = nowMs;
    this.#lastLine = text.replaceAll('\n', ' ');
    this.#write(this.#lastLine);
  }

  /** Shows the last line again if this is a terminal. */
  resume(): void {
    if (this.io.isTerminal) {
      this.#write(this.#lastLine);
    }
  }

  /** Clears the line: before other output, and at the end. */
  end(): void {
    if (this.#isLineOpen) {
      this.io.rewind();
      this.#isLineOpen = false;
    }
  }

  #write(line: string): void {
    const { stderr, rewind, isTerminal, columns } = this.io;
    if (!isTerminal) {
      stderr(`${line}\n`);
      return;
    }
    // A line that wraps could not be rewritten.
    rewind();
    stderr(line.slice(0, Math.max(columns - 1, 1)));
    this.#isLineOpen = true;
  }
}

/** `[######----]  25 %` */
export function renderBar(done: number, total: number): string {
  const share = total === 0 ? 1 : Math.min(done / total, 1);
  const filled = Math.round(share * BAR_WIDTH);
  const bar = '#'.repeat(filled) + '-'.repeat(BAR_WIDTH - filled);
  return `[${bar}] ${String(Math.floor(share * 100)).padStart(3)} %`;
}
