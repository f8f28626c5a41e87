"""Knows which bytes a described message holds: the same ones as payload.ts."""


def payload(kind, size):
    if kind == "binary":
        return bytes((index * 167 + (index >> 8)) & 255 for index in range(size))
    unit = "turnout é 转辙器 🚃 "
    whole = size // len(unit.encode())
    return unit * whole + "." * (size - whole * len(unit.encode()))
