import { createHash } from 'node:crypto';
import { OUTCOME_KINDS } from '../../model';
import {
  hostileProvider,
  manyRepositories,
  preview,
  provider,
  repository,
  REPOSITORIES,
} from './__testUtils__/previewData';
import { divideBar, OUTCOME_LABELS, toColumns } from './charts';
import { renderPreviewPage } from './renderPreviewPage';
import { COLORS } from './assets';

const AGAINST = {
  url: 'https://backstage.example.com',
  knownBy: 'report' as const,
  added: ['https://bitbucket.example.com/new'],
  removed: ['https://bitbucket.example.com/old', 'no address'],
  heldBack: [],
  unchanged: 1234,
};
const FAILED = provider({
  providerId: 'labs',
  status: 'failed',
  error: 'Bitbucket refused the login.',
  repositories: [],
  budget: undefined,
  requests: {
    total: 0,
    retries: 0,
    rateLimited: 0,
    byKind: {},
    waitedMs: 0,
    pacedMs: 0,
    perSecond: [],
  },
});

const PAGES = {
  'one provider': preview(provider({ against: AGAINST })),
  'several providers': preview(provider(), FAILED, provider({ providerId: 'third' })),
  'a failed one': preview(FAILED),
  'no provider': preview(),
  'hostile names': preview(hostileProvider()),
};
const PAGE_TABLE = Object.entries(PAGES).map(
  ([name, document]) => [name, renderPreviewPage(document)] as const,
);
const PAGE = renderPreviewPage(PAGES['one provider']);

/** Removes the content of the style and script elements. */
function getMarkup(page: string): string {
  return page.replace(/(<(style|script)>)[^]*?(<\/\2>)/g, '$1$3');
}

/** Complete, since `>` is escaped within attributes. */
function getTags(page: string): string[] {
  return getMarkup(page).match(/<[^>]*>/g) ?? [];
}

function getText(page: string): string {
  return getMarkup(page)
    .replace(/<[^>]*>/g, ' ')
    .replaceAll('&#39;', "'")
    .replace(/\s+/g, ' ');
}

function getAttributes(tag: string): { name: string; value: string }[] {
  return [...tag.matchAll(/\s([\w:-]+)(?:="([^"]*)")?/g)].map(([, name, value]) => ({
    name: name ?? '',
    value: value ?? '',
  }));
}

function getAll(page: string, attribute: string): string[] {
  return getTags(page)
    .flatMap(getAttributes)
    .filter(candidate => candidate.name === attribute)
    .map(found => found.value);
}

