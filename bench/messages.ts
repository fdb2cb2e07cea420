/** What the benchmark and the processes it measures tell each other. */

import { z } from 'zod';

/** What a process is to do; its only argument, as JSON. */
export const TaskSchema = z.object({
  baseUrl: z.string(),
  validateLocationsExist: z.boolean(),
  user: z.object({ name: z.string(), password: z.string() }),
  /** The last one is measured; from the second on, what is kept lies in a database. */
  phases: z.array(z.enum(['cold', 'unchanged', 'changed'])),
  /** Where that is PostgreSQL; SQLite in a file when left out. */
  postgresUrl: z.string().optional(),
});
export type Task = z.infer<typeof TaskSchema>;
export type Phase = Task['phases'][number];

/** Asks that everything be made ready for a phase; any message back says that it is. */
export const ReadySchema = z.object({
  type: z.literal('ready'),
  phase: z.enum(['cold', 'unchanged', 'changed']),
});

/** Says that the run begins that is measured. */
export const StartedSchema = z.object({ type: z.literal('started') });

/** What it sends when it is done. */
export const ReportSchema = z.object({
  type: z.literal('report'),
  /** When the run began that is measured, epoch milliseconds. */
  startedAtMs: z.number(),
  seconds: z.number(),
  peakBytes: z.number(),
  idleBytes: z.number(),
  locations: z.number(),
  cpuSeconds: z.number(),
  /** The longest time for which nothing else had a turn; on a busy machine, others took part of it. */
  stallMs: z.number(),
  /** CPU time within one such time, at most: what the module itself is to blame for. */
  stallCpuMs: z.number(),
  /** Rows that were inserted, updated or deleted; left out where nobody counts. */
  rowsWritten: z.number().optional(),
  /** Why the run failed. */
  error: z.string().optional(),
});
export type Report = z.infer<typeof ReportSchema>;
