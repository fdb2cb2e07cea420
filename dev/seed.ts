/** Fills the simulated Bitbucket of the demo so that every outcome occurs. */

import type { SimulatedBitbucket } from './simulatedBitbucket';

const PROJECTS = [
  { key: 'PAY', name: 'Payments', services: 60 },
  { key: 'SHOP', name: 'Web shop', services: 60 },
  { key: 'DATA', name: 'Data platform', services: 60 },
];

/** One in so many services has a catalog file. */
const CATALOG_FILE_EVERY = 4;

/** A catalog file that describes one Component. */
export function componentYaml(name: string, description: string): string {
  return [
    'apiVersion: backstage.io/v1alpha1',
    'kind: Component',
    'metadata:',
    `  name: ${name}`,
    `  description: ${description}`,
    'spec:',
    '  type: service',
    '  lifecycle: production',
    '  owner: guests',
    '',
  ].join('\n');
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

/** One repository per outcome that an ordinary service does not have. */
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
