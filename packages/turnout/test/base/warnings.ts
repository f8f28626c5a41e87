// Knows how to hear what the library warns the process of, and to keep it from the screen.

export interface Warning {
  readonly text: string
  readonly type: string | undefined
  readonly code: string | undefined
  readonly detail: string | undefined
}

/** What `act` warns of, until the promise that it may return has settled. */
export async function warningsOf(act: () => unknown): Promise<Warning[]> {
  const heard: Warning[] = []
  const { emitWarning } = process
  process.emitWarning = ((text: string, { type, code, detail }: Partial<Warning> = {}) => {
    heard.push({ text, type, code, detail })
  }) as never
  try {
    await act()
  } finally {
    process.emitWarning = emitWarning
  }
  return heard
}

/** Those of options that nobody knows. */
export async function unknownOptions(act: () => unknown): Promise<string[]> {
  const heard = await warningsOf(act)
  return heard.filter(({ code }) => code === 'TURNOUT_UNKNOWN_OPTION').map(({ text }) => text)
}
