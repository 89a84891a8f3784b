/** What jsdom lacks: a size for elements, and the matchers of Testing Library. */

import '@testing-library/jest-dom/vitest';
import { cleanup, configure } from '@testing-library/react';
import { afterEach, beforeEach, expect, vi } from 'vitest';
import { missingTexts } from './missingTexts';
import { setWidth } from './width';

class SizeObserver implements ResizeObserver {
  static all = new Set<SizeObserver>();
  readonly targets = new Set<Element>();

  constructor(readonly callback: ResizeObserverCallback) {
    SizeObserver.all.add(this);
  }

  observe(target: Element): void {
    this.targets.add(target);
  }

  unobserve(target: Element): void {
    this.targets.delete(target);
  }

  disconnect(): void {
    SizeObserver.all.delete(this);
  }
}

globalThis.ResizeObserver = SizeObserver;
export const observers = SizeObserver.all;

// No text can be measured here.
HTMLCanvasElement.prototype.getContext = () => null;
Element.prototype.hasPointerCapture ??= () => false;
Element.prototype.scrollIntoView ??= () => undefined;
URL.createObjectURL ??= () => 'blob:test';
URL.revokeObjectURL ??= () => undefined;

// The machine of the tests is shared: it may take its time, and what appears must be right.
configure({ asyncUtilTimeout: 15_000 });

beforeEach(() => {
  // Dates of this year are shown without it: the fixtures' year is this one for ever.
  vi.useFakeTimers({ toFake: ['Date'], now: new Date('2026-11-30T12:00:00Z') });
  setWidth(800);
  localStorage.clear();
  sessionStorage.clear();
  window.history.replaceState(null, '', '/');
});

afterEach(() => {
  cleanup();
  vi.useRealTimers();
  const missing = [...missingTexts];
  missingTexts.clear();
  expect(missing).toEqual([]);
});
