/** The layout on a terminal, which JSON and scripts must not get. */

import { componentYaml } from '../../dev/seed';
import { createDemoBitbucket, DEMO_PROVIDER } from './__testUtils__/demoBitbucket';
import { runCommand } from './__testUtils__/runCommand';

const COLUMNS = 60;
const layout = { columns: COLUMNS, colors: true };
// eslint-disable-next-line no-control-regex -- colours begin with it
const CODES = /\u001B\[\d+m/g;

const demo = () => ({ bitbucket: createDemoBitbucket(), provider: DEMO_PROVIDER });
const words = (text: string) => text.replace(CODES, '').split(/\s+/);

describe('the command line on a terminal', () => {
  it('wraps and colours the preview, with the same words as elsewhere', async () => {
    const { stdout } = await runCommand(['preview'], { ...demo(), layout });
    const elsewhere = await runCommand(['preview'], demo());

    const tooLong = stdout
      .replace(CODES, '')
      .split('\n')
      .filter(line => line.length > COLUMNS && /\S\s+\S/.test(line));
    expect(tooLong).toEqual([]);
    expect(stdout).toMatch(CODES);
    expect(elsewhere.stdout).not.toMatch(CODES);
    const withoutTimes = (text: string) =>
      words(text)
        .join(' ')
        .replace(/\d+ requests in .*? retry/, '');
    expect(withoutTimes(stdout)).toEqual(withoutTimes(elsewhere.stdout));
  });

  it.each([
    ['preview', '--json'],
    ['preview', '--json', '--explain', 'PAY/pay-service-4'],
  ])('prints `%s %s` without layout', async (...args) => {
    const { stdout } = await runCommand(args, { ...demo(), layout });

    expect(stdout).not.toMatch(CODES);
    expect(JSON.stringify(JSON.parse(stdout), null, 2)).toBe(stdout.trimEnd());
  });

  it('does not wrap the script for webhooks, which users copy', async () => {
    const { stdout } = await runCommand(['check'], { ...demo(), layout });
    const elsewhere = await runCommand(['check'], demo());

    const findScript = (text: string) => /^ +api=[^]*?^ +done$/m.exec(text)?.[0];
    expect(findScript(stdout)).toBeDefined();
    expect(findScript(stdout)).toBe(findScript(elsewhere.stdout));
    expect(stdout).toContain('\u001B[32mok\u001B[39m');
  });

  it('shows only its own colours', async () => {
    const bitbucket = createDemoBitbucket();
    bitbucket.addRepository({
      projectKey: 'PAY',
      slug: 'red\u001B[31mred',
      files: { 'catalog-info.yaml': componentYaml('red', 'of a hostile name') },
    });
    const { stdout } = await runCommand(
      ['preview', '--explain', 'PAY/red\u001B[31mred'],
      {
        bitbucket,
        provider: DEMO_PROVIDER,
        layout,
      },
    );

    expect(stdout).toContain('red\uFFFD[31mred');
  });

  it('wraps and colours an error', async () => {
    const { stderr, exitCode } = await runCommand(['check'], { layout });

    expect(exitCode).toBe(2);
    expect(stderr.startsWith('\u001B[31merror:')).toBe(true);
    expect(stderr.split('\n').length).toBeGreaterThan(2);
  });
});
