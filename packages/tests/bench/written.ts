import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { root } from '../src/busbar.ts'
import { cells } from './cells.ts'
import { machine, tables } from './page.ts'
import type { CellResults } from './results.ts'

/** Where figures are kept from run to run, so that a cell can be measured anew by itself. */
const file = join(root, 'docs/performance.json')
const page = join(root, 'docs/performance.md')
const begin = '<!-- written by npm run bench -->'
const end = '<!-- end -->'

interface Kept {
  readonly machine: string
  readonly cells: readonly CellResults[]
}

/** Replaces the figures of these cells, and writes the tables of the page from all that is kept. */
export function write(measured: readonly CellResults[]): void {
  const known = read()
  const fresh = new Map([...known, ...measured].map((results) => [results.cell, results]))
  // In the order of the table; a cell that is gone takes its figures with it.
  const all = cells.flatMap(({ name }) => fresh.get(name) ?? [])
  const kept: Kept = { machine: machine(), cells: all }
  writeFileSync(file, `${JSON.stringify(kept, undefined, 2)}\n`)
  const text = readFileSync(page, 'utf8')
  const [before, after] = [text.split(begin)[0], text.split(end)[1]]
  if (after === undefined) throw new Error(`${page} has no place for the figures`)
  const versions = new Map(all.flatMap(({ results }) => results.map((r) => [r.broker, r.version])))
  const brokers = [...versions].map(([name, version]) => `${name} ${version}`).join(', ')
  const figures = `Machine: ${kept.machine}. Brokers: ${brokers}.\n\n${tables(all)}`
  writeFileSync(page, `${before}${begin}\n${figures}\n${end}${after}`)
}

function read(): readonly CellResults[] {
  if (!existsSync(file)) return []
  return (JSON.parse(readFileSync(file, 'utf8')) as Kept).cells
}
