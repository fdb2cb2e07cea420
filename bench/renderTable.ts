/** A Markdown table that is also readable as plain text. Pure. */

/** A column: its heading and alignment. */
export interface Column {
  readonly heading: string;
  readonly align?: 'left' | 'right';
}

/** Renders rows of cells; short rows are padded with empty cells. */
export function renderTable(
  columns: readonly Column[],
  rows: readonly (readonly string[])[],
): string {
  const widths = columns.map(({ heading }, index) =>
    Math.max(3, heading.length, ...rows.map(row => (row[index] ?? '').length)),
  );
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
  const pad = (text: string, index: number) =>
    columns[index]?.align === 'right'
      ? text.padStart(widths[index] ?? 0)
      : text.padEnd(widths[index] ?? 0);
  const rule = columns.map(({ align }, index) => {
    const width = widths[index] ?? 3;
    return align === 'right' ? `${'-'.repeat(width - 1)}:` : '-'.repeat(width);
  });
  return [
    line(columns.map(({ heading }, index) => pad(heading, index))),
    line(rule),
    ...rows.map(row => line(columns.map((_, index) => pad(row[index] ?? '', index)))),
  ].join('\n');
}
