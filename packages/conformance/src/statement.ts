import { readFileSync } from 'node:fs'

/** One statement of a standard, in our words. */
export interface Statement {
  /** `MQTT5-…` and `MQTT3-…` for numbered ones, `U5-…` for requirements of 5.0 without a number. */
  readonly id: string
  readonly section: string
  /** Who has the duty. */
  readonly appliesTo: 'server' | 'client' | 'both'
  readonly packets: string
  readonly text: string
}

const lists = ['mqtt5', 'mqtt5-unnumbered', 'mqtt311'] as const

/** All statements of MQTT 5.0 and 3.1.1 by their id, in the order of the standards. */
export const statements: ReadonlyMap<string, Statement> = new Map(
  lists.flatMap(readList).map((statement) => [statement.id, statement]),
)

function readList(name: string): Statement[] {
  // The same from src and from dist, which lie side by side.
  const file = new URL(`../statements/${name}.tsv`, import.meta.url)
  const [, ...lines] = readFileSync(file, 'utf8').trimEnd().split('\n')
  return lines.map((line) => {
    const [id = '', section = '', appliesTo = '', packets = '', text = ''] = line.split('\t')
    if (appliesTo !== 'server' && appliesTo !== 'client' && appliesTo !== 'both') {
      throw new Error(`${name}.tsv: ${id} applies to ${JSON.stringify(appliesTo)}`)
    }
    return { id, section, appliesTo, packets, text }
  })
}
