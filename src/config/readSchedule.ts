/** Reads the key `schedule` of a provider: Backstage's own format, checked more strictly. */

import {
  readSchedulerServiceTaskScheduleDefinitionFromConfig,
  SchedulerServiceTaskScheduleDefinition,
} from '@backstage/backend-plugin-api';
import { stringifyError } from '@backstage/errors';
import { ConfigSection } from './ConfigSection';
import { DEFAULT_SCHEDULE } from './configurationKeys';
import { describeValue, isJsonObject } from './jsonValues';

/** Five or six fields, or a name such as `@hourly`. */
const CRON = /^(@[a-z]+|\S+(\s+\S+){4,5})$/;

/**
 * Reads the schedule; faults are added to the section's problems.
 *
 * @param provider - the section that holds the key `schedule`
 */
export function readSchedule(
  provider: ConfigSection,
): SchedulerServiceTaskScheduleDefinition {
  if (!provider.has('schedule')) {
    return DEFAULT_SCHEDULE;
  }
  const problemsBefore = provider.problemCount;
  const schedule = provider.section('schedule', [
    'frequency',
    'timeout',
    'initialDelay',
    'scope',
  ]);
  // What is no object at all is one fault, not three.
  if (isJsonObject(provider.value('schedule'))) {
    checkSchedule(schedule);
  }
  if (provider.problemCount > problemsBefore) {
    return DEFAULT_SCHEDULE;
  }
  try {
    const read = readSchedulerServiceTaskScheduleDefinitionFromConfig(schedule.config);
    return read.scope === 'local' ? { ...read, scope: 'global' } : read;
  } catch (error) {
    provider.addProblem('schedule', `cannot be read: ${stringifyError(error)}`);
    return DEFAULT_SCHEDULE;
  }
}

/** Backstage would take a frequency of 0, or a cron expression that is no text. */
function checkSchedule(schedule: ConfigSection): void {
  const minutes = (duration: { minutes: number }) => `{ minutes: ${duration.minutes} }`;
  if (
    schedule.require(
      'frequency',
      `set it, such as ${minutes(DEFAULT_SCHEDULE.frequency)}`,
    ) &&
    !checkSpecialFrequency(schedule)
  ) {
    schedule.durationMs('frequency', DEFAULT_SCHEDULE.frequency, { zero: false });
  }
  if (
    schedule.require('timeout', `set it, such as ${minutes(DEFAULT_SCHEDULE.timeout)}`)
  ) {
    schedule.durationMs('timeout', DEFAULT_SCHEDULE.timeout, { zero: false });
  }
  schedule.durationMs('initialDelay', {}, { zero: true });
  if (schedule.value('scope') === 'local') {
    schedule.addWarning(
      'scope',
      'is taken for "global"; delete this line: each replica would run by itself and undo what the others found',
    );
  } else {
    schedule.oneOf('scope', ['global']);
  }
}

/** @returns whether the frequency is one of the two kinds that are no duration */
function checkSpecialFrequency(schedule: ConfigSection): boolean {
  const value = schedule.value('frequency');
  if (!isJsonObject(value) || !('cron' in value || 'trigger' in value)) {
    return false;
  }
  if ('trigger' in value) {
    schedule.section('frequency', ['trigger']).oneOf('trigger', ['manual']);
    return true;
  }
  const cron = schedule.section('frequency', ['cron']);
  const expression = cron.string('cron');
  if (expression !== undefined && !CRON.test(expression.trim())) {
    cron.addProblem(
      'cron',
      `must be a cron expression of five or six fields, such as "*/30 * * * *", but is ${describeValue(expression)}`,
    );
  }
  return true;
}
