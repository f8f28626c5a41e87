// Knows whose turn it is: the order of the peers within a window, which changes from one window to the next.

/**
 * The peers in the order of a window. Every second window goes backwards, so that of any two peers each comes first as
 * often as the other; every two windows another peer begins, so that none begins them all.
 * `window` counts on from round to round.
 */
export function inTurn<Item>(items: readonly Item[], window: number): readonly Item[] {
  const first = items.length === 0 ? 0 : Math.floor(window / 2) % items.length
  const order = [...items.slice(first), ...items.slice(0, first)]
  return window % 2 === 0 ? order : order.reverse()
}
