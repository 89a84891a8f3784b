/** What this month will cost, beside a budget that is kept in the address. */

import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import type { Forecast } from '../api/types';
import { useReport } from '../api/useReport';
import type { Panel } from '../charts/model';
import { TimeChart, withLegend } from '../charts/TimeChart';
import { useView } from '../period/useView';
import { Card } from '../ui/Card';
import { useFormats } from '../ui/format';
import { Loaded } from '../ui/Loaded';
import { type MonthLine, monthLine } from './monthForecast';

const HEIGHT = 200;
/** All turns of the running month in the zone of the reports, as the forecast counts. */
const MONTH = { period: 'month_to_date', bucket: 'day' } as const;

export function ForecastCard() {
  const { t } = useTranslation();
  const forecast = useReport('/api/v1/stats/forecast', {});
  const days = useReport('/api/v1/stats/activity', MONTH);
  const found = forecast.data?.forecast;
  const line = found
    ? monthLine(found.month, days.data?.activity.points ?? [], found.expected_usd)
    : null;
  return (
    <Card
      title={t('forecast.title')}
      metrics={['cost_usd']}
      note={found && <Sentence forecast={found} />}
      actions={<BudgetField />}
      picture={found ? `forecast_${found.month}_${line?.days.at(-1)}` : null}
      csv={found && line ? fileOf(found, line) : null}
    >
      <Loaded query={days} height={withLegend(HEIGHT)}>
        {() => line && <Chart line={line} />}
      </Loaded>
    </Card>
  );
}

function fileOf({ month }: Forecast, { days, spent, expected }: MonthLine) {
  return {
    name: `forecast_${month}_${days.at(-1)}`,
    columns: ['day', 'spent_usd', 'expected_usd'],
    rows: days.map((day, index) => [day, spent[index], expected[index]]),
  };
}

function Sentence({ forecast }: { readonly forecast: Forecast }) {
  const { t } = useTranslation();
  const formats = useFormats(null);
  const [{ budget }] = useView();
  const spent = t('forecast.spent', { value: formats.money(forecast.spent_usd) });
  if (forecast.expected_usd === null) return `${spent} ${t('forecast.tooEarly')}`;
  const share =
    budget === null
      ? ''
      : t('forecast.share', { value: formats.percent(Number(forecast.expected_usd) / budget) });
  return [
    spent,
    t('forecast.expected', {
      value: formats.money(forecast.expected_usd),
      low: formats.money(forecast.low_usd),
      high: formats.money(forecast.high_usd),
    }),
    share,
  ]
    .filter(Boolean)
    .join(' ');
}

function Chart({ line }: { readonly line: MonthLine }) {
  const { t } = useTranslation();
  const formats = useFormats(null);
  const [{ budget }] = useView();
  const format = (value: number | null) => formats.money(value);
  const panel: Panel = {
    key: 'month',
    weight: 1,
    unit: 'money',
    series: [
      {
        key: 'spent',
        label: t('forecast.spentLine'),
        kind: 'bar',
        tone: 'green',
        values: line.spent,
        format,
      },
      {
        key: 'expected',
        label: t('forecast.expectedLine'),
        kind: 'line',
        tone: 'violet',
        values: line.expected,
        format,
      },
      ...(budget === null
        ? []
        : [
            {
              key: 'budget',
              label: t('forecast.budgetLine'),
              kind: 'limit' as const,
              tone: 'red' as const,
              values: line.days.map(() => budget),
              format,
            },
          ]),
    ],
  };
  return (
    <TimeChart
      label={t('forecast.title')}
      height={HEIGHT}
      axis={{ starts: line.days, bucket: 'day', tz: null, partialFrom: null }}
      panels={[panel]}
    />
  );
}

function BudgetField() {
  const { t } = useTranslation();
  const [view, change] = useView();
  const [text, setText] = useState(view.budget === null ? '' : String(view.budget));
  const keep = () => {
    const value = Number(text.replace(',', '.'));
    const isAmount = Number.isFinite(value) && value > 0 && value < 1e9;
    const budget = isAmount ? Math.round(value * 100) / 100 : null;
    setText(budget === null ? '' : String(budget));
    if (budget !== view.budget) change({ budget });
  };
  return (
    <label className="budget">
      {t('forecast.budget')}
      <input
        inputMode="decimal"
        size={7}
        value={text}
        onChange={(event) => setText(event.target.value)}
        onBlur={keep}
        onKeyDown={(event) => event.key === 'Enter' && keep()}
      />
    </label>
  );
}
