/** What the benchmark and the processes it measures tell each other. */

import { z } from 'zod';

/** What a process is to do; its only argument, as JSON. */
export const TaskSchema = z.object({
  baseUrl: z.string(),
  validateLocationsExist: z.boolean(),
  user: z.object({ name: z.string(), password: z.string() }),
  /** Measured is a second run, which finds nothing changed, on SQLite in a file. */
  isUnchanged: z.boolean(),
});
export type Task = z.infer<typeof TaskSchema>;

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
  /** Why the run failed. */
  error: z.string().optional(),
});
export type Report = z.infer<typeof ReportSchema>;
