// Knows which of the house's words travel with the package: npm packs only what lies inside it.
import { copyFileSync } from 'node:fs'
import { join } from 'node:path'
import { house } from './house.mjs'

for (const name of ['README.md', 'LICENSE'])
  copyFileSync(join(house, name), join(house, 'packages/turnout', name))
