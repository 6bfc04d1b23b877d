"""Numbers in addresses and forms: whatever somebody typed there, it is a usable number or none."""

LARGEST_ID = 2**62


def whole_number(text: object) -> int | None:
    """Return a number of plain digits that the database can hold; None for anything else ("²", 10**30, "7a")."""
    typed = str(text).strip()
    if not (typed.isascii() and typed.isdigit() and len(typed) < 20):
        return None
    number = int(typed)
    return number if number < LARGEST_ID else None
