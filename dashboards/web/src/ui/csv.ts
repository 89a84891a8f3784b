/** Tables as CSV files (RFC 4180): the screen's rows in the API's order. Asks nobody again. */

export type Cell = string | number | boolean | null | undefined;

export interface Csv {
  /** Without extension. */
  readonly name: string;
  readonly columns: readonly string[];
  readonly rows: readonly (readonly Cell[])[];
}

export function toCsv({ columns, rows }: Csv): string {
  return [columns, ...rows].map((row) => `${row.map(quote).join(',')}\r\n`).join('');
}

function quote(cell: Cell): string {
  if (cell === null || cell === undefined) return '';
  if (typeof cell === 'number' || typeof cell === 'boolean') return String(cell);
  // A spreadsheet would run a text that begins like a formula; numbers in text stay numbers.
  const harmless = /^[=+\-@\t\r]/.test(cell) && Number.isNaN(Number(cell)) ? `'${cell}` : cell;
  return /[",\r\n]/.test(harmless) ? `"${harmless.replaceAll('"', '""')}"` : harmless;
}

export function download(csv: Csv): void {
  // The byte order mark is how spreadsheets learn that the file is UTF-8.
  const file = new Blob(['\ufeff', toCsv(csv)], { type: 'text/csv;charset=utf-8' });
  const link = document.createElement('a');
  link.href = URL.createObjectURL(file);
  link.download = `${csv.name}.csv`;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

/** Objects as a file: one column per field, as the API names it; fields of fields are joined. */
export function objectsCsv(name: string, objects: readonly object[]): Csv {
  const flat = objects.map((object) => flatten(object));
  const columns = [...new Set(flat.flatMap((row) => Object.keys(row)))];
  return { name, columns, rows: flat.map((row) => columns.map((column) => row[column])) };
}

function flatten(object: object, prefix = ''): Record<string, Cell> {
  return Object.assign(
    {},
    ...Object.entries(object).map(([key, value]: [string, unknown]) => {
      const column = prefix + key;
      if (Array.isArray(value)) return { [column]: value.map(String).join(' ') };
      if (typeof value === 'object' && value !== null) return flatten(value, `${column}_`);
      return { [column]: value as Cell };
    }),
  );
}
