// Knows how to get from a fresh clone to something that runs: packages installed, sources built. Needs Node and
// npm alone, and does nothing at all when there is nothing to do.
import { createHash } from 'node:crypto'
import { cpSync, existsSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { filesUnder, here, house, npm, projects, run } from './house.mjs'

const [major, minor] = process.versions.node.split('.').map(Number)
if (major < 20 || (major === 20 && minor < 19)) {
  console.error(`turnout needs Node 20.19 or later; this is ${process.version}`)
  process.exit(1)
}

const tsc = join(house, 'node_modules/typescript/bin/tsc')
const stamps = join(house, 'node_modules/.cache/turnout')

if (!installed()) await install()
if (process.platform === 'win32') lendExec()
const failed = []
for (const project of projects) {
  if (!(await build(project))) failed.push(project.name)
}
if (failed.length > 0) {
  console.error(`turnout: type errors in ${failed.join(', ')}`)
  // KEEP_GOING=1 runs what was emitted all the same: for work in progress. `npm run check` names type errors among
  // everything else that does not hold.
  if (process.env.KEEP_GOING !== '1' && process.env.npm_lifecycle_event !== 'precheck') process.exit(1)
}

/** Are the packages in node_modules the ones that the lock file names? */
function installed() {
  const wanted = readLock('package-lock.json')
  const present = readLock('node_modules/.package-lock.json')
  if (wanted === undefined || present === undefined) return false
  return Object.entries(wanted.packages).every(([path, entry]) => {
    if (path === '' || entry.optional || entry.peer || !path.startsWith('node_modules/')) return true
    const found = present.packages[path]
    return entry.link ? found !== undefined : found?.version === entry.version
  })
}

function readLock(path) {
  try {
    return JSON.parse(readFileSync(join(house, path), 'utf8'))
  } catch {
    return undefined
  }
}

async function install() {
  console.log('turnout: installing packages (npm ci)')
  const [program, args] = npm()
  const env = { ...process.env, npm_config_loglevel: 'error', npm_config_progress: 'false' }
  // A machine that nobody watches has to get over a registry that is out of breath.
  for (let attempts = process.env.CI === 'true' ? 3 : 1; attempts > 0; attempts -= 1) {
    const code = await run(program, [...args, 'ci', '--no-audit', '--no-fund'], { env })
    if (code === 0) return
    console.error(`turnout: npm ci failed with exit code ${code}; is the npm registry within reach?`)
  }
  process.exit(1)
}

/**
 * The scripts that start a server put it in place of npm's shell with `exec`: npm hands a signal to that shell,
 * which keeps it to itself. cmd.exe has no such word; npm looks for commands here first.
 */
function lendExec() {
  writeFileSync(join(house, 'node_modules/.bin/exec.cmd'), '@%*\r\n')
}

/** Builds one project if anything that it reads has changed. False: tsc found errors. */
async function build({ name, base, config, root, sources, out, assets = false }) {
  const from = join(house, base)
  const files = sources.flatMap((source) => filesUnder(join(from, source)))
  if (!files.some((file) => file.endsWith('.ts'))) return true
  const stamp = join(stamps, `${name.replace(' ', '-')}.txt`)
  const mark = fingerprint([
    ...files,
    join(from, config),
    join(from, 'tsconfig.json'),
    join(house, 'tsconfig.base.json'),
    join(house, 'package-lock.json'),
    // The other workspaces see the library as it was published.
    ...(base === 'packages/turnout' ? [] : filesUnder(join(house, 'packages/turnout/dist'))),
  ])
  const target = join(from, out)
  if (existsSync(target) && read(stamp) === mark) return true

  console.log(`turnout: building ${name}`)
  const code = await run(process.execPath, [tsc, '-p', join(from, config)])
  sweep(join(from, root), target)
  if (assets) copyAssets(join(from, root), target, files)
  if (code !== 0) {
    rmSync(stamp, { force: true })
    return false
  }
  mkdirSync(stamps, { recursive: true })
  writeFileSync(stamp, mark)
  return true
}

/** A word that changes when one of the files does. */
function fingerprint(paths) {
  const hash = createHash('sha256')
  for (const path of paths) {
    const stat = statSync(path, { throwIfNoEntry: false })
    hash.update(`${here(path)} ${stat?.size} ${stat?.mtimeMs}\n`)
  }
  return hash.digest('hex')
}

/** Removes output whose source is gone: a deleted test must not run for ever. */
function sweep(from, target) {
  for (const file of filesUnder(target)) {
    const name = relative(target, file)
    const stem = name.replace(/(\.d\.ts|\.js)(\.map)?$/, '')
    if (existsSync(join(from, `${stem}.ts`)) || existsSync(join(from, name))) continue
    rmSync(file)
  }
}

function copyAssets(from, target, files) {
  for (const file of files) {
    if (file.endsWith('.ts')) continue
    const copy = join(target, relative(from, file))
    mkdirSync(dirname(copy), { recursive: true })
    cpSync(file, copy)
  }
}

function read(path) {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return undefined
  }
}
