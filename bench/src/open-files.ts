// Knows how many files a process may have open here, and who needs more: each connection is one, at both of its ends.

/** What a process has open besides: libraries, pipes, and the last of the connections that came before. */
const besides = 100

/** In a word why so many connections are not possible here; undefined when they are. */
export function tooFewFiles(connections: number, most: number = mostOpenFiles()): string | undefined {
  const needed = connections + besides
  if (needed <= most) return undefined
  return `it needs ${count(needed)} open files a process, and ${count(most)} are allowed here: see ulimit -n`
}

let known: number | undefined

/** Node lifts its soft limit to the hard one as it starts, and so do the servers here. */
function mostOpenFiles(): number {
  return (known ??= readLimit())
}

function readLimit(): number {
  const report = process.report?.getReport() as
    | { readonly userLimits?: { readonly open_files?: { readonly soft?: number | string } } }
    | undefined
  const soft = Number(report?.userLimits?.open_files?.soft)
  // "unlimited", and systems without such limits.
  return Number.isNaN(soft) ? Infinity : soft
}

function count(value: number): string {
  return value.toLocaleString('en')
}
