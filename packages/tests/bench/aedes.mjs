// aedes.mjs ENTRY PORT: Aedes as it is installed, in memory, without Nagle's algorithm.
import { createServer } from 'node:net'
import { pathToFileURL } from 'node:url'

const [entry, port] = process.argv.slice(2)
const module = await import(pathToFileURL(entry).href)
const { Aedes } = module.Aedes === undefined ? module.default : module
const broker = await Aedes.createBroker({ queueLimit: 1_000_000 })
createServer({ noDelay: true }, broker.handle).listen(Number(port), '127.0.0.1')
