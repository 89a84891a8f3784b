/** The dashboard on an API that a test plays: everything is real but `fetch`. */

import { QueryClient, QueryClientProvider } from '@tanstack/react-query';
import { render } from '@testing-library/react';
import type { ReactNode } from 'react';
import { I18nextProvider } from 'react-i18next';
import { vi } from 'vitest';
import { Api } from '../src/api/api';
import { App } from '../src/app/App';
import { ServicesProvider } from '../src/app/services';
import { createTexts, type Language } from '../src/i18n';
import { Session } from '../src/session/session';

export type Answer = Response | object;
export type Play = (request: Request) => Answer | Promise<Answer> | undefined;

export interface Options {
  readonly play?: Play;
  readonly path?: string;
  readonly language?: Language;
  readonly scopes?: readonly string[];
  readonly isSignedIn?: boolean;
}

export const GRANTED = { token: 'token-1', username: 'ann', scopes: ['stats:read'] };

/** An error as the API renders it. */
export function problem(status: number, code = 'code', message = 'Message.'): Response {
  return Response.json(
    { code, message, details: [], request_id: 'request-1' },
    { status, headers: { 'Retry-After': '7' } },
  );
}

export async function createWorld(options: Options = {}) {
  const { play, path = '/', language = 'en', scopes = ['stats:read'], isSignedIn = true } = options;
  window.history.replaceState(null, '', path);
  const session = new Session(sessionStorage);
  if (isSignedIn) session.begin({ ...GRANTED, scopes, expiresAt: Date.now() + 900_000 });
  const requests: Request[] = [];
  const fetch = vi.fn(async (input: RequestInfo | URL) => {
    const request = new Request(input as Request);
    requests.push(request);
    const answer = await play?.(request.clone());
    if (answer === undefined) return problem(404, 'not_found');
    return answer instanceof Response ? answer.clone() : Response.json(answer);
  });
  const api = new Api({ fetch, session, origin: window.location.origin });
  const texts = await createTexts(language);
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
  const shown = render(world.wrap(part));
  return { ...world, ...shown, show: (next: ReactNode) => shown.rerender(world.wrap(next)) };
}
