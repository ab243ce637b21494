import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Command, helpText, readArguments } from './command.ts'

const command: Command = {
  name: 'try',
  usage: ['try FILE'],
  flags: {
    port: { value: 'N', description: 'A port.' },
    memory: { description: 'No disk.' },
  },
  notes: ['More.'],
  run: async () => 0,
}

test('sorts flags, values and the rest', () => {
  const given = readArguments(command, ['a', '--port', '1', '--memory', '--port=-2', '--', '--b'])
  assert.deepEqual(given.positionals, ['a', '--b'])
  assert.deepEqual(given.values('port'), ['1', '-2'])
  assert.equal(given.value('port'), '-2')
  assert.ok(given.has('memory'))
  assert.ok(!given.has('help'))
  assert.equal(given.value('memory'), '')
})

const refused = [
  [['--prot', '1'], 'busbar try has no flag --prot; did you mean --port?'],
  [['--xyzzy'], 'busbar try has no flag --xyzzy; `busbar try --help` lists what there is'],
  [['-p'], 'busbar try has no flag -p; `busbar try --help` lists what there is'],
  [['--toString'], 'busbar try has no flag --toString; `busbar try --help` lists what there is'],
  [['--port'], '--port needs a value: --port N'],
  [['--port='], '--port needs a value: --port N'],
  [['--port', '--memory'], '--port needs a value: --port N'],
  [['--memory=yes'], '--memory takes no value'],
] as const

for (const [args, message] of refused) {
  test(`refuses ${args.join(' ')}`, () => {
    assert.throws(() => readArguments(command, args), { name: 'UsageError', message })
  })
}

test('help lists every flag', () => {
  assert.equal(
    helpText(command, 'Tries.'),
    `Tries.

  busbar try FILE

  --port N  A port.
  --memory  No disk.
  --help    Show this text.

More.`,
  )
})
