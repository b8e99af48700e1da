"""Amounts of money: what the services have in common."""

from decimal import ROUND_HALF_EVEN, Decimal

from pydantic import BaseModel

CENT = Decimal("0.01")


class Amount(BaseModel):
    value: Decimal
    currency: str = "EUR"

    def rounded(self) -> "Amount":
        return Amount(value=self.value.quantize(CENT, ROUND_HALF_EVEN), currency=self.currency)

    def text(self) -> str:
        return f"{self.rounded().value} {self.currency}"


def total(amounts: list[Amount]) -> Amount:
    """The sum; of one currency only."""
    currencies = {amount.currency for amount in amounts} or {"EUR"}
    if len(currencies) > 1:
        raise ValueError(f"several currencies: {', '.join(sorted(currencies))}")
    return Amount(value=sum((amount.value for amount in amounts), Decimal(0)), currency=currencies.pop())