describe.each(PAGE_TABLE)('the page of %s', (_, page) => {
  it('allows its own style and script by their hashes, and nothing else', () => {
    const policy = getAll(page, 'content').find(content =>
      content.includes('default-src'),
    );
    const hash = (tag: string) => {
      const inline = page.match(new RegExp(`<${tag}>([^]*?)</${tag}>`))?.[1] ?? '';
      return `sha256-${createHash('sha256').update(inline).digest('base64')}`;
    };
    expect(policy).toBe(
      `default-src &#39;none&#39;; style-src &#39;${hash('style')}&#39;; ` +
        `script-src &#39;${hash('script')}&#39;; base-uri &#39;none&#39;; form-action &#39;none&#39;`,
    );
    expect(page.match(/<style|<script/g)).toEqual(['<style', '<script']);
  });

  it('has no external references except links', () => {
    expect(getAll(page, 'src')).toEqual([]);
    expect(getAll(page, 'style')).toEqual([]);
    const referring = getTags(page).filter(tag => /\s(xlink:)?href\b/.test(tag));
    for (const tag of referring) {
      expect(tag).toMatch(/^<a href="(https?:\/\/|#p\d)/);
    }
    expect(page).not.toMatch(/@import|url\((?!#)/);
  });

  it('has only tags and attributes that the page itself writes', () => {
    const names = new Set(getTags(page).map(tag => tag.match(/^<[/!]?([\w]+)/)?.[1]));
    for (const name of ['img', 'iframe', 'object', 'link', 'base', 'form', undefined]) {
      expect(names).not.toContain(name);
    }
    const handlers = getTags(page)
      .flatMap(getAttributes)
      .filter(attribute => attribute.name.startsWith('on'));
    expect(handlers).toEqual([]);
  });

  it('shows no text that only a program understands', () => {
    expect(getText(page)).not.toMatch(/\bundefined\b|\bNaN\b|\bInfinity\b|\[object/);
    expect(getTags(page).join(' ')).not.toMatch(
      /\bundefined\b|\bNaN\b|Infinity|\[object/,
    );
  });

  it('uses each id once, and refers to existing ids only', () => {
    const ids = getAll(page, 'id');
    expect(new Set(ids).size).toBe(ids.length);
    const named = [
      ...getAll(page, 'aria-labelledby').flatMap(value => value.split(' ')),
      ...getAll(page, 'for'),
      ...getAll(page, 'href').flatMap(value => value.match(/^#(.*)/)?.[1] ?? []),
    ];
    expect(ids).toEqual(expect.arrayContaining(named));
  });

  it('has a title, a language, and headings without gaps', () => {
    expect(page).toMatch(/^<!doctype html>\s*<html lang="en">/);
    expect(page).toMatch(/<title>Discovery preview: [^<]+<\/title>/);
    const levels = [...page.matchAll(/<h([1-6])\b/g)].map(match => Number(match[1]));
    expect(levels.filter(level => level === 1)).toEqual([1]);
    levels.forEach((level, index) => {
      expect(level - (levels[index - 1] ?? 0)).toBeLessThanOrEqual(1);
    });
  });
});

describe('the content of the page', () => {
  it('has every repository once, with outcome, reason, cause, remedy, detail and files', () => {
    expect(PAGE.match(/<tr data-outcome=/g)).toHaveLength(REPOSITORIES.length);
    const rows = PAGE.split('<tr data-outcome=').slice(1);
    REPOSITORIES.forEach((repository, index) => {
      const row = getText(`<tr data-outcome=${rows[index]}`);
      expect(row).toContain(`${repository.projectKey}/ ${repository.repositorySlug}`);
      expect(row).toContain(OUTCOME_LABELS[repository.outcome].title);
      for (const text of [
        repository.reason,
        repository.detail,
        ...repository.files.map(file => file.path),
      ]) {
        expect(row).toContain(text ?? '');
      }
      const plain = row.replace(/ /g, '');
      expect(plain).toContain(repository.cause.replace(/[` ]/g, ''));
      expect(plain).toContain(repository.remedy.replace(/[` ]/g, ''));
    });
  });

  it('links repositories and files', () => {
    const hrefs = getAll(PAGE, 'href');
    for (const { url, files } of REPOSITORIES) {
      expect(hrefs).toEqual(
        expect.arrayContaining([url, ...files.map(file => file.targetUrl)]),
      );
    }
  });

  it('shows the totals of the summary', () => {
    const repositories = manyRepositories(12_345);
    const large = provider({ repositories });
    // Without the rows, which would make a failure unreadable.
    const [text = ''] = getText(renderPreviewPage(preview(large))).split(
      'Every repository',
    );
    for (const kind of OUTCOME_KINDS) {
      const count = large.summary[kind].toLocaleString('en-US');
      const { title, meaning } = OUTCOME_LABELS[kind];
      expect(text).toContain(`${title} ${meaning} ${count} `);
      expect(text).toContain(`${title} ${count} `);
      for (const [reason, times] of Object.entries(large.summary.reasons[kind])) {
        expect(text).toContain(`${reason} ${times.toLocaleString('en-US')} `);
      }
    }
    expect(text).toContain('Of 12,345 repositories');
    expect(text).toContain('8,643 Locations');
  });

  it('shows the difference from a catalog if there is one', () => {
    const text = getText(PAGE);
    expect(text).toContain('1,234 would stay unchanged');
    expect(text).toContain('Added 1 Location https://bitbucket.example.com/new');
    expect(text).toContain(
      'Removed 2 Locations https://bitbucket.example.com/old no address',
    );
    expect(renderPreviewPage(preview(provider()))).not.toContain('Difference');
  });

  it('shows what would be held back and why, and the source of the difference', () => {
    const heldBack = ['https://bitbucket.example.com/held'];
    const heldBackReason = '1 of 1 Locations (100 %) would be removed';
    const against = {
      ...AGAINST,
      knownBy: 'entities' as const,
      heldBack,
      heldBackReason,
    };
    const text = getText(renderPreviewPage(preview(provider({ against }))));

    expect(text).toContain('Held back 1 Location https://bitbucket.example.com/held');
    expect(text).toContain(`${heldBackReason}.`);
    expect(text).toContain('The backend has no report of this provider');
    expect(getText(PAGE)).not.toContain('The backend has no report');
  });

  it('closes long lists of differences at first', () => {
    const added = Array.from(
      { length: 21 },
      (_, index) => `https://b.example.com/${index}`,
    );
    const page = renderPreviewPage(preview(provider({ against: { ...AGAINST, added } })));
    expect(page.match(/<details.*\sopen>|<details/g)).toEqual([
      '<details',
      expect.stringMatching(/open>$/),
    ]);
  });

  it('shows that a preview failed, and why', () => {
    const text = getText(renderPreviewPage(PAGES['a failed one']));
    expect(text).toContain('A scheduled run would fail. Bitbucket refused the login.');
    expect(text).toContain('✕ failed');
    expect(text).toContain('No repository was found.');
    expect(text).toContain('No request was sent.');
    expect(text).toContain('not reported by the server');
  });

  it('has a section for each provider, and a list of them if there are several', () => {
    const page = renderPreviewPage(PAGES['several providers']);
    expect(page.match(/<section class="provider"/g)).toHaveLength(3);
    expect(page).toContain('<a href="#p2">labs</a>');
    expect(PAGE).not.toContain('<nav');
  });

  it('shows the requests and the budget', () => {
    const text = getText(PAGE);
    expect(text).toContain('Sent 24 ');
    expect(text).toContain('file-check 22 ');
    expect(text).toContain('60 requests at once, 5 more each second');
    expect(text).toContain(
      'On average 1.8 per second over 13 s, at most 5 in one second.',
    );
    expect(text).toContain(
      'The dashed line shows how many requests the account regains each second, 5.',
    );
    expect(text).not.toContain('Columns above it');
    const burst = provider({
      budget: { kind: 'limited', capacity: 60, fillRatePerSecond: 4 },
    });
    expect(getText(renderPreviewPage(preview(burst)))).toContain(
      'Columns above it do not exceed the limit: they use what was saved before, up to 60 requests.',
    );
    const unlimited = provider({ budget: { kind: 'unlimited' } });
    expect(getText(renderPreviewPage(preview(unlimited)))).toContain(
      'account requests are not limited',
    );
    const far = provider({
      budget: { kind: 'limited', capacity: 600, fillRatePerSecond: 500 },
    });
    expect(renderPreviewPage(preview(far))).not.toContain('class="budget"');
  });

  it('spells out characters that would change how a name reads', () => {
    const page = renderPreviewPage(PAGES['hostile names']);
    expect(page).not.toMatch(/[\p{Cf}\p{Cs}]/u);
    expect(page).not.toContain('\u0000');
    expect(page).toContain('safe⟨U+202E⟩exe.lmx⟨U+2066⟩⟨U+0000⟩⟨U+200B⟩⟨U+D800⟩');
  });

  it('stays small with many repositories', () => {
    const bytes = (count: number) =>
      Buffer.byteLength(
        renderPreviewPage(preview(provider({ repositories: manyRepositories(count) }))),
      );
    expect((bytes(2000) - bytes(1000)) / 1000).toBeLessThan(550);
  });

  it('renders an outcome without a reason, an address or a file', () => {
    const bare = repository('A/b', 'absent', undefined, { url: undefined });
    const page = renderPreviewPage(preview(provider({ repositories: [bare] })));
    expect(page).toContain('<th scope="row">A/<wbr />b</th>');
  });
});

describe('divideBar', () => {
  it('fills the bar and omits outcomes without repositories', () => {
    expect(divideBar({ registered: 3, excluded: 0, absent: 1, unknown: 0 })).toEqual([
      { kind: 'registered', start: 0, width: 75 },
      { kind: 'absent', start: 75, width: 25 },
    ]);
    expect(divideBar({ registered: 0, excluded: 0, absent: 0, unknown: 0 })).toEqual([]);
  });

  it('keeps a single repository among many visible', () => {
    const parts = divideBar({ registered: 9_999, excluded: 0, absent: 0, unknown: 1 });
    expect(parts[1]?.width).toBeGreaterThan(0.7);
    expect(parts.reduce((sum, part) => sum + part.width, 0)).toBeCloseTo(100);
  });
});

describe('toColumns', () => {
  it('has one column per second in a short run', () => {
    expect(toColumns([3, 0])).toEqual([
      { perSecond: 3, seconds: 1 },
      { perSecond: 0, seconds: 1 },
    ]);
    expect(toColumns([])).toEqual([]);
  });

  it('loses no request of a long run', () => {
    const perSecond = Array.from({ length: 1001 }, (_, second) => second % 7);
    const columns = toColumns(perSecond);
    expect(columns.length).toBeLessThanOrEqual(96);
    expect(columns.reduce((sum, column) => sum + column.seconds, 0)).toBe(1001);
    expect(
      columns.reduce((sum, column) => sum + column.perSecond * column.seconds, 0),
    ).toBeCloseTo(perSecond.reduce((sum, rate) => sum + rate, 0));
  });
});

/** WCAG 2.2, relative luminance. */
function luminance(color: string): number {
  const [red = 0, green = 0, blue = 0] = [1, 3, 5].map(at => {
    const value = parseInt(color.slice(at, at + 2), 16) / 255;
    return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}

function contrast(color: string, other: string): number {
  const [dark = 0, bright = 0] = [luminance(color), luminance(other)].sort(
    (a, b) => a - b,
  );
  return (bright + 0.05) / (dark + 0.05);
}

describe.each([
  ['light', 0],
  ['dark', 1],
] as const)('the colors of the %s mode', (_, mode) => {
  const getColors = (...names: readonly (keyof typeof COLORS)[]) =>
    names.map(name => COLORS[name][mode]);
  const fills = getColors(...OUTCOME_KINDS);

  it('have enough contrast for text', () => {
    for (const below of getColors('ground', 'raised', 'failure')) {
      for (const above of getColors('text', 'quiet', 'link')) {
        expect(contrast(above, below)).toBeGreaterThanOrEqual(4.5);
      }
    }
    for (const fill of fills) {
      expect(contrast(COLORS.sign[mode], fill)).toBeGreaterThanOrEqual(4.5);
    }
  });

  it('have enough contrast for charts and controls', () => {
    for (const fill of [...fills, ...getColors('field', 'column')]) {
      expect(contrast(fill, COLORS.ground[mode])).toBeGreaterThanOrEqual(3);
    }
  });
});
