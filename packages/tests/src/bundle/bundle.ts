import { rolldown } from 'rolldown'

export interface Bundle {
  readonly code: string
  /** Bytes of each module before it is minified, by path. */
  readonly modules: ReadonlyMap<string, number>
}

/** One minified module for browsers, as a page's bundler makes it. */
export async function bundleForBrowser(input: string, isMinified = true): Promise<Bundle> {
  const bundle = await rolldown({
    input,
    platform: 'browser',
    resolve: { conditionNames: ['@busbar/source', 'browser', 'import', 'default'] },
  })
  try {
    const { output } = await bundle.generate({ format: 'esm', minify: isMinified })
    const [chunk, ...more] = output
    if (more.length > 0) throw new Error(`the bundle is ${output.length} files, not one`)
    const modules = Object.entries(chunk.modules).map(
      ([path, { renderedLength }]) => [path, renderedLength] as const,
    )
    return { code: chunk.code, modules: new Map(modules) }
  } finally {
    await bundle.close()
  }
}
