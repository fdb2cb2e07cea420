import { ConfigReader } from '@backstage/config';
import { createSimulatedBitbucket } from '../../dev/simulatedBitbucket';
import { FakeClock } from '../__testUtils__/FakeClock';
import { repositoryReport as report } from '../__testUtils__/reportData';
import { appConfigFor, createLogRecorder } from '../__testUtils__/testProvider';
import { CatalogError, FailingRepository } from '../catalog/CatalogReporter';
import { readDiscoveryConfig } from '../config/readProviderConfigs';
import { CatalogErrorReason, explainCatalogError } from '../discovery/catalogErrors';
import { Run } from '../discovery/performRun';
import { CatalogErrorDetector } from './catalogDetectors';
import { RunLog } from './RunLog';

const NOT_ALLOWED = 'NotAllowedError: x is not of an allowed kind for that location';

function error(message: string = NOT_ALLOWED, reason?: CatalogErrorReason): CatalogError {
  const explained = explainCatalogError(message);
  return {
    entityRef: 'location:default/x',
    message,
    ...explained,
    reason: reason ?? explained.reason,
  };
}

const failing = (id: number, ...errors: readonly CatalogError[]): FailingRepository => ({
  report: report(id, `PAY/r${id}`),
  errors: errors.length > 0 ? errors : [error()],
});

const RUN: Pick<Run, 'failure'> = {};

/** A detector, and what the catalog says next. */
function setUp() {
  const logger = createLogRecorder();
  const { providers } = readDiscoveryConfig(
    new ConfigReader(appConfigFor({ bitbucket: createSimulatedBitbucket() })),
  );
  const [configured] = providers;
  if (!configured) {
    throw new Error('a provider is configured');
  }
  const next: { failing?: FailingRepository[] } = {};
  const detector = new CatalogErrorDetector({
    providerId: 'default',
    inCatalog: { failing: async () => next.failing },
    conflicts: { of: async () => [] },
    log: new RunLog(logger, configured.config, new FakeClock()),
    logger,
  });
  const getWarnings = async (
    found: FailingRepository[] | undefined,
    run: Pick<Run, 'failure'> = RUN,
  ) => {
    const before = logger.messages('warn').length;
    next.failing = found;
    await detector.afterRun(run);
    return logger.messages('warn').slice(before);
  };
  return { getWarnings };
}

describe('new errors of the catalog after a run', () => {
  it('are logged once, with the first few repositories, a remedy and the URL that lists all of them', async () => {
    const { getWarnings } = setUp();
    const many = Array.from({ length: 7 }, (_, index) => failing(index));

    const [warning, ...others] = await getWarnings(many);

    expect(others).toEqual([]);
    expect(warning).toContain('7 repositories, 7 of them with new errors');
    expect(warning).toContain(`PAY/r0: ${NOT_ALLOWED} Allow the kind in`);
    expect(warning).toContain('PAY/r4');
    expect(warning).not.toContain('PAY/r5');
    expect(warning).toContain(
      'GET /api/catalog/bitbucket-server/discoveries/default/repositories?errors=true',
    );
    expect(await getWarnings(many)).toEqual([]);
  });

  it('are logged again only if they are new', async () => {
    const { getWarnings } = setUp();
    await getWarnings([failing(1)]);

    const [warning] = await getWarnings([failing(1), failing(2)]);

    expect(warning).toContain('2 repositories, 1 of them with new errors: PAY/r2:');
    expect(warning).not.toContain('PAY/r1');
    expect(await getWarnings([failing(2)])).toEqual([]);
    // Gone in between, so that it is new.
    expect(await getWarnings([failing(1), failing(2)])).toHaveLength(1);
  });

  it('count as new if the same entity fails for another reason, but not for another wording', async () => {
    const { getWarnings } = setUp();
    await getWarnings([failing(1)]);

    expect(await getWarnings([failing(1, error(`${NOT_ALLOWED} !`))])).toEqual([]);
    expect(
      await getWarnings([failing(1, error(), error('TypeError: /a must be b'))]),
    ).toHaveLength(1);
  });

  it('are logged on one line of limited length', async () => {
    const { getWarnings } = setUp();

    const [warning = ''] = await getWarnings([
      failing(1, error(`Error: YAML error at x\n\n${'y'.repeat(2_000)}`)),
    ]);

    expect(warning).not.toContain('\n');
    expect(warning.length).toBeLessThan(1_000);
  });

  it.each<[string, FailingRepository[] | undefined, Pick<Run, 'failure'>]>([
    ['there are none', [], RUN],
    ['the errors of the catalog are not known', undefined, RUN],
    ['another file has the name, which is a conflict', [taken()], RUN],
    ['the run was aborted', [failing(1)], { failure: { kind: 'aborted', error: null } }],
  ])('are not logged if %s', async (_, found, run) => {
    const { getWarnings } = setUp();

    expect(await getWarnings(found, run)).toEqual([]);
  });
});

function taken(): FailingRepository {
  return failing(1, error('The catalog has it from another file.', 'name-taken'));
}
