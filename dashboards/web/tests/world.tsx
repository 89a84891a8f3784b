/** The dashboard on an API that a test plays: everything is real but `fetch`. */

import { QueryClient, QueryClientProvider } from '@tanstack/react-query';
import { render } from '@testing-library/react';
import type { ReactNode } from 'react';
import { I18nextProvider } from 'react-i18next';
import { vi } from 'vitest';
import { Api, type Tabs } from '../src/api/api';
import { App } from '../src/app/App';
import { ServicesProvider } from '../src/app/services';
import { createTexts, type Language, restOfTexts } from '../src/i18n';
import { Session } from '../src/session/session';
import { missingTexts } from './missingTexts';

export type Answer = Response | object;
export type Play = (request: Request) => Answer | Promise<Answer> | undefined;

export interface Options {
  readonly play?: Play;
  readonly path?: string;
  readonly language?: Language;
  readonly scopes?: readonly string[];
  /** Absent: the page has been open for a while; null: it has just been opened. */
  readonly isSignedIn?: boolean | null;
  readonly browser?: Browser;
}

export const ACCOUNT = { username: 'ann', scopes: ['stats:read'], sessionId: 7 };

/** The same, as the API tells a page that has just been opened. */
export function current(part: { username?: string; scopes?: readonly string[] } = {}) {
  const { sessionId, ...account } = { ...ACCOUNT, ...part };
  return { account: { id: 1, session_id: sessionId, ...account } };
}

/** Tabs of one browser: what one tells, all others hear. */
export class Browser {
  readonly #listeners = new Map<Tabs, (event: MessageEvent) => void>();

  open(): Tabs {
    const tab = {
      addEventListener: (_type: string, listener: (event: MessageEvent) => void) => {
        this.#listeners.set(tab as Tabs, listener);
      },
      postMessage: (data: unknown) => {
        for (const [other, listener] of this.#listeners) {
          if (other !== tab) listener(new MessageEvent('message', { data }));
        }
      },
    };
    return tab as Tabs;
  }
}

/** An error as the API renders it. */
export function problem(status: number, code = 'code', message = 'Message.'): Response {
  return Response.json(
    { code, message, details: [], request_id: 'request-1' },
    { status, headers: { 'Retry-After': '7' } },
  );
}

export async function createWorld(options: Options = {}) {
  const { play, path = '/', language = 'en', scopes = ['stats:read'], isSignedIn = true } = options;
  const { browser = new Browser() } = options;
  window.history.replaceState(null, '', path);
  const session = new Session();
  if (isSignedIn) session.begin({ ...ACCOUNT, scopes });
  if (isSignedIn === false) session.end();
  const requests: Request[] = [];
  const fetch = vi.fn(async (input: RequestInfo | URL) => {
    const request = new Request(input as Request);
    requests.push(request);
    const answer = await play?.(request.clone());
    if (answer === undefined) return problem(404, 'not_found');
    return answer instanceof Response ? answer.clone() : Response.json(answer);
  });
  const tabs = browser.open();
  const api = new Api({ fetch, session, origin: window.location.origin, tabs });
  const texts = await createTexts(language);
  texts.options.saveMissing = true;
  texts.on('missingKey', (_languages, _namespace, key, shown) => {
    if (key.startsWith(shown)) missingTexts.add(key);
  });
  const queries = new QueryClient({ defaultOptions: { queries: { retryDelay: 1, gcTime: 0 } } });
  const reloader = { now: vi.fn(async () => true) };
  const wrap = (children: ReactNode) => (
    <I18nextProvider i18n={texts}>
      <QueryClientProvider client={queries}>
        <ServicesProvider value={{ api, session, storage: localStorage, reloader }}>
          {children}
        </ServicesProvider>
      </QueryClientProvider>
    </I18nextProvider>
  );
  return { api, session, requests, fetch, texts, reloader, wrap };
}

export async function renderApp(options: Options = {}) {
  const world = await createWorld(options);
  return { ...world, ...render(world.wrap(<App />)) };
}

export async function renderPart(part: ReactNode, options: Options = {}) {
  const world = await createWorld(options);
  // Which of them the part needs does not matter here.
  await restOfTexts(world.texts);
  const shown = render(world.wrap(part));
  return { ...world, ...shown, show: (next: ReactNode) => shown.rerender(world.wrap(next)) };
}
