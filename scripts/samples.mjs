// Knows that every sample in README.md and docs/ is right TypeScript, strictly taken, against the library as it is
// built. Those in JavaScript, too: nothing in them may surprise who pastes them into a .ts file.
//
//   node scripts/samples.mjs
import { copyFileSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { guides, samplesOf, textOf } from './documents.mjs'
import { house, run } from './house.mjs'

// Real, since tsc names files by their real path.
const folder = mkdtempSync(join(realpathSync(tmpdir()), 'turnout-samples-'))
try {
  process.exitCode = await check()
} finally {
  rmSync(folder, { recursive: true, force: true })
}

async function check() {
  const config = {
    extends: join(house, 'tsconfig.base.json'),
    compilerOptions: {
      noEmit: true,
      isolatedDeclarations: false,
      declaration: false,
      declarationMap: false,
      noUnusedLocals: false,
      noUnusedParameters: false,
      typeRoots: [join(house, 'node_modules/@types')],
    },
    include: ['*.ts'],
  }
  writeFileSync(join(folder, 'package.json'), JSON.stringify({ type: 'module' }))
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify(config))
  copyFileSync(join(house, 'scripts/given.d.ts'), join(folder, 'given.d.ts'))
  symlinkSync(join(house, 'node_modules'), join(folder, 'node_modules'))

  const origins = new Map()
  for (const path of guides()) {
    for (const { line, code } of samplesOf(textOf(path))) {
      const name = `${path.replace(/\W+/g, '-')}-${line}.ts`
      origins.set(name, { path, before: line - 2 })
      writeFileSync(join(folder, name), `export {}\n${code}`)
    }
  }
  let output = ''
  const tsc = join(house, 'node_modules/typescript/bin/tsc')
  const code = await run(process.execPath, [tsc, '-p', folder, '--pretty', 'false'], {
    cwd: folder,
    onOutput: (chunk) => {
      output += chunk
    },
  })
  // Where it stands in the document, not in the file that was made of it.
  const told = output.replaceAll(/^([\w-]+\.ts)\((\d+),/gm, (whole, name, line) => {
    const origin = origins.get(name)
    return origin === undefined ? whole : `${origin.path}(${origin.before + Number(line)},`
  })
  if (told !== '') console.error(told.trimEnd())
  console.log(`${origins.size} samples`)
  return code
}
