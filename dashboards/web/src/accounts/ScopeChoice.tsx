/** Check boxes for scopes, named `scopes` in their form. */

import { useTranslation } from 'react-i18next';
import { SCOPES, type Scope, scopeKey } from './questions';

interface Props {
  /** Those that may be given. */
  readonly among?: readonly string[];
  readonly chosen: readonly string[];
  /** Stays as it is. */
  readonly fixed?: Scope | undefined;
}

export function ScopeChoice({ among = SCOPES, chosen, fixed }: Props) {
  const { t } = useTranslation();
  return (
    <fieldset className="field choices">
      <legend className="field-name">{t('account.permissions')}</legend>
      {SCOPES.filter((scope) => among.includes(scope)).map((scope) => (
        <label key={scope}>
          {/* What is disabled is in no form. */}
          {scope === fixed && <input type="hidden" name="scopes" value={scope} />}
          <input
            type="checkbox"
            name="scopes"
            value={scope}
            defaultChecked={chosen.includes(scope)}
            disabled={scope === fixed}
          />
          <span>
            {t(`scope.${scopeKey(scope)}`)} <code>{scope}</code>
          </span>
        </label>
      ))}
    </fieldset>
  );
}
