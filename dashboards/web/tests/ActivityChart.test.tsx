import { fireEvent, screen, within } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { act } from 'react';
import { describe, expect, it, vi } from 'vitest';
import { ActivityChart } from '../src/charts/ActivityChart';
import { HasData } from '../src/ui/states';
import { days, point } from './answers';
import { observers } from './setup';
import { setWidth } from './width';
import { renderPart } from './world';

const POINTS = days(7).map(point);
const ZEROS = POINTS.map((point) => ({ ...point, user_messages: 0, active_users: 0 }));

function chart(part: Partial<Parameters<typeof ActivityChart>[0]> = {}) {
  return (
    <ActivityChart
      points={POINTS}
      previous={[]}
      bucket="day"
      tz="Europe/Moscow"
      dataThrough="2026-03-10T12:00:00Z"
      firstDay={null}
      {...part}
    />
  );
}

function bars(container: HTMLElement): Element[] {
  return [...container.querySelectorAll('[data-series="user_messages"]')];
}

describe('ActivityChart with data', () => {
  it('draws one bar per bucket, taller for more messages', async () => {
    const { container } = await renderPart(chart());
    const heights = bars(container).map((bar) => Number(bar.getAttribute('height')));
    expect(heights).toHaveLength(7);
    expect(heights).toEqual([...heights].sort((a, b) => a - b));
  });

  it('draws the people as a line with a dot per bucket', async () => {
    const { container } = await renderPart(chart());
    expect(container.querySelectorAll('.line.tone-orange circle')).toHaveLength(7);
  });

  it('tells each bucket in words, in the zone of the answer', async () => {
    await renderPart(chart());
    const slider = screen.getByRole('slider', { name: /Activity/ });
    slider.focus();
    await userEvent.keyboard('{Home}');
    expect(slider).toHaveAttribute('aria-valuetext', 'Wed, Mar 4, Messages: 100, Active users: 40');
    await userEvent.keyboard('{ArrowRight}');
    expect(slider).toHaveAttribute('aria-valuetext', 'Thu, Mar 5, Messages: 110, Active users: 41');
    await userEvent.keyboard('{End}{ArrowRight}{PageUp}{ArrowLeft}x');
    expect(slider).toHaveAttribute('aria-valuenow', '0');
  });

  it('marks the bucket that is still filling', async () => {
    const { container } = await renderPart(chart());
    expect(bars(container).map((bar) => bar.classList.contains('filling'))).toEqual([
      ...Array(6).fill(false),
      true,
    ]);
    expect(screen.getByRole('slider')).toHaveAttribute(
      'aria-valuetext',
      'Tue, Mar 10, so far, Messages: 160, Active users: 46',
    );
    const dots = [...container.querySelectorAll('.line circle')];
    expect(dots.map((dot) => dot.classList.contains('filling'))).toEqual([
      ...Array(6).fill(false),
      true,
    ]);
    expect(container.querySelectorAll('.line path.filling')).toHaveLength(1);
  });

  it('draws one solid line when nothing is still filling', async () => {
    const { container } = await renderPart(chart({ dataThrough: '2026-03-11T00:00:00Z' }));
    expect(container.querySelectorAll('.line path')).toHaveLength(1);
    expect(container.querySelector('.filling')).toBeNull();
  });

  it('shows the figures under the pointer and hides them when it leaves', async () => {
    const { container } = await renderPart(chart());
    const slider = screen.getByRole('slider');
    fireEvent.pointerMove(slider, { clientX: 60 });
    expect(container.querySelector('.tip')).toHaveTextContent('Mar 4');
    fireEvent.pointerMove(slider, { clientX: 790 });
    expect(container.querySelector('.tip')).toHaveTextContent('Tue, Mar 10, so far');
    fireEvent.pointerLeave(slider);
    expect(container.querySelector('.tip')).toBeNull();
  });

  it('hides them when a bar is picked, and when other buckets are drawn', async () => {
    const onPick = vi.fn();
    const { container, show } = await renderPart(chart({ onPick }));
    const tip = () => container.querySelector('.tip');
    const slider = screen.getByRole('slider');
    fireEvent.pointerMove(slider, { clientX: 60 });
    fireEvent.pointerDown(slider, { clientX: 60, button: 0 });
    fireEvent.click(slider);
    expect(onPick).toHaveBeenCalledExactlyOnceWith(0, 0);
    expect(tip()).toBeNull();
    expect(container.querySelector('[data-cursor]')).toBeNull();
    // The pointer rests where it is while the answer arrives.
    fireEvent.pointerMove(slider, { clientX: 60 });
    expect(tip()).toHaveTextContent('Mar 4');
    show(chart({ onPick, points: POINTS.slice(1, 3) }));
    expect(tip()).toBeNull();
    fireEvent.pointerMove(slider, { clientX: 60 });
    expect(tip()).toHaveTextContent('Mar 5');
    // The same buckets with newer figures.
    show(chart({ onPick, points: POINTS.slice(1, 3).map((one) => ({ ...one, turns: 1 })) }));
    expect(tip()).toHaveTextContent('Mar 5');
  });

  it('lays the period before over it when there is one', async () => {
    const { container } = await renderPart(chart({ previous: POINTS }));
    expect(container.querySelectorAll('.line.previous')).toHaveLength(2);
    const slider = screen.getByRole('slider');
    slider.focus();
    await userEvent.keyboard('{Home}');
    expect(slider.getAttribute('aria-valuetext')).toContain('Messages: 100 (vs 100)');
  });

  it('lays it over the buckets that have begun, when both are cut where the data end', async () => {
    const { container } = await renderPart(
      chart({ previous: POINTS.slice(0, 3), dataThrough: '2026-03-06T12:00:00Z' }),
    );
    expect(container.querySelectorAll('.line.previous')).toHaveLength(2);
  });

  it.each([
    ['fewer', POINTS.slice(0, 6)],
    ['more', [...POINTS, ...POINTS.slice(0, 1)]],
  ])(
    'leaves out a period before of %s points: their places are not the same',
    async (_, previous) => {
      const { container } = await renderPart(chart({ previous }));
      expect(container.querySelector('.line.previous')).toBeNull();
      expect(screen.getByRole('slider').getAttribute('aria-valuetext')).not.toContain('before');
    },
  );

  it('leaves out what lies before the first turn', async () => {
    const { container } = await renderPart(chart({ previous: ZEROS, firstDay: '2026-03-20' }));
    expect(container.querySelector('.line.previous')).toBeNull();
    expect(screen.queryByRole('button', { name: 'Period before' })).toBeNull();
  });

  it('names the days of hours where there are several', async () => {
    const hours = Array.from({ length: 48 }, (_, hour) =>
      point(new Date(Date.UTC(2026, 2, 3, 21 + hour)).toISOString(), hour),
    );
    const { container, show } = await renderPart(chart({ bucket: 'hour', points: hours }));
    const axis = () => container.querySelector('.axis-bottom');
    expect(axis()).toHaveTextContent(/Mar 4, 00:00/);
    show(chart({ bucket: 'hour', points: hours.slice(0, 24) }));
    expect(axis()).not.toHaveTextContent(/Mar/);
    expect(axis()).toHaveTextContent(/00:00/);
  });

  it('names hours by the clock', async () => {
    await renderPart(chart({ bucket: 'hour' }));
    expect(screen.getByRole('slider').getAttribute('aria-valuetext')).toMatch(/Mar 10, 00:00/);
  });
});

