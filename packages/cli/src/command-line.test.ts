import assert from 'node:assert/strict'
import { test } from 'node:test'
import { runCommandLine } from './command-line.ts'

const answers = [
  [['--version'], 0, /^busbar \d+\.\d+\.\d+$/, /^$/],
  [['--help'], 0, /busbar broker (.*\n)+.*busbar conformance /, /^$/],
  [['help', 'broker'], 0, /--allow-anonymous/, /^$/],
  [['broker', '--help'], 0, /--allow-anonymous/, /^$/],
  [['-h'], 0, /busbar broker (.*\n)+.*busbar conformance /, /^$/],
  [
    ['conformance', 'mqtt://127.0.0.1:1', '--only', 'NOPE'],
    2,
    /^$/,
    /^busbar: no case, suite or statement is called NOPE$/,
  ],
  [
    ['conformance', 'mqtt://127.0.0.1:1'],
    1,
    /^$/,
    /^busbar: no broker at mqtt:[^\n]+REFUSED[^\n]+$/,
  ],
  [
    ['conformance', '--start', '/nonexistent {config}', '--only', 'MQTT5-1.5.4-1'],
    1,
    /^$/,
    /^busbar: no broker for default: [^\n]+\n?$/,
  ],
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
  [['help', 'store'], 0, /busbar store check \[FILE\]/, /^$/],
  [['backup'], 2, /^$/, /^busbar: busbar backup needs FILE$/],
  [['backup', 'a', 'b'], 2, /^$/, /^busbar: busbar backup takes no b$/],
  [['backup', 'a', '--froce'], 2, /^$/, /has no flag --froce; did you mean --force\?$/],
  [['backup', 'a', '--data', '/nonexistent'], 1, /^$/, /^busbar: There is no \/nonexistent\/b/],
  [['restore'], 2, /^$/, /^busbar: busbar restore needs FILE$/],
  [['restore', '/nonexistent/b.db'], 1, /^$/, /^busbar: There is no \/nonexistent\/b.db: give /],
  [['kick'], 2, /^$/, /^busbar: busbar kick needs CLIENT_ID$/],
  [['kick', 'a', '--data', '/nonexistent'], 1, /^$/, /^busbar: No broker runs on \/nonexistent: /],
  [['acl'], 2, /^$/, /^busbar: busbar acl has explain, test, import and denials$/],
  [['acl', 'explain', 'ann', 'publish'], 2, /^$/, /needs USER ACTION TOPIC$/],
  [
    ['acl', 'explain', 'ann', 'write', 'a'],
    2,
    /^$/,
    /there is no action write: there are publish,/,
  ],
  [['acl', 'explain', '-', 'publish', 'a', '--data', '/nonexistent'], 1, /^$/, /No broker runs on/],
  [['acl', 'test'], 2, /^$/, /^busbar: busbar acl test needs FILE$/],
  [['acl', 'import', '/nonexistent'], 2, /^$/, /\/nonexistent: cannot be read/],
  [['status', 'a'], 2, /^$/, /^busbar: busbar status takes no a$/],
  [['losses', 'a', 'b'], 2, /^$/, /^busbar: busbar losses takes no b$/],
  [['store'], 2, /^$/, /^busbar: busbar store has one action, check: busbar store check$/],
  [['store', 'chek'], 2, /^$/, /has one action, check, and no chek: busbar store check$/],
  [['store', 'check', 'a', 'b'], 2, /^$/, /^busbar: busbar store check takes no b$/],
  [['store', 'check', 'a', '--data', 'b'], 2, /^$/, /takes FILE, or --data or --config, not both$/],
  [['store', 'check', '/nonexistent'], 1, /^$/, /^busbar: There is no \/nonexistent: /],
  [['user'], 2, /^$/, /^busbar: busbar user does add, passwd, del, list, import: busbar user add/],
  [['user', 'toString'], 2, /^$/, /^busbar: busbar user does add, /],
  [['user', 'add'], 2, /^$/, /^busbar: busbar user add needs NAME$/],
  [['user', 'add', 'a', 'b'], 2, /^$/, /^busbar: busbar user add takes no b$/],
  [['user', 'list', 'a'], 2, /^$/, /^busbar: busbar user list takes no a$/],
  [['user', 'del', 'a', '--group', 'b'], 2, /^$/, /^busbar: busbar user del takes no --group$/],
  [
    ['user', 'list', '--file', 'a', '--data', 'b'],
    2,
    /^$/,
    /one of --file, --data and --config, not two$/,
  ],
  [['user', 'add', ''], 2, /^$/, /^busbar: a name has 1 to 65535 bytes and no U\+0000$/],
  [
    ['user', 'del', 'a', '--file', '/dev/null/p'],
    1,
    /^$/,
    /^busbar: \/dev\/null\/p cannot be written: /,
  ],
  [['user', 'list', '--file', '/nonexistent'], 2, /^$/, /`busbar user add` makes it$/],
  [['user', 'import', '/nonexistent'], 1, /^$/, /^busbar: \/nonexistent cannot be read: /],
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
