import { indent, renderColumns } from './format';
import { PreviewMeter } from './connections';
import { renderBar } from './terminal';

describe('text for terminals', () => {
  it('aligns columns, numbers to the right, without trailing spaces', () => {
    const rows = [
      ['Outcome', 'Count'],
      ['absent', '7'],
      ['x', ''],
    ];

    expect(renderColumns(rows, [1]).split('\n')).toEqual([
      'Outcome  Count',
      'absent       7',
      'x',
    ]);
    expect(renderColumns([])).toBe('');
  });

  it('indents lines and leaves empty ones empty', () => {
    expect(indent('a\n\nb')).toBe('  a\n\n  b');
  });

  it.each([
    [0, 4, '[------------------------]   0 %'],
    [1, 4, '[######------------------]  25 %'],
    [4, 4, '[########################] 100 %'],
    [0, 0, '[########################] 100 %'],
    [5, 4, '[########################] 100 %'],
  ])('draws %d of %d', (done, total, bar) => {
    expect(renderBar(done, total)).toBe(bar);
  });
});

describe('the meter of a preview', () => {
  const attempt = { kind: 'file-check', result: 200, retry: false } as const;

  it('counts the requests of each second, including seconds without requests', () => {
    let nowMs = 50_000;
    const meter = new PreviewMeter({ now: () => nowMs, monotonicMs: () => nowMs });
    nowMs = 100_000;
    meter.begin();
    meter.onAttempt(attempt);
    nowMs = 102_999;
    meter.onAttempt(attempt);
    meter.onAttempt({ ...attempt, result: 429, retry: true });
    nowMs = 104_001;

    expect(meter.perSecond()).toEqual([1, 0, 2, 0, 0]);
    expect(meter.counts()).toMatchObject({ total: 3, retries: 1, rateLimited: 1 });
    expect(meter.startedAtMs).toBe(100_000);
  });

  it('tolerates a clock that is set back', () => {
    let nowMs = 100_000;
    const meter = new PreviewMeter({ now: () => nowMs, monotonicMs: () => nowMs });
    nowMs = 10_000;
    meter.onAttempt(attempt);

    expect(meter.perSecond()).toEqual([1]);
  });
});
