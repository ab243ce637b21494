import { basename } from 'node:path'
import { rolldown } from 'rolldown'

/**
 * Writes tests as JavaScript of ES2022, which Node 20 runs: it reads no TypeScript, and no `using`.
 * What comes through npm is left where it is.
 */
export async function bundleTests(files: readonly string[], folder: string): Promise<void> {
  const bundle = await rolldown({
    input: Object.fromEntries(files.map((file) => [`${basename(file, '.ts')}`, file])),
    platform: 'node',
    external: (id) => !/^[./#]|^@busbar\//.test(id),
    resolve: { conditionNames: ['@busbar/source', 'import', 'node', 'default'] },
    transform: { target: 'es2022' },
  })
  try {
    await bundle.write({ dir: folder, format: 'esm', entryFileNames: '[name].mjs' })
  } finally {
    await bundle.close()
  }
}
