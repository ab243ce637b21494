import assert from 'node:assert/strict'
import { test } from 'node:test'
import { runCommandLine } from './command-line.ts'

const answers = [
  [['--version'], 0, /^busbar \d+\.\d+\.\d+$/, /^$/],
  [['--help'], 0, /busbar broker .*\n.*busbar conformance /, /^$/],
  [['help', 'broker'], 0, /--allow-anonymous/, /^$/],
  [['broker', '--help'], 0, /--allow-anonymous/, /^$/],
  [['conformance', '--help'], 0, /--config-format/, /^$/],
  [['brokr'], 2, /^$/, /^busbar: there is no command brokr; did you mean broker\?$/],
  [['help', 'me'], 2, /^$/, /there is no command me; `busbar help`/],
  [['--prot', '1'], 2, /^$/, /^busbar: busbar broker has no flag --prot; did you mean --port\?$/],
  [['broker', 'start'], 2, /^$/, /busbar broker takes no start/],
  [
    ['--set', 'mqtt.silent=5'],
    2,
    /^$/,
    /\n {2}--set: mqtt.silent: is 5; allowed is true or false$/,
  ],
  [['--host', '0.0.0.0'], 2, /^$/, /--host: listeners\[0\].host: .*--allow-anonymous/],
  [['--config', '/nonexistent/busbar.yaml'], 2, /^$/, /there is no such file/],
] as const

for (const [args, code, out, err] of answers) {
  test(`busbar ${args.join(' ')} ends with ${code}`, async () => {
    const said: string[] = []
    const complained: string[] = []
    const output = {
      say: (text: string) => said.push(text),
      complain: (text: string) => complained.push(text),
    }
    assert.equal(await runCommandLine(args, output), code)
    assert.match(said.join('\n'), out)
    assert.match(complained.join('\n'), err)
  })
}
