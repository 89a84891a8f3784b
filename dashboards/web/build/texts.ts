/**
 * Divides each file of texts in two: what the first page says, and the rest.
 *
 * `import('./en.json?first')` gives the texts whose keys stand in `src/main.tsx` or in a file that
 * is loaded together with it; what `import()` loads later does not count.
 * `import('./en.json?rest')` gives all others.
 */

import { existsSync, readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import type { Plugin } from 'vite';

export interface Texts {
  readonly [key: string]: string | Texts;
}

const MAIN = resolve(import.meta.dirname, '../src/main.tsx');
const PART = /\.json\?(first|rest)$/;
const IMPORT = /^(?:import|export)(?! type)\s(?:[^;']*?\sfrom\s)?'(\.[^']+)'/gm;
/** `'nav.overview'`, or the beginning of some keys: `nav.${page}`. */
const KEY = /['"`]([a-z]\w*(?:\.\w+)*)(?:\.\w*\$\{|(?<=\.\w+)['"`])/g;
const PLURAL = /_(?:one|few|many|other)$/;

export function dividedTexts(): Plugin {
  return {
    name: 'divided-texts',
    load(id) {
      const part = PART.exec(id)?.[1];
      if (!part) return null;
      const path = id.slice(0, id.indexOf('?'));
      this.addWatchFile(path);
      const texts = divide(JSON.parse(readFileSync(path, 'utf8')), firstKeys())[part];
      return { code: `export default ${JSON.stringify(texts)}`, moduleType: 'js' };
    },
  };
}

/** The keys, and beginnings of keys, in all files that are loaded together with `main`. */
export function firstKeys(main = MAIN): ReadonlySet<string> {
  const keys = new Set<string>();
  const paths = new Set([main]);
  // A set that grows while it is walked: each file once.
  for (const path of paths) {
    const source = readFileSync(path, 'utf8');
    for (const [, key] of source.matchAll(KEY)) keys.add(key as string);
    for (const [, target] of source.matchAll(IMPORT)) {
      const place = resolve(dirname(path), target as string);
      const file = [`${place}.tsx`, `${place}.ts`, `${place}/index.ts`].find(existsSync);
      if (file) paths.add(file);
    }
  }
  return keys;
}

export function divide(texts: Texts, keys: ReadonlySet<string>): Record<string, Texts> {
  const isFirst = (key: string) => {
    const words = key.replace(PLURAL, '').split('.');
    return words.some((_, index) => keys.has(words.slice(0, index + 1).join('.')));
  };
  return {
    first: chosen(texts, isFirst),
    rest: chosen(texts, (key) => !isFirst(key)),
  };
}

function chosen(texts: Texts, wants: (key: string) => boolean, path = ''): Texts {
  const parts = Object.entries(texts).flatMap(([name, value]): [string, string | Texts][] => {
    if (typeof value === 'string') return wants(path + name) ? [[name, value]] : [];
    const inner = chosen(value, wants, `${path}${name}.`);
    return Object.keys(inner).length > 0 ? [[name, inner]] : [];
  });
  return Object.fromEntries(parts);
}
