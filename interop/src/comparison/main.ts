// Runs every check of the comparison and writes what it found into the documents:
//   node interop/dist/src/comparison/main.js [part of a fact]
// A cell that cannot be checked here keeps what it says.
import { contenders } from './contenders/all.ts'
import { groups, type Place, places, readFindings, write } from './table.ts'

const only = process.argv[2] ?? ''
const findings = readFindings('docs/comparison.md')
for (const row of groups.flatMap(({ rows }) => rows)) {
  const cells = findings.get(row.fact) ?? new Map()
  findings.set(row.fact, cells)
  for (const contender of contenders) {
    if (
      !row.fact.includes(only) ||
      contender.missing() !== undefined ||
      row.cannot?.(contender) !== undefined
    )
      continue
    const found = await row.check(contender).catch((error) => `failed: ${error}`)
    console.log(`${row.fact} | ${contender.name} | ${found}`)
    cells.set(contender.name, found)
  }
}
for (const place of Object.keys(places)) write(place as Place, findings)
process.exit(0)
