import { runCommandLine } from './command-line.ts'
import { standardOutput } from './output.ts'

// For `ps`, and for whoever asks who holds a port.
process.title = 'busbar'
// In a clone a small process started this one; it may be killed without being able to say so.
const stop = () => process.kill(process.pid, 'SIGTERM')
if (process.connected === false) stop()
process.once('disconnect', stop)
process.channel?.unref()
// Whoever read our output may have gone; the broker has not.
for (const stream of [process.stdout, process.stderr]) stream.on('error', () => {})

process.exitCode = await runCommandLine(process.argv.slice(2), standardOutput)
