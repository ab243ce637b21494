/** Something that the command line asked for and that cannot be: exit code 2. */
export class UsageError extends Error {
  override readonly name = 'UsageError'
}

/** Writes lines for people or pipes on standard output. */
export function say(text: string): void {
  process.stdout.write(`${text}\n`)
}

/** Writes what went wrong on standard error. */
export function complain(text: string): void {
  process.stderr.write(`${text}\n`)
}

/** Two columns, the second one aligned. */
export function columns(rows: readonly (readonly [string, string])[]): string {
  const width = Math.max(0, ...rows.map(([left]) => left.length))
  return rows.map(([left, right]) => `  ${left.padEnd(width)}  ${right}`.trimEnd()).join('\n')
}
