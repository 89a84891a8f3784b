/** A part of the dashboard that is loaded when it is first drawn, together with all texts. */

import type { i18n } from 'i18next';
import { type ComponentType, lazy } from 'react';
import { useTranslation } from 'react-i18next';
import { restOfTexts } from '../i18n';

export function lazyPart<Props extends object>(
  load: () => Promise<{ default: ComponentType<Props> }>,
): ComponentType<Props> {
  // By the place of the texts: components are given wrappers of their instance.
  const parts = new WeakMap<i18n['store'], ComponentType<Props>>();
  return function LoadedPart(props: Props) {
    const { i18n } = useTranslation();
    const Part = parts.get(i18n.store) ?? withTexts(load, i18n);
    parts.set(i18n.store, Part);
    return <Part {...props} />;
  };
}

function withTexts<Props extends object>(
  load: () => Promise<{ default: ComponentType<Props> }>,
  texts: i18n,
): ComponentType<Props> {
  const Part = lazy(async () => {
    const [file] = await Promise.all([load(), restOfTexts(texts)]);
    return file;
  });
  // Its props are those of the component; TypeScript cannot see it through `lazy`.
  return Part as unknown as ComponentType<Props>;
}