describe('ActivityChart beside what is known', () => {
  const WEEKS = ['2026-03-02', '2026-03-09', '2026-03-16'].map((day) => `${day}T00:00:00+03:00`);
  const weeks = WEEKS.map(point);

  it('calls a week a week, and a month a month', async () => {
    const part = { points: weeks, bucket: 'week', dataThrough: '2026-03-20T00:00:00Z' } as const;
    const { container, show } = await renderPart(chart(part));
    const slider = screen.getByRole('slider');
    const text = () => slider.getAttribute('aria-valuetext');
    expect(text()).toMatch(/^Mar 16\s–\s22, so far/);
    expect(container.querySelector('.axis-bottom')).toHaveTextContent(/Mar 9\s–\s15/);
    show(chart({ ...part, bucket: 'month' }));
    expect(text()).toMatch(/^Mar 2026/);
  });

  it('draws no zeros for the future and for the time before the first turn', async () => {
    const { container } = await renderPart(
      chart({
        points: ZEROS.map((point, index) => ({ ...point, user_messages: index === 4 ? 9 : 0 })),
        firstDay: '2026-03-06',
        dataThrough: '2026-03-08T12:00:00Z',
      }),
    );
    // 4 and 5 March lie before it, 9 and 10 March have not begun.
    expect(bars(container)).toHaveLength(3);
    expect(container.querySelectorAll('.line.tone-orange circle')).toHaveLength(3);
    const slider = screen.getByRole('slider');
    slider.focus();
    await userEvent.keyboard('{Home}');
    expect(slider.getAttribute('aria-valuetext')).toContain('Messages: –');
  });

  it('gives the labels of its axis the room that they need', async () => {
    const { container, show } = await renderPart(chart());
    const left = () => Number(container.querySelector('rect.bar')?.getAttribute('x'));
    const narrow = left();
    show(
      chart({ points: POINTS.map((point) => ({ ...point, user_messages: 999 + 123_456_700 })) }),
    );
    expect(left()).toBeGreaterThan(narrow);
  });
});

