/** Something that the command line asked for and that cannot be: exit code 2. */
export class UsageError extends Error {
  override readonly name = 'UsageError'
}

/** Where a command writes; each call is one line or more. */
export interface Output {
  /** What was asked for. */
  say(text: string): void
  /** What went wrong. */
  complain(text: string): void
}

export const standardOutput: Output = {
  say: (text) => void process.stdout.write(`${text}\n`),
  complain: (text) => void process.stderr.write(`${text}\n`),
}

/** Two columns, the second one aligned. */
export function columns(rows: readonly (readonly [string, string])[]): string {
  const width = Math.max(0, ...rows.map(([left]) => left.length))
  return rows.map(([left, right]) => `  ${left.padEnd(width)}  ${right}`.trimEnd()).join('\n')
}

/** As people read it. */
export function size(bytes: number): string {
  if (bytes < 2 ** 10) return `${bytes} B`
  return bytes < 2 ** 20
    ? `${(bytes / 2 ** 10).toFixed(1)} KiB`
    : `${(bytes / 2 ** 20).toFixed(1)} MiB`
}
