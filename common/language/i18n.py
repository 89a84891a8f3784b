"""Texts in a person's language, from the catalogues in `locales/` of a package."""

from __future__ import annotations

import gettext
from decimal import Decimal
from functools import cache
from io import BytesIO
from pathlib import Path

from babel import Locale, negotiate_locale
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.numbers import format_decimal


class Translator:
    """One language."""

    def __init__(self, code: str, catalogue: gettext.NullTranslations) -> None:
        self.code = code
        self.locale = Locale.parse(code)
        self._catalogue = catalogue

    def __call__(self, text: str, /, **values: object) -> str:
        """The text in this language, with `{name}` replaced by values."""
        translated = self._catalogue.gettext(text)
        return translated.format(**values) if values else translated

    def plural(self, one: str, many: str, count: int, /, **values: object) -> str:
        """The plural form for `count`, which the text contains as `{count}`."""
        return self._catalogue.ngettext(one, many, count).format(count=count, **values)


def dollars(amount: Decimal, _: Translator) -> str:
    """Amounts below a dollar keep up to six decimals."""
    pattern = "#,##0.00" if amount >= 1 else "0.00####"
    return "$" + format_decimal(amount, format=pattern, locale=_.locale)


class Translations:
    """Every language of a package.

    Args:
        default: for people whose client states no supported language.
        directory: of the catalogues, such as `ru.po`.
    """

    def __init__(self, default: str, *, directory: Path) -> None:
        self._languages = _read(directory)
        if default not in self._languages:
            raise ValueError(f"{default!r} is not one of {', '.join(sorted(self._languages))}")
        self._default = default

    @property
    def codes(self) -> list[str]:
        return sorted(self._languages)

    @property
    def default(self) -> Translator:
        return self._languages[self._default]

    def for_language(self, tag: str | None) -> Translator:
        """The best match for an IETF tag (`ru-RU` is `ru`)."""
        code = negotiate_locale([tag], self.codes, sep="-") if tag else None
        return self._languages[code or self._default]


@cache
def _read(directory: Path) -> dict[str, Translator]:
    languages = {}
    for path in sorted(directory.glob("*.po")):
        with path.open("rb") as file:
            catalogue = read_po(file, locale=path.stem)
        compiled = BytesIO()
        write_mo(compiled, catalogue)
        compiled.seek(0)
        languages[path.stem] = Translator(path.stem, gettext.GNUTranslations(compiled))
    return languages
