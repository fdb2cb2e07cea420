/** Checks that the demo has everything that the guide and its own output name. */

import { readFileSync } from 'node:fs';
import path from 'node:path';
import { parse } from 'yaml';
import { ROOT, PAGES } from '../test/__testUtils__/readmeText';
import { describe as describeDemo } from './announce';
import { seed, seedOtherKinds } from './seed';
import { createSimulatedBitbucket } from './simulatedBitbucket';

const bitbucket = createSimulatedBitbucket({
  baseUrl: 'http://localhost:7992',
  users: [
    { name: 'backstage', password: 'x' },
    { name: 'jdoe', password: 'x' },
  ],
});
seed(bitbucket);
seedOtherKinds(bitbucket);

/** The repositories of the demo, as `KEY/slug`. */
const repositories = bitbucket
  .repositories()
  .map(repository => `${repository.project.key}/${repository.slug}`);
const projects = [...bitbucket.projects.values()].map(project => project.key);

/** Repositories in commands and URLs: `--explain KEY/slug`, `/repositories/KEY/slug`, `/push/KEY/slug`. */
function namedRepositories(text: string): string[] {
  const pattern = /(?:--explain |\/repositories\/|\/push\/)(~?\w+\/[\w-]+)/g;
  const inUrls = /\/projects\/([A-Z]+)\/repos\/([\w-]+)/g;
  return [
    ...[...text.matchAll(pattern)].map(([, name = '']) => name),
    ...[...text.matchAll(inUrls)].map(([, key, slug]) => `${key}/${slug}`),
  ].filter(name => name !== 'KEY/slug');
}

/** Projects in URLs and in patterns for keys: `/projects/KEY/`, `projectKey: ^(A|B)$`. */
function namedProjects(text: string): string[] {
  const patterns = [...text.matchAll(/projectKey: ['"]?\^\(?([A-Z|]+)\)?\$/g)];
  return [
    ...[...text.matchAll(/\/projects\/([A-Z]+)\b/g)].map(([, key = '']) => key),
    ...patterns.flatMap(([, keys = '']) => keys.split('|')),
  ];
}

describe('the examples of the guide', () => {
  const read = (file: string) => readFileSync(path.join(ROOT, file), 'utf8');
  const text = [
    ...PAGES.map(page => page.text),
    read('app-config.example.yaml'),
    read('src/cli/program.ts'),
  ].join('\n');

  it('are about repositories that the demo has', () => {
    const named = namedRepositories(text);

    expect(named).toContain('PAY/invoice-service');
    expect(named).toContain('ORG/people');
    expect(named.filter(name => !repositories.includes(name))).toEqual([]);
  });

  it('are about projects that the demo has', () => {
    const named = namedProjects(text);

    expect(named).toEqual(expect.arrayContaining(['PAY', 'BILLING', 'SANDBOX', 'ORG']));
    expect(named.filter(key => !projects.includes(key))).toEqual([]);
  });
});

describe('what the demo says to try next', () => {
  const text = describeDemo(
    {
      backstageUrl: 'http://localhost:7008',
      bitbucket,
      controlUrl: 'http://localhost:7993',
      env: 'DEMO_BITBUCKET_PORT=7992 ',
    },
    { kinds: ['45 Component'], mistake: 'a quote that nobody closed' },
  );

  it('names only repositories that it has', () => {
    const named = namedRepositories(text);

    expect(named).toContain('SHOP/with-a-mistake');
    expect(named.filter(name => !repositories.includes(name))).toEqual([]);
  });

  it('uses the ports that it found free', () => {
    const commands = text.split('\n').filter(line => /^ {2}[^#\s]/.test(line));
    const ports = commands.flatMap(line => line.match(/localhost:\d+/g) ?? []);

    expect(new Set(ports)).toEqual(
      new Set(['localhost:7008', 'localhost:7993', 'localhost:7992']),
    );
    const discovery = commands.filter(line => line.includes('npm run'));
    expect(discovery).not.toEqual([]);
    discovery.forEach(line =>
      expect(line).toMatch(/^ {2}DEMO_BITBUCKET_PORT=7992 npm run -s discovery -- /),
    );
  });
});

describe('the configuration of the demo', () => {
  const text = readFileSync(path.join(ROOT, 'dev/app-config.yaml'), 'utf8');

  it('names no port but those that can be set', () => {
    const ports = text.match(/\S*\b\d{4,5}\b\S*/g) ?? [];

    expect(ports.length).toBeGreaterThan(5);
    expect(ports.filter(port => !/\$\{DEMO_\w+_PORT:-\d+\}/.test(port))).toEqual([]);
  });

  it('keeps the requests that it answers out of the log', () => {
    expect(parse(text)).toMatchObject({
      backend: {
        logger: {
          overrides: [{ matchers: { type: 'incomingRequest' }, level: 'warn' }],
        },
      },
    });
  });
});
