"""Gap-free numbers, and account numbers with check digits."""

from sqlalchemy import update
from sqlalchemy.orm import Session

from crm_bridge.once import insert_once
from crm_bridge.tables import NumberSequenceRow

FIRST_ACCOUNT = 100_001
_CHECK_DIGITS = 2
_LONGEST = 20


def take_number(session: Session, name: str, *, first: int = 1) -> int:
    """The next number of the sequence. Its row stays locked until the caller's transaction ends, so that a number which is
    rolled back is given again: no gap, no duplicate.
    """
    insert_once(session, NumberSequenceRow, {"name": name, "next_value": first})
    statement = (
        update(NumberSequenceRow)
        .where(NumberSequenceRow.name == name)
        .values(next_value=NumberSequenceRow.next_value + 1)
        .returning(NumberSequenceRow.next_value)
        .execution_options(synchronize_session=False)
    )
    return session.execute(statement).scalar_one() - 1


def next_account_number(session: Session) -> str:
    return with_check_digits(take_number(session, "account", first=FIRST_ACCOUNT))


def with_check_digits(serial: int) -> str:
    """ISO 7064 MOD 97-10, as IBANs have it: finds every wrong digit and every pair that was swapped."""
    return f"{serial}{98 - serial * 100 % 97:02d}"


def is_account_number(text: str) -> bool:
    return text.isascii() and text.isdecimal() and _CHECK_DIGITS < len(text) <= _LONGEST and int(text) % 97 == 1