describe('ActivityChart without data', () => {
  it('says so for no buckets, and what to do', async () => {
    await renderPart(chart({ points: [] }));
    expect(screen.getByText('No value is known in this period.')).toBeVisible();
    expect(screen.getByText('Choose a longer period above.')).toBeVisible();
    expect(screen.queryByRole('slider')).toBeNull();
  });

  it('draws zeros of a known period as zeros', async () => {
    await renderPart(chart({ points: ZEROS }));
    expect(screen.getByRole('slider')).toHaveAttribute(
      'aria-valuetext',
      'Tue, Mar 10, so far, Messages: 0, Active users: 0',
    );
    expect(screen.queryByText(/No value|Nothing/)).toBeNull();
  });

  it('says that there are no messages yet where there never was one', async () => {
    await renderPart(<HasData value={false}>{chart({ points: ZEROS })}</HasData>);
    expect(screen.getByText('No messages yet.')).toBeVisible();
    expect(screen.queryByRole('slider')).toBeNull();
  });
});

describe('ActivityChart legend', () => {
  it('names each series, and the period before only when it is there', async () => {
    const { show } = await renderPart(chart());
    const legend = screen.getByRole('list', { name: /Series/ });
    const names = () =>
      within(legend)
        .getAllByRole('button')
        .map((entry) => entry.textContent);
    expect(names()).toEqual(['Messages', 'Active users']);
    show(chart({ previous: POINTS }));
    expect(names()).toEqual(['Messages', 'Active users', 'Period before']);
  });

  it('hides a series and shows it again', async () => {
    const { container } = await renderPart(chart({ previous: POINTS }));
    const entry = screen.getByRole('button', { name: 'Messages' });
    expect(entry).toHaveAttribute('aria-pressed', 'true');
    await userEvent.click(entry);
    expect(entry).toHaveAttribute('aria-pressed', 'false');
    expect(bars(container)).toHaveLength(0);
    await userEvent.click(entry);
    expect(bars(container)).toHaveLength(7);
    await userEvent.click(screen.getByRole('button', { name: 'Period before' }));
    expect(container.querySelector('.line.previous')).toBeNull();
  });
});

describe('ActivityChart on different widths', () => {
  it('draws nothing until it knows its width, but keeps its height', async () => {
    setWidth(0);
    const { container } = await renderPart(chart());
    expect(container.querySelector('svg')).toBeNull();
    expect(screen.getByRole('slider')).toHaveStyle({ height: '300px' });
  });

  it('follows its width, and labels fewer buckets on a phone', async () => {
    const { container } = await renderPart(chart());
    const labels = () => container.querySelectorAll('.axis-bottom text').length;
    expect(container.querySelector('svg')).toHaveAttribute('width', '800');
    expect(labels()).toBe(7);
    act(() => {
      for (const observer of observers) {
        const entry = { contentRect: new DOMRect(0, 0, 260, 300) } as ResizeObserverEntry;
        observer.callback([entry], observer);
      }
    });
    expect(container.querySelector('svg')).toHaveAttribute('width', '260');
    expect(labels()).toBe(4);
  });
});

