// Knows how to show that the bench is alive: one line that is rewritten on a terminal, a few plain lines elsewhere.
import type { WriteStream } from 'node:tty'

export interface Progress {
  /** What is being done. */
  now(text: string): void
  /** One more measurement of `total` is done. */
  step(): void
  /** Prints a block for good, above the progress. */
  print(text: string): void
  end(): void
}

export function createProgress(total: number, out: NodeJS.WriteStream = process.stderr): Progress {
  const startMs = performance.now()
  let done = 0
  let current = ''
  let announced = ''
  const terminal = out.isTTY ? (out as WriteStream) : undefined

  function draw(): void {
    if (terminal === undefined) return
    const line = `${bar(done / total)} ${done}/${total} ${remaining(done, total, startMs)} ${current}`
    terminal.write(`\r${line.slice(0, terminal.columns - 1)}\u001b[K`)
  }

  return {
    now(text) {
      current = text
      draw()
      // Without a terminal: a line when another workload begins.
      const [workload = ''] = text.split(':')
      if (terminal === undefined && workload !== announced) {
        announced = workload
        out.write(`[${done}/${total}] ${workload} ${remaining(done, total, startMs)}\n`)
      }
    },
    step() {
      done = Math.min(total, done + 1)
      draw()
    },
    print(text) {
      terminal?.write('\r\u001b[K')
      process.stdout.write(`${text}\n`)
      draw()
    },
    end() {
      terminal?.write('\r\u001b[K')
    },
  }
}

function bar(fraction: number): string {
  const full = Math.round(Math.min(1, fraction) * 20)
  return `${'█'.repeat(full)}${'░'.repeat(20 - full)}`
}

function remaining(done: number, total: number, startMs: number): string {
  if (done < 3) return ''
  const seconds = Math.round(((performance.now() - startMs) / 1000 / done) * (total - done))
  return seconds >= 60 ? `${Math.floor(seconds / 60)} min ${seconds % 60} s left` : `${seconds} s left`
}
