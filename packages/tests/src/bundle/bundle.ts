import { type Plugin, rolldown } from 'rolldown'

export interface Bundle {
  readonly code: string
  /** Bytes of each module before it is minified, by path. */
  readonly modules: ReadonlyMap<string, number>
  /** What the page loads only when it is used. */
  readonly later: readonly string[]
}

interface BundleOptions {
  readonly isMinified?: boolean
  /** Leaves out what is loaded later, as a bundler does that makes a file of its own of that. */
  readonly isSplit?: boolean
}

/** One module for browsers, as a page's bundler makes it. */
export async function bundleForBrowser(
  input: string,
  { isMinified = false, isSplit = false }: BundleOptions = {},
): Promise<Bundle> {
  const later: string[] = []
  const bundle = await rolldown({
    input,
    platform: 'browser',
    resolve: { conditionNames: ['@busbar/source', 'browser', 'import', 'default'] },
    plugins: isSplit ? [leaveOut(later)] : [],
  })
  try {
    const { output } = await bundle.generate({
      format: 'esm',
      minify: isMinified,
      codeSplitting: false,
      comments: !isMinified,
    })
    const [chunk, ...more] = output
    if (more.length > 0) throw new Error(`the bundle is ${output.length} files, not one`)
    const modules = Object.entries(chunk.modules).map(
      ([path, { renderedLength }]) => [path, renderedLength] as const,
    )
    return { code: chunk.code, modules: new Map(modules), later }
  } finally {
    await bundle.close()
  }
}

function leaveOut(later: string[]): Plugin {
  return {
    name: 'later',
    resolveId(id, _importer, { kind }) {
      if (kind !== 'dynamic-import') return null
      later.push(id)
      return { id, external: true }
    },
  }
}
