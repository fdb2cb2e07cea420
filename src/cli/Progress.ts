/**
 * How far a command is: on a terminal one line that is rewritten in place, elsewhere (a
 * build server, a file) a line now and then. Goes to `stderr`, so that results stay clean.
 */

import { CliIo } from './CliIo';

/** Often enough to look alive, seldom enough not to flicker. */
const REWRITE_INTERVAL_MS = 100;

/** Where there is no terminal, this often. */
const LINE_INTERVAL_MS = 10_000;

const BAR_WIDTH = 24;

/** What one command shows of its progress. */
export class Progress {
  #lastMs: number | undefined;
  #lastLine = '';
  #isLineOpen = false;

  constructor(private readonly io: CliIo) {}

  /** Begins something new: always shown. */
  begin(text: string): void {
    this.#lastMs = undefined;
    this.update(text);
  }

  /** Shown unless the last one is too fresh. */
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

  /** Shows the last line again, on a terminal. */
  resume(): void {
    if (this.io.isTerminal) {
      this.#write(this.#lastLine);
    }
  }

  /** Leaves the terminal as if nothing had been there: before other output, and at the end. */
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
