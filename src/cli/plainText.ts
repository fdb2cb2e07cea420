/** Text for terminals. Pure. */

/** Indents each line. */
export function indent(text: string, by = '  '): string {
  return text.replace(/^(?=.)/gm, by);
}

/** Columns beside each other, those in `rightAligned` to the right, as numbers are. */
export function renderColumns(
  rows: readonly (readonly string[])[],
  rightAligned: readonly number[] = [],
): string {
  const widths: number[] = [];
  for (const row of rows) {
    row.forEach((cell, column) => {
      widths[column] = Math.max(widths[column] ?? 0, cell.length);
    });
  }
  const pad = (cell: string, column: number) =>
    rightAligned.includes(column)
      ? cell.padStart(widths[column] ?? 0)
      : cell.padEnd(widths[column] ?? 0);
  return rows.map(row => row.map(pad).join('  ').trimEnd()).join('\n');
}

/** `1 repository`, `2 repositories` */
export function plural(count: number, one: string, many = `${one}s`): string {
  return `${count} ${count === 1 ? one : many}`;
}

/** `1.2 s` below a minute, `3 min 5 s` above. */
export function duration(ms: number): string {
  const tenths = Math.round(ms / 100);
  const seconds = Math.round(ms / 1000);
  return tenths < 600
    ? `${tenths / 10} s`
    : `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
}
