/** What the benchmark and the processes it measures tell each other. */

import { z } from 'zod';

/** What a process is to do; its only argument, as JSON. */
export const TaskSchema = z.object({
  baseUrl: z.string(),
  validateLocationsExist: z.boolean(),
  user: z.object({ name: z.string(), password: z.string() }),
});
export type Task = z.infer<typeof TaskSchema>;

/** What it sends when it is done. */
export const ReportSchema = z.object({
  type: z.literal('report'),
  seconds: z.number(),
  peakBytes: z.number(),
  idleBytes: z.number(),
  locations: z.number(),
  /** Why the run failed. */
  error: z.string().optional(),
});
export type Report = z.infer<typeof ReportSchema>;
