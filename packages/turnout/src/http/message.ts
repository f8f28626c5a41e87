// Knows the plain shapes of HTTP that the other floors pass around.

/** Field lines in order, names as they were written; a name may occur more than once. */
export type Fields = readonly (readonly [name: string, value: string])[]

/** One entry of an Upgrade list (RFC 9110 section 7.8): `name` or `name/version`. */
export interface Protocol {
  /** The protocol's name as the sender wrote it; compare without regard to case. */
  readonly name: string
  /** What follows the slash; compare exactly. */
  readonly version: string | undefined
}

/** A small, complete, ordinary response that turnout itself makes: 400, 403, 405, 426, … */
export interface Answer {
  readonly status: number
  /** Without Content-Length and Date: they are added when the answer is written. */
  readonly fields: Fields
  /** Plain text for whoever reads the wire: what was seen, and which rule. */
  readonly body: string
  /** True when nothing more can be read from this connection after the answer. */
  readonly close?: boolean
}
