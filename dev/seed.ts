/** Fills the simulated Bitbucket of the demo so that every outcome occurs. */

import { stringify } from 'yaml';
import type { JsonObject, SimulatedBitbucket } from './simulatedBitbucket';

const PROJECTS = [
  { key: 'PAY', name: 'Payments', services: 60 },
  { key: 'SHOP', name: 'Web shop', services: 60 },
  { key: 'DATA', name: 'Data platform', services: 60 },
];

/** Its catalog file is not valid YAML. */
export const BROKEN = { projectKey: 'SHOP', slug: 'with-a-mistake' };

/** One of this many services has a catalog file. */
const CATALOG_FILE_EVERY = 4;

const OWNER = 'guests';

/** The minimal `spec` of each kind. */
const SPECS = {
  Component: { type: 'service', lifecycle: 'production', owner: OWNER },
  API: { type: 'openapi', lifecycle: 'production', owner: OWNER, definition: '{}' },
  System: { owner: OWNER },
  Domain: { owner: OWNER },
  Resource: { type: 'database', owner: OWNER },
  Location: { targets: [] },
  Template: { type: 'service', owner: OWNER, steps: [] },
  User: { memberOf: [OWNER] },
  Group: { type: 'team', children: [] },
};

/** The kinds of the catalog and of its module for software templates. */
export type EntityKind = keyof typeof SPECS;

/** Renders one document of a catalog file; `spec` adds to the minimal one of its kind. */
export function entityYaml(
  kind: EntityKind,
  name: string,
  spec?: JsonObject,
  description?: string,
): string {
  const isTemplate = kind === 'Template';
  return stringify({
    apiVersion: isTemplate ? 'scaffolder.backstage.io/v1beta3' : 'backstage.io/v1alpha1',
    kind,
    metadata: { name, description },
    spec: { ...SPECS[kind], ...spec },
  });
}

/** A catalog file that describes one Component. */
export function componentYaml(name: string, description: string): string {
  return entityYaml('Component', name, {}, description);
}

/** Adds projects, repositories and the faults that leave some of them unknown. */
export function seed(bitbucket: SimulatedBitbucket): void {
  for (const { key, name, services } of PROJECTS) {
    bitbucket.addProject({ key, name });
    for (let index = 1; index <= services; index += 1) {
      addService(bitbucket, key, index);
    }
  }
  addSpecialCases(bitbucket);
}

/** Adds entities of other kinds; the demo's `catalog.rules` allow them in these projects. */
export function seedOtherKinds(bitbucket: SimulatedBitbucket): void {
  const add = (projectKey: string, slug: string, documents: readonly string[]) =>
    bitbucket.addRepository({
      projectKey,
      slug,
      files: { 'catalog-info.yaml': documents.join('---\n') },
    });
  add('PAY', 'landscape', [
    entityYaml('Domain', 'payments'),
    entityYaml('System', 'invoicing'),
    entityYaml('Resource', 'ledger-database'),
    entityYaml('API', 'invoices'),
  ]);
  add('PAY', 'invoice-service', [componentYaml('invoice-service', 'Writes invoices')]);
  bitbucket.addProject({ key: 'BILLING', name: 'Billing' });
  add('BILLING', 'ledger', [componentYaml('ledger', 'Keeps the books')]);
  bitbucket.addProject({ key: 'SANDBOX', name: 'Sandbox' });
  bitbucket.addRepository({ projectKey: 'SANDBOX', slug: 'first-steps' });
  bitbucket.addProject({ key: 'PLATFORM', name: 'Platform' });
  add('PLATFORM', 'templates', [entityYaml('Template', 'new-service')]);
  bitbucket.addProject({ key: 'ORG', name: 'Organization' });
  add('ORG', 'people', [entityYaml('Group', OWNER), entityYaml('User', 'jdoe')]);
  // Found, but not in the catalog, because of an unclosed quote.
  add(BROKEN.projectKey, BROKEN.slug, [
    componentYaml('never-read', 'left out').replace(OWNER, `"${OWNER}`),
  ]);
}

function addService(bitbucket: SimulatedBitbucket, projectKey: string, index: number) {
  const slug = `${projectKey.toLowerCase()}-service-${index}`;
  const hasCatalogFile = index % CATALOG_FILE_EVERY === 0;
  bitbucket.addRepository({
    projectKey,
    slug,
    files: {
      'README.md': `# ${slug}\n`,
      ...(hasCatalogFile && {
        'catalog-info.yaml': componentYaml(slug, `Service ${index} of ${projectKey}`),
      }),
    },
  });
}

/** Adds one repository for each outcome that no ordinary service has. */
function addSpecialCases(bitbucket: SimulatedBitbucket): void {
  const files = { 'catalog-info.yaml': componentYaml('never-seen', 'left out') };
  bitbucket.addRepository({ projectKey: 'PAY', slug: 'sandbox-tests', files });
  bitbucket.addRepository({ projectKey: 'PAY', slug: 'retired', archived: true, files });
  bitbucket.addRepository({
    projectKey: 'SHOP',
    slug: 'forked-service',
    origin: { projectKey: 'PAY', slug: 'pay-service-4' },
    files,
  });
  bitbucket.addRepository({ projectKey: 'SHOP', slug: 'just-created', empty: true });
  bitbucket.addRepository({
    projectKey: 'DATA',
    slug: 'no-such-branch',
    defaultBranch: 'missing',
  });
  bitbucket.addRepository({
    projectKey: 'DATA',
    slug: 'being-imported',
    state: 'INITIALISING',
    files,
  });
  const personal = bitbucket.addPersonalProject('jdoe');
  bitbucket.addRepository({ projectKey: personal.key, slug: 'playground', files });

  bitbucket.addRepository({ projectKey: 'DATA', slug: 'forbidden', files });
  bitbucket.faults.add({
    match: { path: /\/repos\/forbidden\/browse/ },
    effect: { type: 'lost-permission' },
  });
  bitbucket.addRepository({ projectKey: 'DATA', slug: 'broken-storage', files });
  bitbucket.faults.add({
    match: { path: /\/repos\/broken-storage\/browse/ },
    effect: { type: 'status', status: 500 },
  });
}
