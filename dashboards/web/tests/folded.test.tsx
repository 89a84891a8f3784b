/** The button behind which a phone folds the controls of a page. */

import { screen } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { describe, expect, it } from 'vitest';
import { is } from '../src/filters/filters';
import { FoldedControls } from '../src/period/FoldedControls';
import { DEFAULT_VIEW, type View } from '../src/period/view';
import { renderPart } from './world';

const folded = (part: Partial<View>, compares = true) => (
  <FoldedControls view={{ ...DEFAULT_VIEW, ...part }} zone="Asia/Kathmandu" compares={compares}>
    <p>controls</p>
  </FoldedControls>
);
const name = () => screen.getByRole('button').getAttribute('aria-label');

describe('folded controls', () => {
  it('say period, filters, comparison and zone', async () => {
    const filters = [is('status', 'failed'), is('model', 'small')];
    const { show } = await renderPart(folded({ period: 'month', filters }));
    expect(name()).toBe(
      'Period and filters: 30 days · 2 filters · vs previous period · Asia/Kathmandu',
    );
    show(folded({ period: 'custom', from: '2026-03-01', to: '2026-03-07', compare: false }));
    expect(name()).toMatch(/^Period and filters: Mar 1\s–\s7 · Asia\/Kathmandu$/);
    show(
      folded({
        period: 'custom',
        from: '2026-03-01T08:15Z',
        to: '2026-03-01T09:15Z',
        compare: false,
      }),
    );
    expect(name()).toMatch(/Mar 1.*14:00\s–\s15:00/);
    show(folded({}, false));
    expect(name()).toBe('Period and filters: 7 days · Asia/Kathmandu');
  });

  it('say it in Russian', async () => {
    await renderPart(folded({ filters: [is('status', 'failed')] }), { language: 'ru' });
    expect(name()).toBe(
      'Период и фильтры: 7 дней · 1 фильтр · к предыдущему периоду · Asia/Kathmandu',
    );
  });

  it('open and close', async () => {
    await renderPart(folded({}));
    const button = screen.getByRole('button');
    expect(button).toHaveAttribute('aria-expanded', 'false');
    await userEvent.click(button);
    expect(button).toHaveAttribute('aria-expanded', 'true');
    expect(document.getElementById(button.getAttribute('aria-controls') ?? '')).toHaveTextContent(
      'controls',
    );
  });
});
