/** The limits of the bill: spent this month and today, of how much, and where the month will end. */

import { useTranslation } from 'react-i18next';
import { useAsked } from '../accounts/questions';
import type { components } from '../api/schema';
import type { Forecast } from '../api/types';
import { useReport } from '../api/useReport';
import { Card } from '../ui/Card';
import { useFormats } from '../ui/format';
import { Loaded } from '../ui/Loaded';

type Limit = components['schemas']['BillLimitView'];
/** Kept equal to the share at which the bot warns its operator. */
const WARNING_SHARE = 0.8;
const REFRESH_MILLISECONDS = 10_000;

export function BillCard() {
  const { t } = useTranslation();
  const bill = useAsked('/api/v1/bill', REFRESH_MILLISECONDS);
  const forecast = useReport('/api/v1/stats/forecast', {}).data?.forecast;
  return (
    <Card title={t('bill.title')} note={bill.data?.limits.length ? t('bill.note') : null}>
      <Loaded query={bill} height={64}>
        {({ limits }) =>
          limits.length === 0 ? (
            <p className="note">{t('bill.none')}</p>
          ) : (
            <ul className="bill">
              {limits.map((limit) => (
                <Row
                  key={`${limit.name} ${limit.username}`}
                  limit={limit}
                  // The forecast is of all bots together.
                  forecast={limit.name === 'total_monthly_usd' ? forecast : undefined}
                />
              ))}
            </ul>
          )
        }
      </Loaded>
    </Card>
  );
}

interface RowProps {
  readonly limit: Limit;
  readonly forecast: Forecast | undefined;
}

function Row({ limit, forecast }: RowProps) {
  const { t } = useTranslation();
  const formats = useFormats(null);
  const most = Number(limit.limit_usd);
  const share = limit.spent_usd === null ? null : Number(limit.spent_usd) / most;
  const expected = forecast?.expected_usd ?? null;
  const state = share === null || share < WARNING_SHARE ? '' : share < 1 ? 'near' : 'used';
  return (
    <li>
      <p className="bill-line">
        <strong>{t(`bill.period.${limit.period}`)}</strong>{' '}
        {limit.username === null ? t('bill.allBots') : `@${limit.username}`}{' '}
        <span className={`bill-spent ${state}`}>
          {t('bill.spent', {
            spent: formats.money(limit.spent_usd),
            limit: formats.money(limit.limit_usd),
            share: formats.percent(share),
          })}
        </span>
      </p>
      <div className="bill-bar" aria-hidden="true">
        <div className={state} style={{ width: `${Math.min(1, share ?? 0) * 100}%` }} />
      </div>
      {state === 'used' && <p className="note">{t('bill.used')}</p>}
      {expected !== null && (
        <p className="note">
          {t('bill.forecast', {
            expected: formats.money(expected),
            share: formats.percent(Number(expected) / most),
          })}
        </p>
      )}
    </li>
  );
}
