// Knows whether this is Node itself, and which: others offer the same modules, but what lies beneath is not the same.
import process from 'node:process'

export const IN_NODE: boolean = process.versions.bun === undefined && !('Deno' in globalThis)

/** The major version of Node, or of the Node that another claims to be. */
export const NODE_MAJOR: number = Number.parseInt(process.versions.node, 10)
