/** Holds the style sheets to one scale of letters, one grid, one place of colours. */

import { readdirSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { describe, expect, it } from 'vitest';

const SOURCES = resolve(import.meta.dirname, '../src');
const SHEETS = readdirSync(SOURCES, { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.css'))
  .map((name) => ({
    name,
    text: readFileSync(resolve(SOURCES, name), 'utf8').replace(/\/\*.*?\*\//gs, ''),
  }));
const TOKENS = SHEETS.find((sheet) => sheet.name === 'styles/tokens.css')?.text ?? '';
const OTHERS = SHEETS.filter((sheet) => sheet.text !== TOKENS);

interface Declaration {
  readonly name: string;
  readonly property: string;
  readonly value: string;
}

const DECLARATIONS: readonly Declaration[] = OTHERS.flatMap(({ name, text }) =>
  [...text.matchAll(/(?<=[{;]\s*)([\w-]+):\s*([^;{}]+);/g)].map(([, property, value]) => ({
    name,
    property: property as string,
    value: (value as string).replace(/\s+/g, ' '),
  })),
);

/** The declarations of some properties whose value is not as it should be. */
function strays(properties: RegExp, isFine: (value: string) => boolean): readonly string[] {
  return DECLARATIONS.filter(
    ({ property, value }) => properties.test(property) && !isFine(value),
  ).map(({ name, property, value }) => `${name}: ${property}: ${value}`);
}

describe('style sheets', () => {
  it('are read', () => {
    expect(OTHERS.length).toBeGreaterThan(8);
    expect(DECLARATIONS.length).toBeGreaterThan(500);
  });

  it('name their colours in tokens.css alone', () => {
    expect(
      strays(/./, (value) => !/#[\da-f]{3,8}\b|\b(?:rgb|hsl|oklch|lab)a?\(/i.test(value)),
    ).toEqual([]);
  });

  it('have the sizes and weights of letters of one scale', () => {
    const isSize = (value: string) => /^(?:var\(--text-\w+\)|inherit)$/.test(value);
    expect(strays(/^font-size$/, isSize)).toEqual([]);
    const isWeight = (value: string) => /^(?:var\(--(?:medium|strong)\)|400|inherit)$/.test(value);
    expect(strays(/^font-weight$/, isWeight)).toEqual([]);
  });

  it('keep distances on a grid of 4 and 8 pixels', () => {
    const isOnGrid = (value: string) =>
      [...value.matchAll(/([\d.]+)px/g)].every(([, px]) => px === '1' || Number(px) % 4 === 0);
    expect(strays(/^(?:(?:row-|column-)?gap|padding|margin)/, isOnGrid)).toEqual([]);
  });

  it('round corners alike', () => {
    const isRound = (value: string) =>
      value.split(' ').every((one) => /^(?:var\(--[\w-]+\)|0|50%|[12]px)$/.test(one));
    expect(strays(/^border-radius$/, isRound)).toEqual([]);
  });

  it('move nothing for people who asked for less motion', () => {
    for (const { name, text } of OTHERS) {
      const still = text.replace(
        /@media \(prefers-reduced-motion: no-preference\) \{.*?\n\}/gs,
        '',
      );
      expect([name, /\b(?:animation|transition)(?:-\w+)?:/.exec(still)?.[0]]).toEqual([
        name,
        undefined,
      ]);
    }
  });

  it('use only what is defined', () => {
    const all = SHEETS.map((sheet) => sheet.text).join('\n');
    const defined = new Set([...all.matchAll(/(--[\w-]+):/g)].map(([, token]) => token));
    // Those with a value to fall back on are set by scripts.
    const used = [...all.matchAll(/var\((--[\w-]+)\)/g)].map(([, token]) => token);
    expect(used.filter((token) => !defined.has(token))).toEqual([]);
  });
});

type Colour = readonly [number, number, number];

/** What each kind of eye makes of linear red, green and blue (Machado and others, 2009). */
const EYES: Record<string, readonly Colour[]> = {
  usual: [
    [1, 0, 0],
    [0, 1, 0],
    [0, 0, 1],
  ],
  'without red': [
    [0.152286, 1.052583, -0.204868],
    [0.114503, 0.786281, 0.099216],
    [-0.003882, -0.048116, 1.051998],
  ],
  'without green': [
    [0.367322, 0.860646, -0.227968],
    [0.280085, 0.672501, 0.047413],
    [-0.01182, 0.04294, 0.968881],
  ],
  'without blue': [
    [1.255528, -0.076749, -0.178779],
    [-0.078411, 0.930809, 0.147602],
    [0.004733, 0.691367, 0.3039],
  ],
};
const TONES = ['blue', 'orange', 'green', 'violet', 'red', 'grey'];
/** Of 100 between black and white; about 2 can just be told apart side by side. */
const MIN_DIFFERENCE = 7;
/** WCAG 1.4.11, for what is no text. */
const MIN_CONTRAST = 3;

function token(name: string, theme: 'light' | 'dark'): Colour {
  const found = new RegExp(`--${name}: light-dark\\((#\\w+), (#\\w+)\\)`).exec(TOKENS);
  const hex = found?.[theme === 'light' ? 1 : 2] ?? '';
  const whole = hex.length === 4 ? hex.replace(/\w/g, '$&$&') : hex;
  const [r = 0, g = 0, b = 0] = [1, 3, 5].map((at) =>
    linear(Number.parseInt(whole.slice(at, at + 2), 16) / 255),
  );
  return [r, g, b];
}

function linear(part: number): number {
  return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
}

function dot(one: Colour, other: Colour): number {
  return one[0] * other[0] + one[1] * other[1] + one[2] * other[2];
}

function contrast(one: Colour, other: Colour): number {
  const weights: Colour = [0.2126, 0.7152, 0.0722];
  const [dark = 0, light = 0] = [dot(one, weights), dot(other, weights)].sort((a, b) => a - b);
  return (light + 0.05) / (dark + 0.05);
}

function seen(colour: Colour, eye: readonly Colour[]): Colour {
  const [r = 0, g = 0, b = 0] = eye.map((row) => Math.min(1, Math.max(0, dot(row, colour))));
  return [r, g, b];
}

/** Oklab, in which equal distances look alike. */
function perceived(colour: Colour): Colour {
  const cones: Colour = [
    Math.cbrt(dot(colour, [0.4122214708, 0.5363325363, 0.0514459929])),
    Math.cbrt(dot(colour, [0.2119034982, 0.6806995451, 0.1073969566])),
    Math.cbrt(dot(colour, [0.0883024619, 0.2817188376, 0.6299787005])),
  ];
  return [
    dot(cones, [0.2104542553, 0.793617785, -0.0040720468]),
    dot(cones, [1.9779984951, -2.428592205, 0.4505937099]),
    dot(cones, [0.0259040371, 0.7827717662, -0.808675766]),
  ];
}

describe.each(['light', 'dark'] as const)('the colours of series, %s', (theme) => {
  const pairs = TONES.flatMap((one, index) =>
    TONES.slice(index + 1).map((other) => [one, other] as const),
  );

  it.each(Object.keys(EYES))('differ to eyes: %s', (eye) => {
    for (const [one, other] of pairs) {
      const [a, b] = [one, other].map((name) =>
        perceived(seen(token(name, theme), EYES[eye] ?? [])),
      ) as [Colour, Colour];
      const difference = 100 * Math.hypot(a[0] - b[0], a[1] - b[1], a[2] - b[2]);
      expect([one, other, difference >= MIN_DIFFERENCE]).toEqual([one, other, true]);
    }
  });

  it('stand out from a card', () => {
    for (const name of TONES) {
      expect([name, contrast(token(name, theme), token('card', theme)) >= MIN_CONTRAST]).toEqual([
        name,
        true,
      ]);
    }
  });
});
