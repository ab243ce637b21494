/** A worker beside the module that starts it: `.ts` in the source, `.js` in the build. */
export function workerFile(name: string, beside: string): URL {
  const extension = new URL(beside).pathname.endsWith('.ts') ? '.ts' : '.js'
  return new URL(`./${name}${extension}`, beside)
}

/**
 * The options of the process that a worker needs, too: where imports lead. Others, as `--input-type`,
 * are about the main program, and a worker would not start with them.
 */
export function workerOptions(options: readonly string[]): string[] {
  const kept: string[] = []
  for (const [at, option] of options.entries()) {
    if (option === '-C' || option === '--conditions') kept.push(option, options[at + 1] ?? '')
    else if (/^(-C|--conditions)=/.test(option)) kept.push(option)
  }
  return kept
}
