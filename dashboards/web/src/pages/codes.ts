/** The codes of the API in the language of the reader; a new one is shown as it is, in words. */

import { useTranslation } from 'react-i18next';
import { NONE } from '../ui/format';

interface CodeNames {
  cause(code: string): string;
  chatType(code: string): string;
  language(code: string | null): string;
}

export function useCodeNames(): CodeNames {
  const { t, i18n } = useTranslation();
  const name = (key: string, code: string) =>
    // The keys are codes of the API: it may know more of them than these texts do.
    t(key as 'chatType.private', { defaultValue: code.replaceAll('_', ' ') });
  return {
    cause: (code) => name(`reason.${code}`, code),
    chatType: (code) => name(`chatType.${code}`, code),
    language: (code) => (code ? languageName(code, i18n.language) : NONE),
  };
}

function languageName(code: string, language: string): string {
  try {
    return new Intl.DisplayNames(language, { type: 'language' }).of(code) ?? code;
  } catch {
    // Not a language tag: Telegram sends what the person's app says.
    return code;
  }
}
