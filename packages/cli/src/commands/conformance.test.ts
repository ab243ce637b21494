import assert from 'node:assert/strict'
import { test } from 'node:test'
import { readArguments } from '../command.ts'
import { conformanceCommand, readOptions } from './conformance.ts'

const profiles = ['default', 'silent', 'websocket']
const read = (...args: string[]) => readOptions(readArguments(conformanceCommand, args), profiles)

const accepted = [
  [['mqtt://a:1'], { url: 'mqtt://a:1', profiles: {} }],
  [
    ['ws://a/mqtt', '--profile', 'silent=mqtt://b', '--profile=websocket=ws://c/a=b'],
    { url: 'ws://a/mqtt', profiles: { silent: 'mqtt://b', websocket: 'ws://c/a=b' } },
  ],
  [
    ['--start', 'broker -c {config}', '--config-format', 'mosquitto', '--only', 'frame/ping'],
    {
      start: { command: 'broker -c {config}', format: 'mosquitto' },
      only: 'frame/ping',
      profiles: {},
    },
  ],
  [
    ['--start', 'broker {config}', '--version', '5', '--version', '3.1.1'],
    { start: { command: 'broker {config}', format: 'busbar' }, versions: [5, 4], profiles: {} },
  ],
] as const

for (const [args, options] of accepted) {
  test(`understands ${args.join(' ')}`, () => assert.deepEqual(read(...args), options))
}

const refused = [
  [[], /needs either the URL of a broker or --start/],
  [['mqtt://a', '--start', 'b {config}'], /needs either/],
  [['mqtt://a', 'mqtt://b'], /mqtt:\/\/b is one too many/],
  [['localhost:1883'], /^UsageError: localhost:1883 is no URL of a broker; allowed is mqtt:/],
  [['http://a'], /http:\/\/a is no URL of a broker/],
  [['--start', 'broker'], /--start needs \{config\}/],
  [['--start', 'b {config}', '--config-format', 'emqx'], /allowed is busbar or mosquitto/],
  [['mqtt://a', '--version', '4'], /--version is 4; allowed is 5, 3.1.1 or 3.1/],
  [['mqtt://a', '--version', 'toString'], /--version is toString/],
  [['mqtt://a', '--profile', 'silent'], /--profile is silent; allowed is NAME=URL/],
  [['mqtt://a', '--profile', 'silnt=mqtt://b'], /there is no profile silnt; did you mean silent\?/],
  [['mqtt://a', '--profile', 'x=mqtt://b'], /no profile x; there are default, silent, websocket/],
] as const

for (const [args, message] of refused) {
  test(`refuses ${args.join(' ')}`, () => assert.throws(() => read(...args), message))
}
