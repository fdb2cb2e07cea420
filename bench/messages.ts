/** The messages between the benchmark and the measured processes. */

import { z } from 'zod';

/** The task of a process: its only argument, as JSON. */
export const TaskSchema = z.object({
  baseUrl: z.string(),
  validateLocationsExist: z.boolean(),
  user: z.object({ name: z.string(), password: z.string() }),
  /** The last phase is measured; with more than one, state is stored in a database. */
  phases: z.array(z.enum(['cold', 'unchanged', 'changed'])),
  /** The PostgreSQL server for it; without it, SQLite in a file. */
  postgresUrl: z.string().optional(),
});
export type Task = z.infer<typeof TaskSchema>;
export type Phase = Task['phases'][number];

/** Asks the benchmark to prepare a phase; any reply means that it is prepared. */
export const ReadySchema = z.object({
  type: z.literal('ready'),
  phase: z.enum(['cold', 'unchanged', 'changed']),
});

/** Sent when the measured run begins. */
export const StartedSchema = z.object({ type: z.literal('started') });

/** Sent at the end. */
export const ReportSchema = z.object({
  type: z.literal('report'),
  /** Start of the measured run, epoch milliseconds. */
  startedAtMs: z.number(),
  seconds: z.number(),
  peakBytes: z.number(),
  idleBytes: z.number(),
  locations: z.number(),
  cpuSeconds: z.number(),
  /** The longest time for which the event loop was blocked, including time taken by other processes. */
  stallMs: z.number(),
  /** The most CPU time within one such time, which is the module's own part. */
  stallCpuMs: z.number(),
  /** Rows inserted, updated or deleted; absent if they are not counted. */
  rowsWritten: z.number().optional(),
  /** Why the run failed. */
  error: z.string().optional(),
});
export type Report = z.infer<typeof ReportSchema>;
