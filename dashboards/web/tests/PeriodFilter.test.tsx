import { act, fireEvent, screen, within } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { describe, expect, it, vi } from 'vitest';
import { PeriodFilter } from '../src/period/PeriodFilter';
import { addDays, DEFAULT_VIEW, today, type View } from '../src/period/view';
import { renderPart } from './world';

async function filter(view: Partial<View> = {}, compares = true) {
  const onChange = vi.fn();
  const shown = await renderPart(
    <PeriodFilter
      view={{ ...DEFAULT_VIEW, ...view }}
      onChange={onChange}
      reportZone="Europe/Moscow"
      compares={compares}
      hasPoints
    />,
  );
  return { ...shown, onChange };
}

const CHOICES = [
  ['24 hours', 'day'],
  ['7 days', 'week'],
  ['30 days', 'month'],
  ['Custom', 'custom'],
] as const;

describe('PeriodFilter', () => {
  it('offers every period', async () => {
    await filter();
    expect(screen.getAllByRole('radio').map((choice) => choice.textContent)).toEqual(
      CHOICES.map(([label]) => label),
    );
  });

  it.each(CHOICES.slice(0, 3))('asks for %s when it is pressed', async (label, period) => {
    const { onChange } = await filter({ period: period === 'day' ? 'week' : 'day' });
    await userEvent.click(screen.getByRole('radio', { name: label }));
    expect(onChange).toHaveBeenCalledExactlyOnceWith({ period, from: null, to: null });
  });

  it.each(CHOICES)('marks %s when it is active', async (label, period) => {
    await filter({ period, from: '2026-03-01', to: '2026-03-02' });
    for (const [other] of CHOICES) {
      const choice = screen.getByRole('radio', { name: other });
      expect(choice).toHaveAttribute('aria-checked', String(other === label));
    }
  });

  it('keeps the active period when it is pressed again', async () => {
    const { onChange } = await filter({ period: 'week' });
    await userEvent.click(screen.getByRole('radio', { name: '7 days' }));
    expect(onChange).not.toHaveBeenCalled();
  });

  it('moves between periods with the arrow keys', async () => {
    const { onChange } = await filter({ period: 'week' });
    act(() => screen.getByRole('radio', { name: '7 days' }).focus());
    await userEvent.keyboard('{ArrowRight}{Enter}');
    expect(onChange).toHaveBeenCalledWith({ period: 'month', from: null, to: null });
  });

  it('asks for two days before it changes to a custom period', async () => {
    const { onChange } = await filter();
    await userEvent.click(screen.getByRole('radio', { name: 'Custom' }));
    expect(onChange).not.toHaveBeenCalled();
    const last = today('Europe/Moscow');
    expect(screen.getByLabelText('From')).toHaveValue(addDays(last, -13));
    await userEvent.click(screen.getByRole('button', { name: 'Apply' }));
    expect(onChange).toHaveBeenCalledWith({ period: 'custom', from: addDays(last, -13), to: last });
  });

  it.each([
    ['2026-03-05', '2026-03-01', 'The first day must not be after the last.'],
    ['', '2026-03-01', 'Both days are needed.'],
    ['2020-01-01', '2026-03-01', 'At most three years.'],
  ])('refuses %s to %s with a reason', async (from, to, reason) => {
    const { onChange } = await filter({ period: 'custom', from: '2026-02-01', to: '2026-02-02' });
    await userEvent.clear(screen.getByLabelText('From'));
    if (from) await userEvent.type(screen.getByLabelText('From'), from);
    await userEvent.clear(screen.getByLabelText('To (inclusive)'));
    await userEvent.type(screen.getByLabelText('To (inclusive)'), to);
    await userEvent.click(screen.getByRole('button', { name: 'Apply' }));
    expect(screen.getByRole('alert')).toHaveTextContent(reason);
    expect(screen.getByLabelText('From')).toBeInvalid();
    expect(onChange).not.toHaveBeenCalled();
  });

  it('switches the comparison', async () => {
    const { onChange } = await filter({ compare: true });
    await userEvent.click(screen.getByRole('switch', { name: 'Compare' }));
    expect(onChange).toHaveBeenCalledWith({ compare: false });
  });

  it('compares with the same weekdays, the year before, and from any day on', async () => {
    const { onChange, show } = await filter({ period: 'week' });
    const select = () => screen.getByLabelText('Compare with');
    await userEvent.selectOptions(select(), 'Same weekdays');
    expect(onChange).toHaveBeenLastCalledWith({ compareWith: 'weekdays' });
    await userEvent.selectOptions(select(), 'From a date…');
    const day = addDays(today('Europe/Moscow'), -20);
    expect(onChange).toHaveBeenLastCalledWith({ compareWith: day });
    const view = { ...DEFAULT_VIEW, compareWith: day };
    show(<PeriodFilter view={view} onChange={onChange} reportZone="UTC" compares />);
    const first = screen.getByLabelText('First day to compare with');
    expect(first).toHaveValue(day);
    fireEvent.change(first, { target: { value: '2026-01-05' } });
    expect(onChange).toHaveBeenLastCalledWith({ compareWith: '2026-01-05' });
  });

  it.each([
    ['Yesterday', 'yesterday'],
    ['Last month', 'last_month'],
    ['All time', 'all'],
  ])('has %s among the other periods', async (label, period) => {
    const { onChange } = await filter();
    await userEvent.selectOptions(screen.getByLabelText('More periods'), label);
    expect(onChange).toHaveBeenCalledExactlyOnceWith({ period, from: null, to: null });
  });

  it('offers the widths of points that suit the period', async () => {
    const { onChange } = await filter({ period: 'day' });
    const select = screen.getByLabelText('Points');
    const widths = within(select).getAllByRole('option');
    expect(widths.map((one) => one.textContent)).toEqual(['Automatic', '15 minutes', 'Hours']);
    await userEvent.selectOptions(select, '15 minutes');
    expect(onChange).toHaveBeenCalledWith({ bucket: '15m' });
  });

  it('has no comparison where the page has none', async () => {
    await filter({}, false);
    expect(screen.queryByRole('switch')).toBeNull();
  });

  it('offers the zone of the reports first and every other zone', async () => {
    const { onChange } = await filter();
    const select = screen.getByLabelText('Time zone');
    expect(select).toHaveDisplayValue('Report time zone (Europe/Moscow)');
    await userEvent.click(select);
    await userEvent.selectOptions(select, 'Asia/Tokyo');
    expect(onChange).toHaveBeenCalledWith({ tz: 'Asia/Tokyo' });
  });

  it('returns to the zone of the reports', async () => {
    const { onChange } = await filter({ tz: 'Asia/Kathmandu' });
    const select = screen.getByLabelText('Time zone');
    expect(select).toHaveDisplayValue('Asia/Kathmandu');
    await userEvent.selectOptions(select, 'Report time zone (Europe/Moscow)');
    expect(onChange).toHaveBeenCalledWith({ tz: null });
  });

  const HOUR = { period: 'custom', from: '2026-03-09T11:00Z', to: '2026-03-09T12:00Z' } as const;

  it('says the times of a period that is an hour, by the clock of the zone', async () => {
    await filter(HOUR);
    expect(screen.getByLabelText('From')).toHaveValue('2026-03-09T14:00');
    expect(screen.getByLabelText('To')).toHaveValue('2026-03-09T15:00');
    expect(screen.queryByLabelText('To (inclusive)')).toBeNull();
  });

  it('asks for times on quarters of an hour, or for days', async () => {
    const { onChange } = await filter(HOUR);
    const to = screen.getByLabelText('To');
    const apply = () => userEvent.click(screen.getByRole('button', { name: 'Apply' }));
    for (const [value, reason] of [
      ['2026-03-09T15:10', /on quarters of an hour/],
      ['2026-03-09T13:00', /after the beginning/],
      ['', /on quarters of an hour/],
    ] as const) {
      fireEvent.change(to, { target: { value } });
      await apply();
      expect(screen.getByRole('alert')).toHaveTextContent(reason);
    }
    expect(onChange).not.toHaveBeenCalled();
    fireEvent.change(to, { target: { value: '2026-03-10T00:15' } });
    await apply();
    expect(onChange).toHaveBeenLastCalledWith({ ...HOUR, to: '2026-03-09T21:15Z' });
    await userEvent.click(screen.getByRole('switch', { name: 'Times' }));
    expect(screen.getByLabelText('To (inclusive)')).toHaveValue('2026-03-10');
    await apply();
    expect(onChange).toHaveBeenLastCalledWith({ ...HOUR, from: '2026-03-09', to: '2026-03-10' });
    await userEvent.click(screen.getByRole('switch', { name: 'Times' }));
    expect(screen.getByLabelText('To')).toHaveValue('2026-03-11T00:00');
  });
});
