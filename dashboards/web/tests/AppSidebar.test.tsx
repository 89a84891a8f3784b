import { screen, waitFor, within } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { describe, expect, it } from 'vitest';
import { version } from '../package.json';
import { AppSidebar } from '../src/app/AppSidebar';
import { Preferences } from '../src/app/Preferences';
import { renderPart } from './world';

const ITEMS = [
  ['Overview', '/'],
  ['Users', '/users'],
  ['Dialogs', '/dialogs'],
  ['Turns', '/turns'],
  ['Models & costs', '/models'],
  ['Retention', '/retention'],
  ['Data quality', '/quality'],
  ['Alerts', '/alerts'],
] as const;

async function sidebar(path = '/') {
  return renderPart(
    <AppSidebar onFind={() => {}}>
      <p>Below</p>
    </AppSidebar>,
    { path },
  );
}

it('states the version at its foot', async () => {
  await renderPart(<Preferences />, { path: '/' });
  expect(screen.getByText(`Dialytics ${version}`)).toBeVisible();
});

describe('AppSidebar', () => {
  it('leads to every page', async () => {
    await sidebar();
    const links = within(screen.getByRole('navigation', { name: 'Pages' })).getAllByRole('link');
    expect(links.map((link) => [link.textContent, link.getAttribute('href')])).toEqual(ITEMS);
  });

  it.each(ITEMS)('marks %s as the page shown', async (name, path) => {
    await sidebar(path);
    for (const [other] of ITEMS) {
      const link = screen.getByRole('link', { name: other });
      if (other === name) expect(link).toHaveAttribute('aria-current', 'page');
      else expect(link).not.toHaveAttribute('aria-current');
    }
  });

  it('takes the period along to the next page', async () => {
    await sidebar('/?period=month&tz=UTC');
    await userEvent.click(screen.getByRole('link', { name: 'Users' }));
    expect(window.location.pathname + window.location.search).toBe('/users?period=month&tz=UTC');
    expect(screen.getByRole('link', { name: 'Users' })).toHaveAttribute('aria-current', 'page');
  });

  it('shows what stands below the pages', async () => {
    await sidebar();
    expect(screen.getByText('Below')).toBeVisible();
  });
});

describe('AppSidebar on a phone', () => {
  const open = () => userEvent.click(screen.getByRole('button', { name: 'Open the menu' }));

  it('is closed until the button is pressed', async () => {
    await sidebar();
    const button = screen.getByRole('button', { name: 'Open the menu' });
    expect(button).toHaveAttribute('aria-expanded', 'false');
    await userEvent.click(button);
    const drawer = screen.getByRole('dialog', { name: 'Pages' });
    expect(within(drawer).getAllByRole('link')).toHaveLength(ITEMS.length);
  });

  it('closes with its button and with Escape, and gives the focus back', async () => {
    await sidebar();
    await open();
    await userEvent.click(screen.getByRole('button', { name: 'Close the menu' }));
    expect(screen.queryByRole('dialog')).toBeNull();
    await open();
    await userEvent.keyboard('{Escape}');
    expect(screen.queryByRole('dialog')).toBeNull();
    await waitFor(() =>
      expect(screen.getByRole('button', { name: 'Open the menu' })).toHaveFocus(),
    );
  });

  it('closes when a page is chosen', async () => {
    await sidebar();
    await open();
    await userEvent.click(
      within(screen.getByRole('dialog')).getByRole('link', { name: 'Dialogs' }),
    );
    expect(screen.queryByRole('dialog')).toBeNull();
    expect(window.location.pathname).toBe('/dialogs');
  });

  it('closes when the page that is shown is chosen again', async () => {
    await sidebar();
    await open();
    await userEvent.click(
      within(screen.getByRole('dialog')).getByRole('link', { name: 'Overview' }),
    );
    expect(screen.queryByRole('dialog')).toBeNull();
  });
});
