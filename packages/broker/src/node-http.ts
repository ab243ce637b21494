/**
 * What the broker uses of `node:http`. An `import` reads everything that the module exports, and
 * with that loads what Node has for `fetch`: 15 MB that no broker needs.
 */
export const { Agent, createServer, request, STATUS_CODES } = process.getBuiltinModule('node:http')
