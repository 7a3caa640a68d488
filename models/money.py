"""What an amount of money is: integer micros (millionths of a US dollar) in tables and sums, Decimal where people read it.

Published carrier fees already need six decimals ($0.005175), so cents are too coarse; binary fractions cannot hold a
dime, so a float is refused at this door. Columns are plain big integers named `*_u`; every figure enters through
`micros` (exact or refused) and leaves through `dollars` or `show`. Rounding happens once, in `round_to_cents`, which
hands the difference back so that a statement can print it as its own line.
"""

import re
from decimal import ROUND_HALF_EVEN, Context, Decimal

MICROS_PER_DOLLAR = 1_000_000
MICROS_PER_CENT = 10_000
LIMIT = 2**63 - 1
"""The largest number of micros a column can hold: about 9.2 trillion dollars."""

_PLAIN = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]{1,2})?")
_MAX_DIGITS = 100
_EXACT = Context(prec=3 * _MAX_DIGITS)


class NotMoney(ValueError, TypeError):
    """A value that cannot be an amount; the text is one sentence that says why and what to pass instead."""


def usd(value: int | str | Decimal) -> Decimal:
    """An amount in US dollars as an exact Decimal, from whole dollars, a decimal string or a Decimal.

    Strings are plain ("0.0079", "-1.50", Twilio's own style): no currency sign, no thousands separator.
    Raises NotMoney for a float, NaN, infinity, any other type or text, and for more than 9.2 trillion dollars.
    """
    if isinstance(value, bool) or not isinstance(value, int | str | Decimal):
        raise NotMoney(f"An amount is an int, a str or a Decimal, never a {type(value).__name__}: pass '0.1', not 0.1.")
    if isinstance(value, str):
        value = value.strip()
        if len(value) > _MAX_DIGITS or not _PLAIN.fullmatch(value):
            raise NotMoney("An amount is written in plain digits with a point, for example 1234.50.")
    if isinstance(value, int) and abs(value) > LIMIT:
        raise NotMoney("An amount may not exceed 9.2 trillion dollars.")
    amount = Decimal(value)
    if not amount.is_finite():
        raise NotMoney("An amount is a finite number, never NaN or infinity.")
    if amount and amount.adjusted() > 12:
        raise NotMoney("An amount may not exceed 9.2 trillion dollars.")
    return amount


def micros(value: int | str | Decimal, *, rounding: str | None = None) -> int:
    """The amount in millionths of a dollar: micros("0.0083") == 8300.

    Exact: more than six decimals are refused unless `rounding` names one of decimal's modes (decimal.ROUND_HALF_EVEN…).
    Raises NotMoney as `usd` does, and for digits beyond the sixth decimal.
    """
    amount = usd(value)
    exponent = amount.as_tuple().exponent
    if not isinstance(exponent, int) or exponent < -_MAX_DIGITS or len(amount.as_tuple().digits) > _MAX_DIGITS:
        raise NotMoney("An amount has at most a hundred digits.")
    scaled = amount.scaleb(6, context=_EXACT)
    whole = scaled.to_integral_value(rounding=rounding or ROUND_HALF_EVEN, context=_EXACT)
    if rounding is None and whole != scaled:
        raise NotMoney("An amount has at most six decimals; name a rounding to drop the rest.")
    return _checked(int(whole))


def dollars(amount_u: int) -> Decimal:
    """Micros as US dollars with exactly six decimals: dollars(8300) == Decimal("0.008300")."""
    return Decimal(_checked(amount_u)).scaleb(-6, context=_EXACT)


def round_to_cents(amount_u: int) -> tuple[int, int]:
    """(the nearest whole cents, what rounding added), both in micros; half a cent goes to the even cent.

    The first is always the amount plus the second, so lines + rounding = the printed total, to the micro.
    """
    cents, rest = divmod(_checked(amount_u), MICROS_PER_CENT)
    if rest > MICROS_PER_CENT // 2 or (rest == MICROS_PER_CENT // 2 and cents % 2):
        cents += 1
    return cents * MICROS_PER_CENT, cents * MICROS_PER_CENT - amount_u


def show(amount_u: int) -> str:
    """Micros as people read them: "$1,234.56", "$0.0083", "-$1.50".

    Two decimals, and as many more (up to six) as the amount really has: the text never rounds, so it never lies.
    """
    whole, rest = divmod(abs(_checked(amount_u)), MICROS_PER_DOLLAR)
    decimals = f"{rest:06d}".rstrip("0").ljust(2, "0")
    return f"{'-' if amount_u < 0 else ''}${whole:,}.{decimals}"


def _checked(amount_u: int) -> int:
    if isinstance(amount_u, bool) or not isinstance(amount_u, int):
        raise NotMoney(f"Micros are an int, never a {type(amount_u).__name__}.")
    if abs(amount_u) > LIMIT:
        raise NotMoney("An amount may not exceed 9.2 trillion dollars.")
    return amount_u
