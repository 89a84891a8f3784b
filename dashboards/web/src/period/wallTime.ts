/** Moments as the clock of a zone shows them, and back. */

/** `2026-11-30T17:15`, as fields of date and time have it. */
export function wallTime(moment: string | number, tz: string | null): string {
  const format = new Intl.DateTimeFormat('sv-SE', {
    ...(tz ? { timeZone: tz } : {}),
    dateStyle: 'short',
    timeStyle: 'short',
  });
  return format.format(new Date(moment)).replace(' ', 'T');
}

/** `2026-11-30T14:15Z`, the moment at which the clock of the zone shows this; empty for no time. */
export function momentAt(wall: string, tz: string | null): string {
  const shown = Date.parse(`${wall}Z`);
  if (Number.isNaN(shown)) return '';
  const shift = (moment: number) => Date.parse(`${wallTime(moment, tz)}Z`) - moment;
  // The shift there may differ from the one at the first guess, by a change of clocks.
  const guess = shown - shift(shown);
  return `${new Date(shown - shift(guess)).toISOString().slice(0, 16)}Z`;
}
