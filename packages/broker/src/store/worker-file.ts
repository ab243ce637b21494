/** A worker beside the module that starts it: `.ts` in the source, `.js` in the build. */
export function workerFile(name: string, beside: string): URL {
  const extension = new URL(beside).pathname.endsWith('.ts') ? '.ts' : '.js'
  return new URL(`./${name}${extension}`, beside)
}
