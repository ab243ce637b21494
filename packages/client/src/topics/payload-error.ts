import { ClientError } from '../errors.ts'
import type { StandardIssue } from './standard-schema.ts'

/** A payload that its codec or schema does not accept. */
export class PayloadError extends ClientError {
  override readonly name = 'PayloadError'
  /** What the schema found; empty where the codec failed. */
  readonly issues: readonly StandardIssue[]

  constructor(message: string, options: ErrorOptions & { issues?: readonly StandardIssue[] } = {}) {
    super('invalid-payload', message, options)
    this.issues = options.issues ?? []
  }
}

/** Names the fields: `t: expected a number; at: is missing`. */
export function describeIssues(issues: readonly StandardIssue[]): string {
  const shown = issues.slice(0, maximumShown).map(({ message, path = [] }) => {
    const keys = path.map((segment) => String(typeof segment === 'object' ? segment.key : segment))
    return printable(keys.length === 0 ? message : `${keys.join('.')}: ${message}`)
  })
  const more = issues.length - shown.length
  return `${shown.join('; ')}${more > 0 ? `; and ${more} more` : ''}`
}

const maximumShown = 8

/** Validators repeat what they were given, and that came from the wire. */
function printable(text: string): string {
  return text.slice(0, 200).replace(/[^ -~\u00a1-\u2027\u202f-\u2065\u2070-\ud7ff]/g, escapeUnit)
}

function escapeUnit(unit: string): string {
  return `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`
}