describe('a range of ActivityChart', () => {
  it('is what the pointer drags over, in either direction, or one bar', async () => {
    const onPick = vi.fn();
    await renderPart(chart({ onPick }));
    const slider = screen.getByRole('slider');
    fireEvent.pointerDown(slider, { clientX: 790, button: 0 });
    fireEvent.pointerMove(slider, { clientX: 60, buttons: 1 });
    expect(slider).toHaveAttribute(
      'aria-valuetext',
      expect.stringMatching(/^Wed, Mar 4 to Tue, Mar 10/),
    );
    fireEvent.click(slider);
    expect(onPick).toHaveBeenLastCalledWith(0, 6);
    fireEvent.pointerDown(slider, { clientX: 60, button: 0 });
    fireEvent.click(slider);
    expect(onPick).toHaveBeenLastCalledWith(0, 0);
  });

  it('is what Shift and the arrow keys mark, until Escape', async () => {
    const onPick = vi.fn();
    await renderPart(chart({ onPick }));
    screen.getByRole('slider').focus();
    await userEvent.keyboard('{End}{Shift>}{ArrowLeft}{ArrowLeft}{/Shift}{Enter}');
    expect(onPick).toHaveBeenLastCalledWith(4, 6);
    await userEvent.keyboard('{End}{Shift>}{ArrowLeft}{/Shift}{Escape}{Home}{Enter}');
    expect(onPick).toHaveBeenLastCalledWith(0, 0);
  });
});

describe('a metric of ActivityChart', () => {
  it.each([
    ['cost_usd', 'Cost: $1.25', '[data-series="cost_usd"]'],
    ['error_rate', 'Failure rate: 1.1%', '.line.tone-red circle'],
    ['latency_p95_ms', 'Answer time, p95: 4 sec', '.line.tone-violet circle'],
  ] as const)('%s is drawn alone, in its unit', async (metric, text, marks) => {
    const { container } = await renderPart(chart({ metric }));
    expect(screen.getByRole('slider').getAttribute('aria-valuetext')).toMatch(
      new RegExp(`, ${text.replace('$', '\\$')}$`),
    );
    expect(container.querySelectorAll(marks)).toHaveLength(7);
  });

  it('that is unknown everywhere is not said to be silence', async () => {
    const none = POINTS.map((one) => ({ ...one, cost_usd: null }));
    await renderPart(chart({ points: none, metric: 'cost_usd' }));
    expect(screen.getByText('No value is known in this period.')).toBeVisible();
  });
});

describe('the usual range of ActivityChart', () => {
  const range = { low: 119.6, high: 150.4 };
  const usual = { user_messages: POINTS.map((_, index) => (index === 1 ? null : range)) };
  const whole = '2026-03-11T00:00:00Z';

  it('lies behind the values, and those outside it are marked and said', async () => {
    const { container } = await renderPart(chart({ usual, dataThrough: whole }));
    expect(container.querySelectorAll('.plot .band')).toHaveLength(6);
    // 100 is below it, 160 above it, and of 110 nothing is known.
    expect(container.querySelectorAll('.unusual')).toHaveLength(2);
    const slider = screen.getByRole('slider');
    const text = () => slider.getAttribute('aria-valuetext');
    expect(text()).toContain('Messages: 160 (outside the usual 120 to 150)');
    slider.focus();
    await userEvent.keyboard('{Home}{ArrowRight}');
    expect(text()).toContain('Messages: 110, Active users');
    await userEvent.keyboard('{ArrowRight}');
    expect(text()).toContain('Messages: 120 (usual 120 to 150)');
  });

  it('makes no verdict on what is still filling', async () => {
    const { container } = await renderPart(chart({ usual }));
    expect(container.querySelectorAll('.unusual')).toHaveLength(1);
    expect(screen.getByRole('slider').getAttribute('aria-valuetext')).toContain(
      'so far, Messages: 160 (usual 120 to 150)',
    );
  });

  it('can be switched off', async () => {
    const { container } = await renderPart(chart({ usual, dataThrough: whole }));
    await userEvent.click(screen.getByRole('button', { name: /^Usual range/ }));
    expect(container.querySelector('.plot :is(.band, .unusual)')).toBeNull();
    expect(screen.getByRole('slider').getAttribute('aria-valuetext')).not.toContain('usual');
  });

  it('does not flatten the values below it', async () => {
    const wide = { user_messages: POINTS.map(() => ({ low: 0, high: 1e6 })) };
    const { container } = await renderPart(chart({ usual: wide, metric: 'user_messages' }));
    const heights = bars(container).map((bar) => Number(bar.getAttribute('height')));
    expect(Math.max(...heights)).toBeGreaterThan(130);
  });

  it('is off while less than 4 weeks are known, and says so', async () => {
    await renderPart(chart({ usual: { user_messages: POINTS.map(() => null) } }));
    expect(screen.getByText('Usual range: needs 4 weeks of data')).toBeVisible();
    expect(screen.queryByRole('button', { name: /Usual range/ })).toBeNull();
  });
});
