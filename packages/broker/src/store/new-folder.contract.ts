import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after } from 'node:test'

const root = mkdtempSync(join(tmpdir(), 'busbar-store-'))
after(() => rmSync(root, { recursive: true }))
let folders = 0

/** The name of a folder that is not there yet, and is gone with the tests of the file. */
export const newFolder = () => join(root, `${++folders}`)
