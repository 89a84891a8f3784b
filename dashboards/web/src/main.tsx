/** The composition root: builds what the dashboard stands on and draws it. */

import { QueryClient, QueryClientProvider } from '@tanstack/react-query';
import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import { I18nextProvider } from 'react-i18next';
import { Api } from './api/api';
import { App } from './app/App';
import { PageReloader } from './app/reload';
import { ServicesProvider } from './app/services';
import { applyTheme, readTheme } from './app/theme';
import { createTexts, preferredLanguage } from './i18n';
import { Session } from './session/session';
import { ErrorBoundary } from './ui/ErrorBoundary';
import './styles/base.css';

const reloader = new PageReloader({
  storage: sessionStorage,
  fetch: window.fetch.bind(window),
  reload: () => location.reload(),
  build: import.meta.url,
});
window.addEventListener('vite:preloadError', () => void reloader.once());

async function start(): Promise<void> {
  applyTheme(readTheme(localStorage), document.documentElement);
  const session = new Session();
  const api = new Api({
    fetch: window.fetch.bind(window),
    session,
    origin: location.origin,
    tabs: new BroadcastChannel('dialytics.session'),
  });
  // Asked while the texts load. The page asks again when it fails, and shows why.
  api.resume().catch(() => undefined);
  const texts = await createTexts(preferredLanguage(localStorage, navigator.languages));
  const queries = new QueryClient();
  const root = document.getElementById('root');
  if (!root) throw new Error('index.html has no #root');
  createRoot(root).render(
    <StrictMode>
      <I18nextProvider i18n={texts}>
        <QueryClientProvider client={queries}>
          <ServicesProvider value={{ api, session, storage: localStorage, reloader }}>
            <ErrorBoundary>
              <App />
            </ErrorBoundary>
          </ServicesProvider>
        </QueryClientProvider>
      </I18nextProvider>
    </StrictMode>,
  );
}

start().catch((error: unknown) => {
  // Without its texts the page can only show the words of index.html.
  document.querySelector('.not-started')?.classList.add('shown');
  throw error;
});
