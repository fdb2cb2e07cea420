import { decideRetry, installWithRetries } from './installs.mjs';

const NPM = `npm error code ETARGET
npm error notarget No matching version found for @aws-sdk/core@^3.974.1.
npm error notarget In most cases you or one of your dependencies are requesting a package version that doesn't exist.`;
const YARN = `➤ YN0000: ┌ Resolution step
➤ YN0082: │ @aws-sdk/core@npm:^3.974.1: No candidates found
➤ YN0000: └ Completed
➤ YN0000: · Failed with errors in 0s 271ms`;

describe('An install that failed', () => {
  it.each([
    ['npm does not know the version', NPM, 'No matching version found for @aws-sdk/core'],
    ['npm prints only its code', 'npm error code ETARGET', 'npm error code ETARGET'],
    ['Yarn knows of no such version', YARN, 'YN0082: │ @aws-sdk/core@npm:^3.974.1'],
  ])('is retried with a longer pause when %s', (_when, output, reason) => {
    expect([0, 1, 2].map(retries => decideRetry(output, retries))).toEqual(
      [20_000, 60_000, 60_000].map(pauseMs => ({
        pauseMs,
        reason: expect.stringContaining(reason),
      })),
    );
  });

  it.each([NPM, YARN])('is not attempted a fifth time', output => {
    expect(decideRetry(output, 3)).toBeUndefined();
  });

  it.each([
    ['the package does not exist', 'npm error code E404\nnpm error 404 Not Found'],
    ['Yarn finds no such package', '➤ YN0035: Package not found'],
    ['dependencies conflict', 'npm error code ERESOLVE\nnpm error ERESOLVE unable to'],
    ['the registry is out of reach', 'npm error code ENOTFOUND'],
    ['the checksum of an archive is wrong', 'npm error code EINTEGRITY'],
    ['a package does not build', 'npm error code 1\nnpm error command sh -c node-gyp'],
    ['Yarn completes with warnings', '➤ YN0086: │ Some peer dependencies are missing'],
    ['it takes too long', 'npm install took longer than 600 s\n'],
    ['it prints nothing', ''],
  ])('is not retried when %s', (_when, output) => {
    expect(decideRetry(output, 0)).toBeUndefined();
  });
});

describe('Installing', () => {
  /** Fails with the given outputs, then succeeds, and records the calls. */
  function setUp(...failures) {
    const log = [];
    const install = async ({ afresh }) => {
      log.push(afresh ? 'install afresh' : 'install');
      if (failures.length > 0) {
        throw new Error(failures.shift());
      }
      return 'installed';
    };
    const options = {
      pause: async ms => log.push(`pause of ${ms} ms`),
      say: line => log.push(line.trim().split(':')[0]),
    };
    return { log, installed: () => installWithRetries(install, options) };
  }

  it('needs one attempt where nothing fails', async () => {
    const { log, installed } = setUp();
    await expect(installed()).resolves.toBe('installed');
    expect(log).toEqual(['install']);
  });

  it('reports the retry, pauses, and then ignores cached documents', async () => {
    const { log, installed } = setUp(NPM, YARN);
    await expect(installed()).resolves.toBe('installed');
    expect(log).toEqual([
      'install',
      'retried in 20 s with fresh documents',
      'pause of 20000 ms',
      'install afresh',
      'retried in 60 s with fresh documents',
      'pause of 60000 ms',
      'install afresh',
    ]);
  });

  it('fails immediately for another reason, even on a retry', async () => {
    const { log, installed } = setUp(NPM, 'npm error code ERESOLVE');
    await expect(installed()).rejects.toThrow('ERESOLVE');
    expect(log.filter(line => line.startsWith('install'))).toHaveLength(2);
  });

  it('fails with the last failure after three retries', async () => {
    const { log, installed } = setUp(NPM, NPM, NPM, YARN, NPM);
    await expect(installed()).rejects.toThrow('YN0082');
    expect(log.filter(line => line.startsWith('install'))).toHaveLength(4);
  });
});
