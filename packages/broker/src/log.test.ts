import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createLog, type LogFields, type LogLevel } from './log.ts'

function written(format: 'text' | 'json', event: string, fields?: LogFields): string {
  const lines: string[] = []
  const log = createLog(
    { level: 'debug', format },
    { write: (line) => lines.push(line), wallNow: () => 0 },
  )
  log.info(event, fields)
  assert.equal(lines.length, 1)
  return lines[0] ?? ''
}

const prefix = '1970-01-01T00:00:00.000Z info  '

const rows = [
  ['no fields', undefined, ''],
  [
    'plain values',
    { a: 'b', n: 1, yes: true, nothing: undefined, none: null },
    ' a=b n=1 yes=true none=null',
  ],
  ['spaces', { a: 'b c' }, ' a="b c"'],
  ['quotes', { a: 'b"c' }, ' a="b\\"c"'],
  ['empty text', { a: '' }, ' a=""'],
  ['text that looks like a field', { a: 'b=c' }, ' a="b=c"'],
  ['a forged line', { a: 'x\n1970 error forged' }, ' a="x\\n1970 error forged"'],
  ['a backslash, so that escapes are certain', { a: 'a\\nb' }, ' a="a\\\\nb"'],
  ['ANSI', { a: '\u001b[31mred\u009b' }, ' a="\\u{1b}[31mred\\u{9b}"'],
  ['NUL, CR and DEL', { a: '\0\r\u007f' }, ' a="\\u{0}\\u{d}\\u{7f}"'],
  [
    'bidirectional overrides',
    { a: 'a\u202eb\u2066c\u200f' },
    ' a="a\\u{202e}b\\u{2066}c\\u{200f}"',
  ],
  ['what has no width', { a: 'a\u200bb\ufeff\u{e0041}' }, ' a="a\\u{200b}b\\u{feff}\\u{e0041}"'],
  ['line separators', { a: '\u2028\u2029' }, ' a="\\u{2028}\\u{2029}"'],
  ['half a surrogate pair', { a: 'a\ud800' }, ' a="a\\u{d800}"'],
  ['text in other scripts', { a: 'größe/温度/🌡' }, ' a=größe/温度/🌡'],
  ['bytes, which may be secrets', { payload: new Uint8Array(5) }, ' payload="[5 bytes]"'],
  [
    'secrets',
    { password: 'p', apiToken: 't', authentication_data: 'd' },
    ' password=[secret] apiToken=[secret] authentication_data=[secret]',
  ],
  [
    'secrets within',
    { user: { name: 'a', serverKey: 'k' } },
    ' user={"name":"a","serverKey":"[secret]"}',
  ],
  ['lists', { a: ['b\n', 1] }, ' a=["b\\\\n",1]'],
  ['numbers JSON has no word for', { a: Number.NaN, b: 5n }, ' a=NaN b=5'],
] as const

for (const [name, fields, expected] of rows) {
  test(`text: ${name}`, () =>
    assert.equal(written('text', 'event', fields), `${prefix}event${expected}\n`))

  test(`json: ${name}`, () => {
    const line = written('json', 'event', fields)
    assert.doesNotMatch(line.slice(0, -1), /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u)
    const record = JSON.parse(line)
    assert.deepEqual(
      [record.time, record.level, record.event],
      ['1970-01-01T00:00:00.000Z', 'info', 'event'],
    )
    for (const [key, value] of Object.entries(fields ?? {})) {
      if (typeof value === 'string' && record[key] !== '[secret]') assert.equal(record[key], value)
    }
  })
}

test('an event with a control character is one line, too', () => {
  assert.equal(written('text', 'a\nb'), `${prefix}a\\nb\n`)
})

test('long text is cut', () => {
  const line = written('text', 'event', { topic: 'x'.repeat(65_535) })
  assert.ok(line.length < 1_000)
  assert.match(line, /x… \(65535 characters\)/)
})

test('an error is logged with its stack on one line', () => {
  const line = written('text', 'event', { error: new Error('a defect') })
  assert.match(line, /error="Error: a defect\\n +at /)
  assert.equal(line.indexOf('\n'), line.length - 1)
})

test('a circle is cut, and a field cannot replace the level', () => {
  const circle: Record<string, unknown> = {}
  circle.self = circle
  assert.match(written('text', 'event', { circle }), /circle=/)
  const record = JSON.parse(written('json', 'event', { level: 'forged', circle }))
  assert.deepEqual([record.level, record.level_], ['info', 'forged'])
})

test('levels below the configured one are off', () => {
  const levels: readonly LogLevel[] = ['error', 'warn', 'info', 'debug']
  for (const [index, level] of levels.entries()) {
    const lines: string[] = []
    const log = createLog({ level, format: 'text' }, { write: (line) => lines.push(line) })
    for (const each of levels) log[each]('event')
    assert.equal(lines.length, index + 1)
    assert.deepEqual(
      levels.map((each) => log.isOn(each)),
      levels.map((_, at) => at <= index),
    )
  }
})
