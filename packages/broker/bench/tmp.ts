import { createSqliteStore } from '../src/store/sqlite.ts'
import { commit, queued, session, message, noise, done, readQueue, end } from '../src/store/store.contract.ts'
const s = await createSqliteStore({reserveBytes: Number(process.argv[2]), folder:'/tmp/sb/small/d'}); await s.open()
await commit(s,[session('a')])
let p=0, ok:number[]=[]
for(;;){ p++; try{ await commit(s,[queued('a',p,{message:message({payload:noise(30000)})})]); ok.push(p)}catch(e:any){console.log('failed at',p,e.name,e.message);break} }
console.log('kept',ok.length)
for (let i=0;i<3;i++) console.log('small', await commit(s,[session('b'+i)]).catch((e:any)=>e.name))
console.log('done', await commit(s,ok.map(x=>done('a',x))).catch((e:any)=>e.name+e.message))
for(let t=0;t<20;t++){await new Promise(r=>setTimeout(r,50)); const r=await commit(s,[queued('a',1000+t,{message:message({payload:noise(30000)})})]).catch((e:any)=>e.name); if(t<3||t>17)console.log('again',t,r)}
console.log('left',(await readQueue(s,'a',0,1000)).length)
await s[Symbol.asyncDispose]().catch((e:any)=>console.log('dispose',e.message))
const s2 = await createSqliteStore({reserveBytes: Number(process.argv[2]), folder:'/tmp/sb/small/d'}); const r=await s2.open(); console.log('reopened',r.sessions.map(x=>[x.session.clientIdentifier,x.queuedCount])); await s2[Symbol.asyncDispose]()
