/** Measures one module in one cell: the server in this process, the module in a separate one. */

import { ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { serve } from '../dev/simulatedBitbucket';
import { compileSubjects } from './compileSubjects';
import { Measurement, Subject } from './measurement';
import { ReadySchema, Report, ReportSchema, StartedSchema, Task } from './messages';
import { findPostgres } from '../scripts/lib/postgres';
import { Cell, getPhases } from './plan';
import { shortenError } from './shortenError';
import { changeSome, countRequests, createCellServer, USER } from './simulatedCell';

/** Runs the module once; any error becomes a result. */
export async function measure(
  subject: Subject,
  cell: Cell,
  limitSeconds: number,
): Promise<Measurement> {
  try {
    return await measureOnce(subject, cell, limitSeconds);
  } catch (error) {
    const requests = { total: 0, byKind: {}, rateLimited: 0, perSecond: 0 };
    return { kind: 'failed', requests, error: shortenError(String(error)) };
  }
}

async function measureOnce(
  subject: Subject,
  cell: Cell,
  limitSeconds: number,
): Promise<Measurement> {
  const bitbucket = createCellServer(cell);
  const server = await serve(bitbucket);
  try {
    let cpuBefore = process.cpuUsage();
    const report = await runProcess(
      subject,
      {
        baseUrl: bitbucket.baseUrl,
        validateLocationsExist: cell.validateLocationsExist,
        user: USER,
        phases: getPhases(cell),
        postgresUrl: cell.database === 'PostgreSQL' ? await findPostgres() : undefined,
      },
      limitSeconds,
      {
        change: () => changeSome(bitbucket, cell.repositories),
        // The requests of earlier phases do not count.
        started: () => (cpuBefore = process.cpuUsage()),
      },
    );
    const sinceMs = report === 'stopped' ? 0 : report.startedAtMs;
    const requests = countRequests(
      bitbucket.requests.filter(request => request.time >= sinceMs),
    );
    if (report === 'stopped') {
      return { kind: 'stopped', requests, limitSeconds };
    }
    const { user, system } = process.cpuUsage(cpuBefore);
    const serverCpuMs = (user + system) / 1000 / Math.max(1, requests.total);
    return report.error === undefined
      ? { ...report, kind: 'finished', requests, serverCpuMs }
      : { kind: 'failed', requests, error: shortenError(report.error) };
  } finally {
    await server.close();
  }
}

async function runProcess(
  subject: Subject,
  task: Task,
  limitSeconds: number,
  on: { readonly change: () => void; readonly started: () => void },
): Promise<Report | 'stopped'> {
  const child = fork(join(compileSubjects(), `${subject}.js`), [JSON.stringify(task)], {
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    execArgv: [],
  });
  let stopped = false;
  const timer = setTimeout(() => {
    stopped = true;
    child.kill('SIGKILL');
  }, limitSeconds * 1000);
  try {
    child.on('message', message => {
      const ready = ReadySchema.safeParse(message).data;
      if (ready) {
        if (ready.phase === 'changed') {
          on.change();
        }
        child.send('go');
      }
      if (StartedSchema.safeParse(message).success) {
        on.started();
      }
    });
    const report = await receiveReport(child);
    return stopped ? 'stopped' : report;
  } finally {
    clearTimeout(timer);
  }
}

/** Ignores all other messages. */
async function receiveReport(child: ChildProcess): Promise<Report> {
  let report: Report | undefined;
  child.on('message', message => {
    report = ReportSchema.safeParse(message).data ?? report;
  });
  await once(child, 'exit');
  return (
    report ?? {
      type: 'report',
      startedAtMs: 0,
      seconds: 0,
      peakBytes: 0,
      idleBytes: 0,
      locations: 0,
      cpuSeconds: 0,
      stallMs: 0,
      stallCpuMs: 0,
      error: 'the process ended without a report',
    }
  );
}
