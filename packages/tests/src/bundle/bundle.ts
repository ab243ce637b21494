import { type InputOptions, type Plugin, rolldown } from 'rolldown'

/** As a page's bundler resolves. */
const forBrowser: InputOptions = {
  platform: 'browser',
  resolve: { conditionNames: ['@busbar/source', 'browser', 'import', 'default'] },
}

export interface Bundle {
  readonly code: string
  /** Bytes of each module before it is minified, by path. */
  readonly modules: ReadonlyMap<string, number>
  /** What the page loads later, and is not in it. */
  readonly later: readonly string[]
}

/** One minified file: what a page loads first, and of the rest what is to be in it as well. */
export async function measuredBundle(
  input: string,
  isIncluded: (part: string) => boolean,
): Promise<Bundle> {
  const later: string[] = []
  const bundle = await rolldown({ input, ...forBrowser, plugins: [leaveOut(isIncluded, later)] })
  try {
    const { output } = await bundle.generate({
      format: 'esm',
      minify: true,
      codeSplitting: false,
      comments: false,
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

/** The files of a page by name: `page.js`, and those that it loads. */
export async function filesForBrowser(input: string): Promise<ReadonlyMap<string, string>> {
  const bundle = await rolldown({ input, ...forBrowser })
  try {
    const { output } = await bundle.generate({ format: 'esm', entryFileNames: 'page.js' })
    return new Map(
      output.flatMap((file) => (file.type === 'chunk' ? [[file.fileName, file.code]] : [])),
    )
  } finally {
    await bundle.close()
  }
}

function leaveOut(isIncluded: (part: string) => boolean, later: string[]): Plugin {
  return {
    name: 'later',
    resolveId(id, _importer, { kind }) {
      if (kind !== 'dynamic-import' || isIncluded(id)) return null
      later.push(id)
      return { id, external: true }
    },
  }
}
