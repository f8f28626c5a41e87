// Knows whether this is Node itself: others offer the same modules, but what lies beneath is not the same.
import process from 'node:process'

export const IN_NODE: boolean = process.versions.bun === undefined && !('Deno' in globalThis)
