/**
 * One object of the configuration, read strictly: the message of every getter names the full
 * key, the bad value and the remedy. Faults are collected instead of thrown, so that the
 * operator who starts a backend sees all of them together. Knows types and ranges, but no
 * particular key.
 */

import { Config, ConfigReader, readDurationFromConfig } from '@backstage/config';
import { durationToMilliseconds, HumanDuration, JsonValue } from '@backstage/types';
import { isFields } from '../util/fields';
import { suggestKey } from './configurationKeys';

const DURATION_EXAMPLES =
  '"30 seconds", "PT30S" or { seconds: 30 } (years, months, weeks, days, hours, minutes, seconds, milliseconds)';

const MUST_BE_TEXT =
  'must be a non-empty string; put it in quotes where YAML would read it as another type';

/** The numbers a key allows; both ends are included by default. */
interface NumberRange {
  readonly min: number;
  /** Excludes the lower end itself. */
  readonly aboveMin?: boolean;
  readonly max?: number;
  readonly integer?: boolean;
}

/** The durations a key allows. */
interface DurationRange {
  /** Whether 0 is allowed. */
  readonly zero: boolean;
  /** The longest duration, with its text for messages. */
  readonly max?: { readonly ms: number; readonly text: string };
}

/** The faults of a configuration, as sentences. */
export interface ConfigFindings {
  /** Faults, each of which prevents the backend from starting. */
  readonly problems: string[];
  /** Settings that work, but that the operator should check. */
  readonly warnings: string[];
}

/** One object of the configuration; see the top of the file. */
export class ConfigSection {
  /**
   * @param config - the object itself
   * @param path - its full key
   * @param findings - collects every fault and warning
   */
  constructor(
    readonly config: Config,
    private readonly path: string,
    private readonly findings: ConfigFindings,
  ) {}

  /** Faults found so far, in all sections that share the list. */
  get problemCount(): number {
    return this.findings.problems.length;
  }

  /** Adds a fault; the sentence starts with what the key must be or is. */
  addProblem(key: string, sentence: string): void {
    this.findings.problems.push(`${this.fullKey(key)} ${sentence}`);
  }

  /** Adds a fault together with the bad value; the sentence starts with what the key must be. */
  addBadValue(key: string, sentence: string): void {
    this.addProblem(key, `${sentence}, but is ${describeValue(this.value(key))}`);
  }

  /** Adds the message of a parser as the reason why the text of a key cannot be used. */
  addParseProblem(key: string, text: string, error: unknown): void {
    const reason = error instanceof Error ? error.message : String(error);
    this.addProblem(key, `cannot be ${describeValue(text)}: ${reason}`);
  }

  /**
   * Adds a warning; the sentence starts like that of a fault.
   *
   * @param key - `undefined` for the section itself
   */
  addWarning(key: string | undefined, sentence: string): void {
    const about = key === undefined ? this.path : this.fullKey(key);
    this.findings.warnings.push(`${about} ${sentence}`);
  }

  /** Whether the key is set; an emptied one (`null`) is not, as everywhere in Backstage. */
  has(key: string): boolean {
    return this.config.has(key);
  }

  /** Returns the value as written in the configuration, of any type. */
  value(key: string): JsonValue | undefined {
    return this.config.getOptional(key);
  }

  /** Refuses every key that is not allowed, and warns about the ignored ones. */
  allowOnly(allowed: readonly string[], ignored: readonly string[] = []): void {
    for (const key of this.config.keys().filter(name => !allowed.includes(name))) {
      if (ignored.includes(key)) {
        this.addWarning(
          key,
          'has no effect; delete this line: the published module ignored it',
        );
        continue;
      }
      const remedy = suggestKey(key, allowed) ?? 'remove it';
      this.addProblem(
        key,
        `is not a known key; ${remedy} (known here: ${allowed.join(', ')})`,
      );
    }
  }

  /**
   * Opens the object below a key; an empty one where the key is not set.
   *
   * @param allowed - the keys that the object may have
   * @param ignored - keys that it may have too, without any effect
   */
  section(
    key: string,
    allowed: readonly string[],
    ignored: readonly string[] = [],
  ): ConfigSection {
    const value = this.value(key);
    if (value !== undefined && !isFields(value)) {
      this.addBadValue(key, `must be an object with the keys ${allowed.join(', ')}`);
    }
    const section = new ConfigSection(
      new ConfigReader(isFields(value) ? value : {}, 'app-config'),
      this.fullKey(key),
      this.findings,
    );
    section.allowOnly(allowed, ignored);
    return section;
  }

  /**
   * Refuses a missing key that has no default.
   *
   * @returns whether it is set
   */
  require(key: string, remedy: string): boolean {
    if (!this.has(key)) {
      this.addProblem(key, `is missing; ${remedy}`);
    }
    return this.has(key);
  }

