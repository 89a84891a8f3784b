/** One broken part must not blank the page; a script that does not load reloads the page once. */

import { screen, waitFor } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { beforeEach, describe, expect, it, vi } from 'vitest';
import { PageReloader } from '../src/app/reload';
import { Card } from '../src/ui/Card';
import { ErrorBoundary } from '../src/ui/ErrorBoundary';
import { ANSWERS, playing } from './answers';
import { renderApp, renderPart } from './world';

function Fails({ error }: { readonly error: Error | null }) {
  if (error) throw error;
  return <p>Drawn</p>;
}

beforeEach(() => {
  // React writes each caught error to the console.
  vi.spyOn(console, 'error').mockImplementation(() => undefined);
});

describe('a part that cannot be drawn', () => {
  it('is said in its card, and tried again on request', async () => {
    let error: Error | null = new Error('no such field');
    const Part = () => <Fails error={error} />;
    await renderPart(
      <>
        <Card title="One">
          <Part />
        </Card>
        <Card title="Two">Still here</Card>
      </>,
    );
    expect(screen.getByRole('alert')).toHaveTextContent('This part of the page could not be shown');
    expect(screen.getByRole('heading', { name: 'One' })).toBeVisible();
    expect(screen.getByText('Still here')).toBeVisible();
    error = null;
    await userEvent.click(screen.getByRole('button', { name: 'Try again' }));
    expect(screen.getByText('Drawn')).toBeVisible();
  });

  it('leaves the other cards when an answer has another shape than expected', async () => {
    await renderApp({
      path: '/models',
      play: playing({
        '/api/v1/stats/costs': {
          ...(ANSWERS['/api/v1/stats/costs'] as object),
          costs: { points: [], unpriced_models: null },
        },
      }),
    });
    expect(await screen.findByRole('alert')).toHaveTextContent('could not be shown');
    expect(await screen.findByRole('table', { name: 'Models' })).toBeVisible();
    expect(screen.getByRole('link', { name: 'Overview' })).toBeVisible();
  });

  it('is drawn again with the next data', async () => {
    const part = (key: string, error: Error | null) => (
      <ErrorBoundary resetKey={key}>
        <Fails error={error} />
      </ErrorBoundary>
    );
    const { show } = await renderPart(part('a', new Error('broken')));
    expect(screen.getByRole('alert')).toBeVisible();
    show(part('b', null));
    await waitFor(() => expect(screen.getByText('Drawn')).toBeVisible());
  });
});

describe('a script that does not load', () => {
  it.each([
    'Failed to fetch dynamically imported module: http://x/assets/a.js',
    'error loading dynamically imported module: http://x/assets/a.js',
    'Importing a module script failed.',
    'Unable to preload CSS for /assets/a.css',
  ])('offers to reload: %s', async (message) => {
    const { reloader } = await renderPart(
      <ErrorBoundary>
        <Fails error={new TypeError(message)} />
      </ErrorBoundary>,
    );
    expect(screen.getByRole('alert')).toHaveTextContent('This page could not be loaded');
    reloader.now.mockResolvedValueOnce(false);
    await userEvent.click(screen.getByRole('button', { name: 'Reload the page' }));
    expect(screen.getByRole('alert')).toHaveTextContent('The server does not answer');
  });

  const reloading = (build: string, answers: () => Promise<Response>) => {
    const reload = vi.fn();
    return {
      reload,
      reloader: new PageReloader({ storage: sessionStorage, fetch: answers, reload, build }),
    };
  };
  const up = async () => new Response();

  it('reloads the page once per build', async () => {
    const first = reloading('build-1', up);
    await first.reloader.once();
    expect(first.reload).toHaveBeenCalledOnce();
    const again = reloading('build-1', up);
    await again.reloader.once();
    expect(again.reload).not.toHaveBeenCalled();
    const upgraded = reloading('build-2', up);
    await upgraded.reloader.once();
    expect(upgraded.reload).toHaveBeenCalledOnce();
  });

  it.each([
    ['does not answer', () => Promise.reject(new TypeError('Failed to fetch'))],
    ['answers 502', async () => new Response(null, { status: 502 })],
  ])('keeps the page while the server %s', async (_, answers) => {
    const { reload, reloader } = reloading('build-1', answers);
    await reloader.once();
    expect(await reloader.now()).toBe(false);
    expect(reload).not.toHaveBeenCalled();
    const later = reloading('build-1', up);
    await later.reloader.once();
    expect(later.reload).toHaveBeenCalledOnce();
  });
});
