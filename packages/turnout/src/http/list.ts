// Knows the comma-separated list of HTTP (RFC 9110 section 5.6.1). Never knows what its elements mean.

/**
 * The elements of a list field. Several lines are one list; commas inside a quoted string do not divide;
 * space around an element is dropped, and so are empty elements. An open quote reaches to the end.
 */
export function splitList(lines: readonly string[]): string[] {
  const text = lines.length === 1 ? lines[0]! : lines.join(', ')
  if (!text.includes(',')) return oneItem(text)
  const items: string[] = []
  if (!text.includes('"')) {
    for (const piece of text.split(',')) pushItem(items, piece)
    return items
  }
  let start = 0
  let quoted = false
  for (let at = 0; at < text.length; at++) {
    const char = text[at]
    if (quoted && char === '\\') at++
    else if (char === '"') quoted = !quoted
    else if (char === ',' && !quoted) {
      pushItem(items, text.slice(start, at))
      start = at + 1
    }
  }
  pushItem(items, text.slice(start))
  return items
}

/** The usual case: most lists have one element. */
function oneItem(text: string): string[] {
  const item = trimSpace(text)
  return item === '' ? [] : [item]
}

/** One line for the whole list. The caller vouches for the elements; empty ones must not be sent. */
export function formatList(items: readonly string[]): string {
  return items.join(', ')
}

/** Drops space and tab at both ends (OWS), and nothing else: a vertical tab stays, and is no token later. */
export function trimSpace(text: string): string {
  let start = 0
  let end = text.length
  while (start < end && isSpace(text.charCodeAt(start))) start++
  while (end > start && isSpace(text.charCodeAt(end - 1))) end--
  return text.slice(start, end)
}

function pushItem(items: string[], piece: string): void {
  const item = trimSpace(piece)
  if (item !== '') items.push(item)
}

function isSpace(code: number): boolean {
  return code === 0x20 || code === 0x09
}