  /** @returns `undefined` when not set or refused; never an empty string */
  string(key: string): string | undefined {
    return this.attempt(key, () => this.config.getOptionalString(key), MUST_BE_TEXT);
  }

  /** Like `string`, for a value that must never be shown, not even an invalid one. */
  secret(key: string): string | undefined {
    let text: string | undefined;
    try {
      text = this.config.getOptionalString(key);
    } catch {
      // Refused below; the reader's own message may quote the value.
    }
    if (this.has(key) && !text?.trim()) {
      this.addProblem(
        key,
        `${MUST_BE_TEXT}. If it comes from an environment variable, set that variable`,
      );
      return undefined;
    }
    return text;
  }

  /** @returns `undefined` when not set or refused */
  oneOf<T extends string>(key: string, allowed: readonly T[]): T | undefined {
    const value = this.value(key);
    const match = allowed.find(candidate => candidate === value);
    if (value !== undefined && match === undefined) {
      this.addBadValue(key, `must be one of ${allowed.join(', ')}`);
    }
    return match;
  }

  /** Also accepts strings from environment variables, such as `true` and `no`. */
  boolean(key: string, fallback: boolean): boolean {
    const read = () => this.config.getOptionalBoolean(key);
    return this.attempt(key, read, 'must be true or false') ?? fallback;
  }

  /** Also accepts strings from environment variables. */
  number(key: string, fallback: number, range: NumberRange): number {
    const read = () => {
      const value = this.config.getOptionalNumber(key);
      // An empty environment variable would be read as the number 0.
      const blank = String(this.value(key) ?? '0').trim() === '';
      if (blank || (value !== undefined && !isWithin(value, range))) {
        throw new RangeError();
      }
      return value;
    };
    return this.attempt(key, read, `must be ${describeRange(range)}`) ?? fallback;
  }

  /** @returns milliseconds; the fallback when not set or refused */
  durationMs(key: string, fallback: HumanDuration, range: DurationRange): number {
    const limits = [range.zero ? '0 or more' : 'more than 0'];
    if (range.max !== undefined) {
      limits.push(`at most ${range.max.text}`);
    }
    const duration = this.attempt(
      key,
      () => {
        if (!this.has(key)) {
          return undefined;
        }
        const ms = durationToMilliseconds(readDurationFromConfig(this.config, { key }));
        const longest = range.max?.ms ?? Number.MAX_SAFE_INTEGER;
        if (!(range.zero ? ms >= 0 : ms > 0) || !(ms <= longest)) {
          throw new RangeError();
        }
        return ms;
      },
      `must be a duration of ${limits.join(' and ')}, such as ${DURATION_EXAMPLES}`,
    );
    return duration ?? durationToMilliseconds(fallback);
  }

  /** The key, counted from the root of the configuration. */
  private fullKey(key: string): string {
    return `${this.path}.${key}`;
  }

  /** Replaces any error of a Backstage reader with our own sentence. */
  private attempt<T>(key: string, read: () => T, sentence: string): T | undefined {
    try {
      return read();
    } catch {
      this.addBadValue(key, sentence);
      return undefined;
    }
  }
}

/** Written so that NaN is never within the range. */
function isWithin(value: number, range: NumberRange): boolean {
  return (
    Number.isFinite(value) &&
    (range.aboveMin ? value > range.min : value >= range.min) &&
    value <= (range.max ?? Number.MAX_VALUE) &&
    (!range.integer || Number.isInteger(value))
  );
}

function describeRange({ min, aboveMin, max, integer }: NumberRange): string {
  const kind = integer ? 'a whole number' : 'a number';
  if (max !== undefined) {
    return `${kind} from ${min} to ${max}`;
  }
  return aboveMin ? `${kind} above ${min}` : `${kind} of ${min} or more`;
}

const MAX_SHOWN_LENGTH = 80;

/** Describes the type of a value that may be a misplaced secret. */
export function describeKind(value: JsonValue | undefined): string {
  return typeof value === 'string' ? 'a text' : describeValue(value);
}

/**
 * Describes a bad value for an error message: scalars unchanged, cut at 80 characters,
 * without the credentials of URLs; lists and objects only by their type.
 */
export function describeValue(value: JsonValue | undefined): string {
  if (value === undefined || value === null) {
    return 'not set';
  }
  if (Array.isArray(value)) {
    return value.length === 0 ? 'an empty list' : 'a list';
  }
  if (typeof value === 'object') {
    return 'an object';
  }
  if (typeof value !== 'string') {
    return String(value);
  }
  const text = value.replace(/(\/\/|^[^/@:]*:)[^/]*@/g, '$1***@');
  return JSON.stringify(
    text.length > MAX_SHOWN_LENGTH ? `${text.slice(0, MAX_SHOWN_LENGTH)}…` : text,
  );
}
