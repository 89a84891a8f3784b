/** What an address asks for and does not get is said; files are named after what they hold. */

import { screen, waitFor, within } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { describe, expect, it, vi } from 'vitest';
import { fileName } from '../src/pages/files';
import { linkProblems } from '../src/period/view';
import { ANSWERS, playing } from './answers';
import { problem, renderApp } from './world';

const problems = (search: string) =>
  linkProblems(new URLSearchParams(search)).map(({ part }) => part);

describe('an address', () => {
  it.each([
    ['', []],
    ['period=month&tz=UTC&sort=models:-turns', []],
    ['period=custom&from=2026-03-01&to=2026-03-02', []],
    ['period=year', ['period']],
    ['period=', ['period']],
    ['period=custom', ['range']],
    ['period=custom&from=2026-03-02&to=2026-03-01', ['range']],
    ['period=custom&from=2026-02-31&to=2026-03-03', ['range']],
    ['period=custom&from=2000-01-01&to=2026-03-03', ['range']],
    ['tz=Nowhere/City', ['zone']],
    ['tz=', ['zone']],
    ['tz=%2B03:00', ['zone']],
    ['period=year&tz=Mars', ['period', 'zone']],
    ['sort=models', ['order']],
    ['with=never&bucket=minute&metric=fun&budget=none', ['with', 'bucket', 'metric', 'budget']],
  ])('%s asks for nothing that is not there, but %j', (search, parts) => {
    expect(problems(search)).toEqual(parts);
  });

  it.each(['/', '/users', '/dialogs', '/models', '/retention'])(
    'that is wrong is said on %s, until another view is chosen',
    async (path) => {
      await renderApp({ path: `${path}?period=year`, play: playing() });
      const notice = await screen.findByText(/a period that does not exist: “year”/);
      expect(notice).toHaveTextContent('Shown instead: 7 days.');
      await userEvent.click(screen.getByRole('button', { name: 'OK' }));
      expect(screen.queryByText(/does not exist/)).toBeNull();
      expect(window.location.search).toBe('');
    },
  );
});

describe('pickers', () => {
  it('stand only where they work', async () => {
    await renderApp({ path: '/retention', play: playing() });
    expect(await screen.findByRole('radio', { name: '7 days' })).toBeVisible();
    expect(screen.queryByLabelText('Time zone')).toBeNull();
    await userEvent.click(screen.getByRole('link', { name: 'Data quality' }));
    await screen.findByRole('heading', { name: 'Data quality' });
    expect(screen.queryByRole('radio', { name: '7 days' })).toBeNull();
  });

  it('leave the old name until new days are chosen', async () => {
    await renderApp({ play: playing() });
    await userEvent.click(await screen.findByRole('radio', { name: 'Custom' }));
    expect(screen.getByRole('radio', { name: '7 days' })).toBeChecked();
    expect(screen.getByLabelText('From')).toBeVisible();
  });
});

describe('a failure', () => {
  it.each([
    [problem(500, 'internal_error'), 'Check the API log for request request-1.'],
    [problem(403, 'forbidden'), 'An administrator can grant it.'],
    [
      Response.json(
        { code: 'missing_scope', message: 'No.', details: [{ scope: 'stats:read' }] },
        { status: 403 },
      ),
      'An administrator can grant the scope stats:read.',
    ],
    [
      Response.json(
        { code: 'invalid_period', details: [{ where: ['query', 'tz'], problem: 'x' }] },
        { status: 422 },
      ),
      'The API does not know this time zone.',
    ],
  ])('says what to do', async (answer, text) => {
    await renderApp({ path: '/models', play: playing({ '/api/v1/stats/models': answer }) });
    expect((await screen.findAllByText(new RegExp(text.replaceAll('.', '\\.'))))[0]).toBeVisible();
  });
});

describe('a file', () => {
  const period = {
    since: '2026-03-03T21:00:00Z',
    until: '2026-03-10T21:00:00Z',
    tz: 'Europe/Moscow',
  };

  it('has its days in its name', () => {
    const answer = { report_timezone: 'UTC', period };
    expect(fileName('models', answer)).toBe('models_2026-03-04_2026-03-10');
    expect(fileName('checks', { report_timezone: 'UTC', newest_through: period.until })).toBe(
      'checks_2026-03-10',
    );
  });

  it.each([
    [['stats:read', 'names:read'], true],
    [['stats:read'], false],
  ])('has names for %j: %s', async (scopes, hasNames) => {
    const blobs: Blob[] = [];
    vi.spyOn(URL, 'createObjectURL').mockImplementation((blob) => {
      blobs.push(blob as Blob);
      return 'blob:x';
    });
    const click = vi.spyOn(HTMLAnchorElement.prototype, 'click').mockImplementation(() => {});
    const people = hasNames ? { '42': { name: 'Ann Lee', username: 'ann' } } : {};
    const answer = { ...(ANSWERS['/api/v1/stats/users/top'] as object), people };
    await renderApp({
      path: '/users',
      scopes,
      play: playing({ '/api/v1/stats/users/top': answer }),
    });
    const card = await screen.findByRole('region', { name: 'Top users' });
    const save = await within(card).findByRole('button', { name: /Save as CSV/ });
    await waitFor(() => expect(save).toBeEnabled());
    await userEvent.click(save);
    expect((click.mock.contexts[0] as HTMLAnchorElement).download).toMatch(
      /^top-users_\d{4}-\d\d-\d\d_\d{4}-\d\d-\d\d\.csv$/,
    );
    const text = (await blobs[0]?.text()) ?? '';
    expect(text.includes('Ann Lee,ann')).toBe(hasNames);
    expect(text).not.toMatch(/[{}]/);
  });
});
